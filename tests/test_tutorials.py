"""The tutorials, followed word by word: each command is run, and prints what its page shows."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.engine import BASE_IMAGE
from tests.support.fresh_machine import entering, make_root
from tests.support.pages import ROOT
from tests.support.processes import PATH
from tests.support.site import GitSite
from tests.support.walkthrough import Step, differences, play

AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
}  # fmt: skip


def follow(
    page: str,
    folder: Path,
    environment: Mapping[str, str],
    other: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> None:
    """Follow a page in an empty folder; every command must print what is shown below it."""
    folder.mkdir()
    program = {"PATH": f"{Path(sys.executable).parent}:{PATH}", "HOME": str(folder)}
    found = play(page, folder, {**program, **environment}, other, within)
    wrong = [(step.text, differences(step, said), said) for step, said in found]
    assert [each for each in wrong if each[1]] == []


@pytest.mark.engine
def test_author_and_user(tmp_path: Path, stored_base: Path, base_image: str, engine: str) -> None:
    assert base_image == BASE_IMAGE
    site = GitSite(
        tmp_path / "site", engine, BASE_IMAGE, {"images": {"path": str(stored_base)}}, "layers"
    )
    remote = site.repository("text/tidy")
    settings = {**AUTHOR, "XDG_STATE_HOME": str(tmp_path / "state")}
    follow(
        "docs/tutorial-author.md", tmp_path / "author", settings,
        {"git@git.example:text/tidy.git": str(remote)},
    )  # fmt: skip
    settings = {"MLREEF_HOOKS_CONFIG": str(site.config), "XDG_STATE_HOME": str(tmp_path / "state")}
    follow("docs/tutorial-user.md", tmp_path / "user", settings)


@pytest.mark.long
def test_administrator_of_a_fresh_machine(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    within = entering(root, tmp_path / "work", ROOT)
    follow(
        "docs/tutorial-admin.md", tmp_path / "folder", {},
        {"https://git.example/": "file:///host/"}, within,
    )  # fmt: skip


def test_what_differs_is_told() -> None:
    step = Step(text="x", shown=("a 1f00ba9", "...", "c 0.2 s"))
    assert differences(step, ["a abcdef0", "b", "c 3.4 s"]) == []
    assert differences(step, ["b", "a abcdef0", "c 1 s"]) != []
    assert differences(step, ["a abcdef0", "b"]) == ["not printed: c SIZE s"]
    assert differences(step, ["a abcdef0", "c 1 s", "d"]) == ["not shown: d"]

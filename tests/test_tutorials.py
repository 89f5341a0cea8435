"""The tutorials, followed word by word: each command is run, and prints what its page shows."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.engine import BASE_IMAGE
from tests.support.fresh_machine import entering, make_root
from tests.support.pages import ROOT
from tests.support.processes import PATH
from tests.support.site import GitSite
from tests.support.walkthrough import (
    Step,
    differences,
    must_succeed,
    play,
    preparations,
    steps,
)

AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
}  # fmt: skip
# What the pages of authors and users take for given: git, then an engine and a server of one
# repository. No package may start its service, which would change the network of this machine.
GIT = "apt-get update -q && apt-get install -qy --no-install-recommends git"
SERVER = (
    "mlreef-hooks/examples/debian-packages mmdebstrap docker.io",
    "mlreef-hooks/examples/private-engine start /engine --host=unix:///var/run/docker.sock",
    "git init --quiet --bare --initial-branch=master /srv/git/text/tidy.git",
    "mlreef-hooks/install.sh --all /srv/git",
    "mlreef-hooks base",
    'printf \'[base.default]\\nimage = "mlreef-base:bookworm"\\npython = "3.11"\\n\''
    " >> /etc/mlreef-hooks/config.toml",
)


def follow(
    found: Iterable[Step],
    folder: Path,
    environment: Mapping[str, str],
    other: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> None:
    """Take the steps in an empty folder; every command must print what is shown below it."""
    folder.mkdir()
    program = {"PATH": f"{Path(sys.executable).parent}:{PATH}", "HOME": str(folder)}
    done = play([*found], folder, {**program, **environment}, other, within)
    wrong = [(step.text, differences(step, said), said) for step, said in done]
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
        steps("docs/tutorial-author.md"), tmp_path / "author", settings,
        {"git@git.example:text/tidy.git": str(remote)},
    )  # fmt: skip
    settings = {"MLREEF_HOOKS_CONFIG": str(site.config), "XDG_STATE_HOME": str(tmp_path / "state")}
    follow(steps("docs/tutorial-user.md"), tmp_path / "user", settings)


@pytest.mark.engine
@pytest.mark.long
def test_administrator_of_a_fresh_machine(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    within = entering(root, tmp_path / "work", ROOT)
    follow(
        steps("docs/tutorial-admin.md"), tmp_path / "folder", {},
        {"https://git.example/": "file:///host/"}, within,
    )  # fmt: skip


@pytest.mark.engine
@pytest.mark.long
def test_author_and_user_of_a_fresh_machine(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    author, user = "docs/tutorial-author.md", "docs/tutorial-user.md"
    found = [
        must_succeed(GIT), *preparations(author), *map(must_succeed, SERVER),
        *steps(author), must_succeed("cd"), *steps(user),
        must_succeed("~/mlreef-hooks/examples/private-engine stop /engine"),
    ]  # fmt: skip
    other = {
        "https://git.example/": "file:///host/",
        "git@git.example:text/tidy.git": "/srv/git/text/tidy.git",
    }
    follow(found, tmp_path / "folder", {}, other, entering(root, tmp_path / "work", ROOT))


def test_what_differs_is_told() -> None:
    step = Step(text="x", shown=("a 1f00ba9", "...", "c 0.2 s"))
    assert differences(step, ["a abcdef0", "b", "c 3.4 s"]) == []
    assert differences(step, ["b", "a abcdef0", "c 1 s"]) != []
    assert differences(step, ["a abcdef0", "b"]) == ["not printed: c SIZE s"]
    assert differences(step, ["a abcdef0", "c 1 s", "d"]) == ["not shown: d"]

"""`yank`, `unyank`, `deprecate` and `undeprecate`, by real pushes and commands."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.servers.folders import folder_of
from tests.support.git import Author, remote_lines
from tests.support.publishing import publish
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site

REASON = "it turns pictures upside down"


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    return make_site(tmp_path / "site")


@pytest.fixture
def author(site: GitSite) -> Author:
    """The author of two versions."""
    author = site.author(MODULE)
    publish(author, PROJECT, "1.0.0")
    publish(author, {"README.md": "more"}, "1.1.0")
    assert site.versions(MODULE) == ["1.1.0", "1.0.0"]
    return author


def standing(site: GitSite, version: str) -> tuple[Any, ...]:
    """What stands in the index of a version's worth."""
    found = (site.document(MODULE) or {})["versions"]
    (each,) = [each for each in found if each["version"] == version]
    return each["yanked"], each["yank_reason"], each.get("deprecated")


def listed(site: GitSite) -> Any:
    """The listing line of the module."""
    (line,) = json.loads(site.command("list", "--format", "json").stdout)
    return line


def pushed(author: Author, *refs: str) -> str:
    return "\n".join(remote_lines(author.push(*refs)))


def test_a_yanked_version_is_chosen_by_nobody(site: GitSite, author: Author) -> None:
    said = site.command("yank", f"{MODULE}@1.1", "--reason", f"{REASON}\x1b[31m\nnow").stdout
    assert said == f"{MODULE}@1.1.0 is yanked\n"
    assert standing(site, "1.1.0") == (True, f"{REASON}[31m now", None)
    assert standing(site, "1.0.0") == (False, None, None)
    assert (listed(site)["version"], listed(site)["yanked"]) == ("1.0.0", False)
    assert "1.1.0 (yanked)" in site.command("show", MODULE).stdout
    site.command("unyank", f"{MODULE}@1.1.0")
    assert standing(site, "1.1.0") == (False, None, None)
    assert listed(site)["version"] == "1.1.0"


def test_a_tag_pushed_again_does_not_bring_back_what_a_command_yanked(
    site: GitSite, author: Author
) -> None:
    site.command("yank", f"{MODULE}@1.1.0", "--reason", REASON)
    for refs in (["publish/1.1.0"], [":publish/1.1.0"], ["publish/1.1.0"]):
        pushed(author, *refs)
        assert standing(site, "1.1.0")[:2] == (True, REASON), refs


def test_a_reason_takes_the_place_of_the_deleted_tag(site: GitSite, author: Author) -> None:
    pushed(author, ":publish/1.1.0")
    site.command("yank", f"{MODULE}@1.1.0", "--reason", REASON)
    pushed(author, "publish/1.1.0")
    assert standing(site, "1.1.0")[:2] == (True, REASON)


def test_unyank_takes_back_what_a_deleted_tag_yanked(site: GitSite, author: Author) -> None:
    pushed(author, ":publish/1.1.0")
    assert standing(site, "1.1.0")[0]
    site.command("unyank", f"{MODULE}@1.1.0")
    assert standing(site, "1.1.0")[:2] == (False, None)


@pytest.mark.parametrize("reason", ["", " \n", "\x1b", "the publish tag was deleted"])
def test_a_reason_says_something(site: GitSite, author: Author, reason: str) -> None:
    failed = site.command("yank", f"{MODULE}@1.1.0", "--reason", reason, expect=1)
    assert "is no reason" in failed.stderr
    assert not standing(site, "1.1.0")[0]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["yank", MODULE, "--reason", REASON], 2),
        (["yank", f"{MODULE}@1.1.0"], 2),
        (["yank", f"{MODULE}@9", "--reason", REASON], 1),
        (["deprecate", "text/other", "--reason", REASON], 1),
        (["unyank", f"{MODULE}@"], 2),
    ],
)
def test_what_is_not_there_or_not_said(
    site: GitSite, author: Author, words: list[str], status: int
) -> None:
    before = site.document(MODULE)
    site.command(*words, expect=status)
    assert site.document(MODULE) == before


def test_a_deprecated_version_is_chosen_and_warned_of(site: GitSite, author: Author) -> None:
    before = site.document(MODULE)
    site.command("deprecate", f"{MODULE}@1.1.0", "--reason", REASON)
    assert standing(site, "1.1.0") == (False, None, REASON)
    assert standing(site, "1.0.0") == (False, None, None)
    assert (listed(site)["version"], listed(site)["deprecated"]) == ("1.1.0", REASON)
    assert "1.1.0 deprecated" in site.command("list").stdout
    assert f"deprecated  {REASON}" in site.command("show", MODULE).stdout
    run = site.command("run", MODULE, "-p", "input-path=/a", "-p", "output-path=/b", expect=None)
    assert f"warning: {MODULE} is deprecated: {REASON}" in run.stderr
    site.command("undeprecate", f"{MODULE}@1.1.0")
    assert site.document(MODULE) == before
    assert "deprecated" not in listed(site)


def test_a_deprecated_module_stays_so_with_its_next_version(site: GitSite, author: Author) -> None:
    site.command("deprecate", MODULE, "--reason", REASON)
    publish(author, {"README.md": "still more"}, "1.2.0")
    assert (listed(site)["version"], listed(site)["deprecated"]) == ("1.2.0", REASON)
    assert f"deprecated  {REASON}" in site.command("show", f"{MODULE}@1.0.0").stdout
    site.command("undeprecate", MODULE)
    assert "deprecated" not in (site.document(MODULE) or {})


def test_what_is_said_of_a_version_makes_nothing_more_visible(
    site: GitSite, author: Author
) -> None:
    repository = site.repositories / f"{MODULE}.git"
    for visibility, word, expected in (
        ("public", "deprecate", "private"), ("private", "yank", "private"),
    ):  # fmt: skip
        author.git("config", "--file", str(repository / "config"), "mlreef.visibility", visibility)
        site.command(word, f"{MODULE}@1.1.0", "--reason", REASON)
        assert listed(site)["visibility"] == expected


def test_a_repository_that_is_gone_hides_nothing(site: GitSite, author: Author) -> None:
    repository = site.repositories / f"{MODULE}.git"
    author.git("config", "--file", str(repository / "config"), "mlreef.visibility", "public")
    publish(author, {"README.md": "for all"}, "1.2.0")
    assert listed(site)["visibility"] == "public"
    repository.rename(site.folder / "away.git")
    site.command("yank", f"{MODULE}@1.2.0", "--reason", REASON)
    assert (listed(site)["visibility"], listed(site)["version"]) == ("public", "1.1.0")


def test_a_repository_and_a_folder_of_one_name_are_told_apart() -> None:
    assert folder_of("text/upper", Path("/srv/git")) == Path("/srv/git/text/upper.git")
    assert folder_of("text/upper/", Path("/srv/git")) == Path("/srv/git/text/upper")

"""The contract between versions: what a number promises, and what becomes of one that breaks it."""

from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from mlreef_hooks.change import Change
from mlreef_hooks.contract import Comparison, compare, with_comparison
from mlreef_hooks.index import add_version, manifest_facts
from mlreef_hooks.version_promise import (
    PARTS,
    Part,
    last_before,
    may_break,
    needed_part,
    next_version,
    raised,
)
from tests.index_entries import MANIFEST, PARAMETERS, make_entry
from tests.support.git import Author, GitError, remote_lines
from tests.support.publishing import publish, unwrapped
from tests.support.site import PROJECT, SCRIPT, GitSite
from tests.support.tiny_site import MODULE, make_site

OTHER_SCRIPT = SCRIPT.replace("--times", "--count").replace("args.times", "args.count")
BREAKS = "1.0.1 breaks what worked with 1.0.0: parameter times is gone: call it 2.0.0"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("1.2.3", "1.2.4", False), ("1.2.3", "1.3.0", False), ("1.2.3", "2.0.0", True),
        ("1.2", "1.2.0.post1", False), ("1.2", "1.3rc1", False), ("1.2", "2.0rc1", True),
        ("0.1.2", "0.1.3", False), ("0.1.2", "0.2.0", True), ("0.9", "1.0", True),
        ("0", "0.0.1", False), ("1.2", "1!1.2", True), ("2.0rc1", "2.0rc2", True),
        ("2026.10", "2026.11", False), ("1.2.3.4", "1.2.3.5", False),
    ],
)  # fmt: skip
def test_what_a_number_promises(before: str, after: str, *, expected: bool) -> None:
    assert may_break(Version(before), Version(after)) is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.2.3", ("2.0.0", "1.3.0", "1.2.4")),
        ("0.4", ("1.0.0", "0.5.0", "0.4.1")),
        ("2.0rc1", ("2.0.0", "2.0.0", "2.0.0")),
        ("1.5b1", ("2.0.0", "1.5.0", "1.5.0")),
        ("1.2.3.4", ("2.0.0", "1.3.0", "1.2.4")),
        ("1.2.post1", ("2.0.0", "1.3.0", "1.2.1")),
        ("1!1.2", ("1!2.0.0", "1!1.3.0", "1!1.2.1")),
    ],
)
def test_a_part_is_raised(version: str, expected: tuple[str, ...]) -> None:
    assert tuple(str(raised(Version(version), part)) for part in PARTS) == expected


@pytest.mark.parametrize("version", ["0.3.1", "1.2.3", "2.0rc1", "1.2.3.4", "1!0.1"])
def test_the_part_that_is_needed_is_enough(version: str) -> None:
    before = Version(version)
    part = needed_part(before, breaking=True, adding=False)
    after = raised(before, part)
    assert after > before
    assert may_break(before, after)


@pytest.mark.parametrize(
    ("version", "breaking", "adding", "part"),
    [
        ("1.0", False, False, "patch"), ("1.0", False, True, "minor"), ("1.0", True, True, "major"),
        ("0.1", False, True, "patch"), ("0.1", True, False, "minor"),
    ],
)  # fmt: skip
def test_which_part_is_needed(version: str, *, breaking: bool, adding: bool, part: Part) -> None:
    assert needed_part(Version(version), breaking=breaking, adding=adding) == part


def test_the_first_version_is_one() -> None:
    assert next_version([], "patch") == Version("1.0.0")
    assert next_version([Version("1.1"), Version("2.0")], "minor") == Version("2.1.0")


@pytest.mark.parametrize(
    ("version", "published", "expected"),
    [
        ("1.1.5", "1.1.3 1.1.4 2.0", "1.1.4"), ("2.0", "1.5 2.0rc1", "1.5"),
        ("2.0rc2", "1.5 2.0rc1", "1.5"), ("1.0", "1.0rc1 1.0rc2", "1.0rc2"),
        ("1.0", "", None), ("1.0", "1.0 2.0", None),
    ],
)  # fmt: skip
def test_which_version_came_before(version: str, published: str, expected: str | None) -> None:
    found = last_before(Version(version), map(Version, published.split()))
    assert found == (expected and Version(expected))


def document_of(*versions: str, **manifest: Any) -> Any:
    document = None
    for version in versions:
        document = add_version(document, make_entry(version, **manifest).document())
    return document


def compared(version: str, document: Any, **manifest: Any) -> Comparison | None:
    """A version beside those of a document."""
    entry = make_entry(version, **manifest)
    facts = manifest_facts(entry.manifest)
    return compare(document, Version(version), entry.manifest.kind, facts)


def test_a_first_version_has_no_changes() -> None:
    assert compared("1.0", None) is None
    assert compared("1.0", document_of("2.0")) is None


def test_the_same_again_has_no_changes_either() -> None:
    found = compared("1.3", document_of("1.2"))
    assert found is not None
    assert (found.changes, found.broken, found.to_json()) == (
        (),
        False,
        {"since": "1.2", "changes": []},
    )


def test_a_yanked_version_does_not_count() -> None:
    document = document_of("1.1", "1.2")
    document["versions"][0] |= {"yanked": True, "yank_reason": "broken"}
    found = compared("1.3", document)
    assert found is not None
    assert found.since == Version("1.1")


def test_a_version_that_breaks_is_told_what_to_be_called() -> None:
    found = compared("1.1.5", document_of("1.1.4", "2.0"), parameters=PARAMETERS[:-1])
    assert found is not None
    problem = found.problem("publish/1.1.5", {})
    assert problem is not None
    assert str(problem) == (
        "warning: publish/1.1.5: 1.1.5 breaks what worked with 1.1.4: parameter shuffle is gone:"
        " call it 3.0.0, or let what worked work on [version-breaking]"
    )


def test_a_version_that_may_break_has_no_finding() -> None:
    found = compared("2.0", document_of("1.1"), parameters=PARAMETERS[:-1])
    assert found is not None
    assert found.breaking == (Change(what="parameter-removed", subject="shuffle", breaking=True),)
    assert found.problem("publish/2.0", {}) is None


def test_the_kind_is_compared_where_it_is_known() -> None:
    document = document_of("1.1", "2.0")
    assert MANIFEST.kind == "data-operation"
    for version, kinds in (("2.1", ["kind-changed"]), ("1.2", [])):
        found = compared(version, document, kind="model")
        assert found is not None
        assert [change.what for change in found.changes] == kinds


def test_the_index_keeps_so_many_changes() -> None:
    environment = {f"V{number}": "1" for number in range(300)}
    entry = make_entry("1.3", environment=environment, parameters=PARAMETERS[:-1]).document()
    (version,) = with_comparison(entry, document_of("1.2"))["versions"]
    assert len(version["changes"]) == 200
    assert version["changes"][0]["what"] == "parameter-removed"


# -- by real pushes --------------------------------------------------------------------------------


def author_of(site: GitSite, *, gate: bool = False) -> Author:
    """An author whose version 1.0.0 is published."""
    author = site.author(MODULE)
    assert "success: upper 1.0.0" in publish(author, PROJECT)
    if gate:
        site.command("install", "--repo", site.repositories / f"{MODULE}.git", "--gate")
    return author


def test_a_push_tells_what_changed_and_the_index_keeps_it(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    author = author_of(site)
    said = publish(author, {"upper.py": OTHER_SCRIPT}, "1.0.1")
    assert all(len(line) <= 72 for line in said.splitlines())
    assert (
        "  change  2 changes since 1.0.0\n"
        "          breaking: parameter times is gone\n"
        "          parameter count is new and optional\n"
        "warning: publish/1.0.1: "
    ) in said
    assert f"{BREAKS}, or let what worked work on [version-breaking]" in unwrapped(said)
    assert "success: upper 1.0.1 is published" in said
    document = site.document(MODULE)
    assert document is not None
    newer, older = document["versions"]
    assert (newer["since"], "since" in older, "changes" in older) == ("1.0.0", False, False)
    assert newer["changes"] == [
        {"what": "parameter-removed", "subject": "times", "before": None, "after": None,
         "breaking": True},
        {"what": "parameter-added", "subject": "count", "before": None, "after": "optional",
         "breaking": False},
    ]  # fmt: skip
    assert "change" not in publish(author, {"README.md": "more"}, "1.0.2")


def test_a_site_that_wants_no_breach_publishes_none(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", rules={"version-breaking": "error"})
    author = author_of(site)
    said = unwrapped(publish(author, {"upper.py": OTHER_SCRIPT}, "1.0.1"))
    assert f"error: publish/1.0.1: {BREAKS}" in said
    assert "hint: push a tag with a higher version, and delete publish/1.0.1" in said
    assert site.versions(MODULE) == ["1.0.0"]
    assert "success: upper 2.0.0" in publish(author, {}, "2.0.0")


def test_the_gate_of_such_a_site_refuses_the_tag(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", rules={"version-breaking": "error"})
    author = author_of(site, gate=True)
    author.commit({"upper.py": OTHER_SCRIPT})
    author.tag("publish/1.0.1")
    with pytest.raises(GitError, match="pre-receive hook declined") as caught:
        author.push("--atomic", "master", "publish/1.0.1")
    said = remote_lines(str(caught.value))
    assert "          breaking: parameter times is gone" in said
    assert f"error: publish/1.0.1: {BREAKS}" in unwrapped("\n".join(said))
    author.git("tag", "publish/2.0.0")
    author.push("--atomic", "master", "publish/2.0.0")
    assert site.versions(MODULE) == ["2.0.0", "1.0.0"]

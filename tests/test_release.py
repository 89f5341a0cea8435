"""What a release is called, tagged and said of: values only."""

from collections.abc import Sequence

import pytest
from packaging.version import Version

from mlreef_hooks.change import Change
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.own_clone import plain_line
from mlreef_hooks.push import TagPattern
from mlreef_hooks.release import (
    find_published,
    places_of,
    propose,
    read_outcome,
    read_version,
    ssh_place,
    tag_of,
    write_notes,
)
from mlreef_hooks.version_promise import Part

PATTERNS = Config().publish.patterns
BREAKING = Change(what="parameter-removed", subject="x", breaking=True)
ADDING = Change(what="parameter-added", subject="x", after="optional")
OTHER = Change(what="package-moved", subject="x")


@pytest.mark.parametrize(
    ("tags", "several", "form", "versions"),
    [
        ("", False, "publish/{version}", ""),
        ("", True, "publish/{module}/{version}", ""),
        ("publish/1.0 v0.9 publish/turn/2.0 x", False, "publish/{version}", "1.0"),
        ("v0.9 v1.0 other", False, "v{version}", "0.9 1.0"),
        ("turn@v1.0 look@v3.0", True, "{module}@v{version}", "1.0"),
        ("publish/turn/1.0 publish/look/3.0", True, "publish/{module}/{version}", "1.0"),
        ("v1.0", True, "publish/{module}/{version}", ""),
        ("1.0", False, "{version}", "1.0"),
    ],
)
def test_the_form_of_tags_is_that_of_those_there(
    tags: str, *, several: bool, form: str, versions: str
) -> None:
    found = find_published(dict.fromkeys(tags.split(), "c"), PATTERNS, "turn", several=several)
    assert (found.pattern.text, {*found.tags}) == (form, {*map(Version, versions.split())})


def test_a_form_that_fits_no_repository_of_several_is_told() -> None:
    with pytest.raises(PublishError) as caught:
        find_published({}, [TagPattern.parse("v{version}")], "turn", several=True)
    assert caught.value.hint == "give --tag-pattern publish/{module}/{version}"


def test_a_tag_is_written_by_its_form() -> None:
    version = Version("1.2")
    assert tag_of(TagPattern.parse("{module}@v{version}"), "turn", version) == "turn@v1.2"


@pytest.mark.parametrize(
    ("published", "changes", "part", "expected"),
    [
        ("", None, None, "1.0.0"),
        ("1.2", [BREAKING, ADDING], None, "2.0.0"),
        ("1.2 1.1", [OTHER, ADDING], None, "1.3.0"),
        ("1.2", [OTHER], None, "1.2.1"),
        ("1.2", [], None, "1.2.1"),
        ("1.2", None, None, "1.3.0"),  # nobody knows what changed
        ("0.3.1", [BREAKING], None, "0.4.0"),
        ("0.3.1", [ADDING], None, "0.3.2"),
        ("1.2", [OTHER], "major", "2.0.0"),
        ("1.2 2.0rc1", [BREAKING], None, "2.0.0"),
    ],
)
def test_a_version_is_proposed(
    published: str, changes: Sequence[Change] | None, part: Part | None, expected: str
) -> None:
    assert propose([*map(Version, published.split())], changes, part) == Version(expected)


@pytest.mark.parametrize(
    "text", ["", "one", "1.0+local", "1.2.0", "1.0 \x1b[31m", "9" * 5000, "9" * 129]
)
def test_what_is_no_new_version_is_refused(text: str) -> None:
    with pytest.raises(PublishError) as caught:
        read_version(text, [Version("1.2")])
    assert "\x1b" not in caught.value.message


def test_notes_are_made_of_the_log() -> None:
    subjects = ["# not a comment", "\x1b[31mred\u202e", "", "plain"]
    assert write_notes("turn", Version("1.2"), subjects) == (
        "turn 1.2\n\n- # not a comment\n- [31mred\n- plain"
    )
    assert write_notes("turn", Version("1.2"), []) == "turn 1.2"
    assert write_notes("turn", Version("1.2"), ["x"] * 60).endswith("- x\n- and 10 more")


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("https://git.example/team/Vision/old.git", ["vision/turn", "team/vision/turn"]),
        ("git@git.example:vision/old.git", ["vision/turn"]),
        ("ssh://git@git.example:22/vision/old", ["vision/turn"]),
        ("/srv/git/old.git/", ["git/turn", "srv/git/turn"]),
        ("", []),
    ],
)  # fmt: skip
def test_where_a_module_may_be_in_an_index(url: str, places: list[str]) -> None:
    assert places_of(url, "turn") == places


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("git@git.example:vision/old.git", "ssh://git@git.example"),
        ("git.example:old.git", "ssh://git.example"),
        ("ssh://git@git.example:2222/vision/old", "ssh://git@git.example:2222"),
        ("-oProxyCommand=evil:x", None),
        ("ssh://-oProxyCommand=evil/x", None),
        ("https://git.example/x", None),
        ("/srv/git/x.git", None),
    ],
)
def test_which_remotes_are_asked_over_ssh(url: str, place: str | None) -> None:
    assert ssh_place(url) == place


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["mlreef: publishing", "success: turn 1.2 is published (0.1 s)"], "published"),
        (["mlreef: turn 1.2 is", "  already published"], "published"),
        (["success: turn 1.1 is published (0.1 s)"], "silent"),
        (["success: edge of turn is 123"], "silent"),
        (["mlreef: publishing", "mlreef: job 7 goes on in the background"], "waits"),
        (["error: away", "hint: job 7 is kept and tried again in 10 s"], "waits"),
        (["mlreef: publish/1.2 is parked: abc is not on main"], "parked"),
        (["mlreef: publishing", "error: not published because of 1 error"], "failed"),
        ([], "silent"),
        (["welcome"], "silent"),
    ],
)
def test_what_the_server_says_is_understood(lines: list[str], expected: str) -> None:
    assert read_outcome(lines, "turn", Version("1.2")) == expected


def test_what_git_says_is_shown_plainly() -> None:
    assert (
        plain_line(b"remote:   check  3\x1b[2J files  \x1b[K\n")
        == "remote:   check  3[2J files  [K"
    )
    assert plain_line(b"To \xff/x\r\n") == "To \N{REPLACEMENT CHARACTER}/x"

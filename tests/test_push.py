"""What a push says: ref lines, tag patterns, and which tags publish which version of what."""

import subprocess

import pytest
from packaging.version import Version

from mlreef_hooks.config import Publish
from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import PublishTag, RefUpdate, TagPattern, parse_ref_updates, read_tag
from tests.support.processes import find_program

OLD, NEW, ZERO = "a" * 40, "b" * 40, "0" * 40
DEFAULT = Publish().patterns


def patterns(*texts: str) -> tuple[TagPattern, ...]:
    """The parsed patterns."""
    return tuple(map(TagPattern.parse, texts))


# -- ref updates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "ref"),
    [
        (f"{OLD} {NEW} refs/tags/publish/1.0", "refs/tags/publish/1.0"),
        (f"{OLD} {'c' * 64} refs/heads/master", "refs/heads/master"),
        (f"{OLD} {NEW} refs/tags/a'$(id);\u202e", "refs/tags/a'$(id);\u202e"),
        (f"{OLD} {NEW} refs/tags/\udcff", "refs/tags/\udcff"),
        (f"{OLD} {NEW} ", None),
        (f"{OLD} {NEW}", None),
        (f"{OLD[1:]} {NEW} refs/heads/master", None),
        (f"{OLD.upper()} {NEW} refs/heads/master", None),
        ("", None),
    ],
)
def test_a_line_of_a_hook_s_input(line: str, ref: str | None) -> None:
    updates = parse_ref_updates(line.encode(errors="surrogateescape") + b"\n")
    assert [update.ref for update in updates] == ([] if ref is None else [ref])


def test_lines_of_another_form_do_not_hide_the_others() -> None:
    text = f"{ZERO} {NEW} refs/heads/x\nnonsense\n{OLD} {ZERO} refs/tags/v1"
    assert parse_ref_updates(text.encode()) == (
        RefUpdate(old=ZERO, new=NEW, ref="refs/heads/x"),
        RefUpdate(old=OLD, new=ZERO, ref="refs/tags/v1"),
    )


@pytest.mark.parametrize(
    ("new", "ref", "deleted", "tag"),
    [
        (NEW, "refs/tags/publish/1.0", False, "publish/1.0"),
        (ZERO, "refs/tags/publish/1.0", True, "publish/1.0"),
        ("0" * 64, "refs/heads/refs/tags/v1", True, None),
        (NEW, "refs/tagsx", False, None),
    ],
)
def test_ref_update(new: str, ref: str, deleted: bool, tag: str | None) -> None:
    update = RefUpdate(old=OLD, new=new, ref=ref)
    assert (update.deleted, update.tag) == (deleted, tag)


# -- tags ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forms", "tag", "module", "version"),
    [
        (None, "publish/1.2.0", None, "1.2.0"),
        (None, "publish/v1.2.0", None, "1.2.0"),
        (None, "publish/1!2.0rc1", None, "1!2.0rc1"),
        (None, "publish/2024.1.post3.dev4", None, "2024.1.post3.dev4"),
        (None, "publish/add-noise/1.2.0", "add-noise", "1.2.0"),
        (None, "publish/2/1", "2", "1"),
        (["v{version}"], "v1.0", None, "1.0"),
        (["{version}"], "1.0", None, "1.0"),
        (["{module}@v{version}"], "add-noise@v1.0", "add-noise", "1.0"),
        (["{module}@v{version}"], "a@vb@v1.0", "a@vb", "1.0"),
        (["{version}-{module}"], "1.0-add-noise", "add-noise", "1.0"),
        (["{version}-release"], "1.0-release", None, "1.0"),
        (["{module}-{version}"], "add-noise-1.0-1", "add-noise", "1.0.post1"),
        (["{module}-{version}"], "resnet-50-2.0", "resnet-50", "2.0"),
        (["a.b+(c)|{version}$"], "a.b+(c)|1.0$", None, "1.0"),
        (["publish/{module}/{version}", "v{version}"], "v3", None, "3"),
    ],
)
def test_a_publish_tag(forms: list[str] | None, tag: str, module: str | None, version: str) -> None:
    found = read_tag(tag, patterns(*forms) if forms else DEFAULT)
    assert found == PublishTag(tag=tag, module=module, version=Version(version))


@pytest.mark.parametrize(
    ("forms", "tag"),
    [
        (None, "publish/"),
        (None, "publish/latest"),
        (None, "publish/1.2.0+local"),
        (None, "publish/1.2.0 "),
        (None, "publish/ 1.2.0"),
        (None, "publish/1.2.0\n"),
        (None, "publish/\u0661.\u0662"),
        (None, "publish/1.0.po\u017ft1"),
        (None, "publish/1.2.x"),
        (None, "publish/a/b/1.0"),
        (None, "publish//1.0"),
        (None, "publish/" + "9" * 500),
        (None, "publish/1!" + "1." * 64 + "0"),
        (None, "publish/1.0\u202e"),
        (["v{version}"], "v1.x"),
        (["v{version}"], "v1.0+cuda"),
        (["{module}@v{version}"], "add-noise@v1.x"),
        (["{version}-release"], "1.x-release"),
    ],
)
def test_a_tag_that_was_meant_to_publish_has_no_version(forms: list[str] | None, tag: str) -> None:
    found = read_tag(tag, patterns(*forms) if forms else DEFAULT)
    assert found == PublishTag(tag=tag, module=None, version=None)


@pytest.mark.parametrize(
    ("forms", "tag"),
    [
        (None, "v1.0"),
        (None, "published/1.0"),
        (None, "PUBLISH/1.0"),
        (None, "x/publish/1.0"),
        (["v{version}"], "vendor/x"),
        (["v{version}"], "V1.0"),
        (["v{version}"], "v"),
        (["v{version}"], ""),
        (["{module}@v{version}"], "add-noise@vendor"),
        (["{module}@v{version}"], "@v"),
        (["a.b{version}"], "axb1.0"),
        (["aba{version}ab"], "aba"),
        (["{version}-release"], "1.0-released"),
        (["{module}-{version}"], "-" * 100_000),
    ],
)
def test_a_tag_of_somebody_else(forms: list[str] | None, tag: str) -> None:
    assert read_tag(tag, patterns(*forms) if forms else DEFAULT) is None


def test_versions_are_equal_by_their_meaning() -> None:
    found = [read_tag(f"publish/{text}", DEFAULT) for text in ("1.2", "1.2.0", "v1.2.0.0")]
    assert len({each.version for each in found if each}) == 1
    epoch = read_tag("publish/1!1.2", DEFAULT)
    assert epoch is not None
    assert epoch.version == Version("1!1.2")
    assert epoch.version != Version("1.2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("publish/", "write {version} once"),
        ("{version}/{version}", "write {version} once"),
        ("{module}", "write {version} once"),
        ("{module}/{module}/{version}", "write {version} once"),
        ("{name}-{version}", "write {version} once"),
        ("{module}{version}", "write {module}@v{version}"),
        ("{version}{module}", "write {module}@v{version}"),
        ("publish {version}", "check-ref-format"),
        ("v{version}\nx", "check-ref-format"),
        ("v*{version}", "check-ref-format"),
        ("/v{version}", "check-ref-format"),
        ("v..{version}", "check-ref-format"),
    ],
)
def test_what_is_no_pattern(text: str, said: str) -> None:
    with pytest.raises(PublishError) as raised:
        TagPattern.parse(text)
    assert said in raised.value.hint


# -- what the shell hook greps ---------------------------------------------------------------------

REFS = [
    "publish/1.0", "publish/add-noise/1.0", "publish/latest", "published/1.0", "x/publish/1.0",
    "v1.0", "v1.x", "vendor/x", "xv1.0", "a@v1.0", "a@v1.x", "a@x", "a.b1.0", "axb1.0", "a$b1.0",
    "a$b+(c)|1.0-x", "1.0", "1.0-release", "1.x-release", "1.0-released", "a'b1.0", "\u00e91.0",
    "\udcff1.0", "{1.0",
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("publish/{version}", {"publish/1.0", "publish/add-noise/1.0", "publish/latest"}),
        ("publish/{module}/{version}", {"publish/1.0", "publish/add-noise/1.0", "publish/latest"}),
        ("v{version}", {"v1.0", "v1.x", "vendor/x"}),
        ("{module}@v{version}", {"a@v1.0", "a@v1.x"}),
        ("{version}", set(REFS)),
        ("a.b{version}", {"a.b1.0"}),
        ("a$b{version}", {"a$b1.0", "a$b+(c)|1.0-x"}),
        ("a$b+(c)|{version}-x", {"a$b+(c)|1.0-x"}),
        ("a'b{version}", {"a'b1.0"}),
        ("{version}-release", {"1.0-release", "1.x-release", "1.0-released"}),
        ("\u00e9{version}", {"\u00e91.0"}),
        ("{{version}", {"{1.0"}),
    ],
)
def test_grep_finds_every_tag_that_is_read_or_claimed(form: str, expected: set[str]) -> None:
    pattern = TagPattern.parse(form)
    found = grep(f"^[0-9a-f]* [0-9a-f]* {pattern.grep_expression()}")
    assert found == expected
    assert found >= {tag for tag in REFS if read_tag(tag, [pattern]) is not None}


def grep(expression: str) -> set[str]:
    """The tags of `REFS` that the shell hook's grep finds in the input of a push."""
    lines = "".join(f"{OLD} {NEW} refs/tags/{tag}\n" for tag in REFS)
    lines += f"{OLD} {NEW} refs/heads/publish/1.0\n"
    done = subprocess.run(
        [find_program("grep"), "-a", "-e", expression],
        input=lines.encode(errors="surrogateescape"),
        env={"LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    found = done.stdout.decode(errors="surrogateescape").splitlines()
    return {line.partition(" refs/tags/")[2] for line in found}

"""Hostile trees: what cannot be unpacked is found, what need not be read is not read."""

import time

import pytest

from mlreef_hooks.config import Config, Limits
from mlreef_hooks.problems import Problems, printable
from mlreef_hooks.tree import ReadObjects, SourceTree, Words
from mlreef_hooks.tree_entry import EXECUTABLE, FILE, SUBMODULE, SYMLINK, TreeEntry
from mlreef_hooks.tree_rules import check_tree
from mlreef_hooks.validation import validate
from tests.support.trees import memory_tree

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


def rules(tree: SourceTree, limits: Limits | None = None) -> list[tuple[str, str]]:
    """Rule and path of each finding about a tree."""
    problems = Problems()
    check_tree(tree, limits or Limits(), problems)
    return [(each.rule, each.path) for each in problems]


@pytest.mark.parametrize(
    ("path", "faults"),
    [
        ("a.py", []),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt", []),  # Persian needs a joiner
        ("\u754c/caf\u00e9 \U0001f468\u200d\U0001f469.png", []),
        ("a b\u00a0c\u3000d", []),
        (".github/a", []),
        (".gitignore", []),
        ("...", []),
        ("a\\b", []),
        ("-rf", []),
        ("$(id);`id`'\"", []),
        ("b" * 255, []),
        ("", ["empty or absolute"]),
        ("/a", ["empty or absolute"]),
        ("a//b", ["empty or absolute"]),
        ("a/", ["empty or absolute"]),
        (".", [". or .."]),
        ("..", [". or .."]),
        ("a/../b", [". or .."]),
        ("a/.", [". or .."]),
        (".wh.keep", ["part .wh.*"]),
        ("a/.wh..wh..opq/x", ["part .wh.*"]),
        ("a/b.wh.c", []),
        (".git", ["part .git"]),
        ("a/.Git/hooks/x", ["part .git"]),
        (".git. .", ["part .git"]),
        ("a\nb", ["control or direction"]),
        ("a\x00", ["control or direction"]),
        ("a\x9b31m", ["control or direction"]),
        ("a\u202eb", ["control or direction"]),
        ("a\u2066b", ["control or direction"]),
        ("a\u2028b", ["control or direction"]),
        ("a\udc80b", ["not UTF-8"]),
        ("b" * 256, ["255 bytes"]),
        ("\u754c" * 86, ["255 bytes"]),
        ("/".join(["b" * 100] * 40), ["4000 bytes"]),
        ("/../.git/\x1b", ["empty or absolute", ". or ..", "part .git", "control or direction"]),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_path(path: str, faults: list[str]) -> None:
    problems = Problems()
    check_tree(memory_tree({path: ""}), Limits(), problems)
    assert [each.rule for each in problems] == ["tree-path"] * len(faults)
    for each, fault in zip(problems, faults, strict=True):
        assert fault in each.message
        assert str(each).isprintable()


@pytest.mark.parametrize(
    ("link", "target", "leads_out"),
    [
        ("a", b"b", False),
        ("a", b"./b/../c", False),
        ("a/b/c", b"../../d", False),
        ("a/b", b"..", False),
        ("a", b"..b", False),
        ("a", b"caf\xe9", False),
        ("a", b"..", True),
        ("a", b"b/../../c", True),
        ("a/b", b"../../c", True),
        ("a", b"/etc/passwd", True),
        ("a", b"b\0c", True),
        ("a", b"", True),
        ("a", b"b" * 4097, True),
    ],
)
def test_a_link(link: str, target: bytes, leads_out: bool) -> None:
    found = rules(memory_tree({}, [(link, SYMLINK, target)]))
    assert found == ([("tree-symlink", link)] if leads_out else [])


@pytest.mark.parametrize(
    ("links", "files", "faults"),
    [
        ({"a": "b", "b": "c"}, ["c"], {}),
        ({"a": "d", "d": "e/f", "e/g": "../x"}, ["e/f", "x"], {}),
        ({"up": "d/e", "out": "up/../../x"}, ["d/e/f"], {}),
        ({"a": "d", "out": "a/../../x"}, ["d/e"], {"out": "leads out of the repository"}),
        (
            {"d/up": "..", "d/out": "up/../x"},
            ["up/y"],
            {"d/out": "leads out of the repository"},
        ),
        ({"a": "b", "b": "a"}, [], {"a": "leads in a circle", "b": "leads in a circle"}),
        ({"a": "a/x"}, [], {"a": "leads in a circle"}),
        ({"d/a": "/etc", "b": "d/a/passwd"}, [], dict.fromkeys(["d/a", "b"], "leads out")),
    ],
)
def test_links_are_followed_through_links(
    links: dict[str, str], files: list[str], faults: dict[str, str]
) -> None:
    extra = [(path, SYMLINK, target.encode()) for path, target in links.items()]
    problems = Problems()
    check_tree(memory_tree(dict.fromkeys(files, ""), extra), Limits(), problems)
    found = {each.path: each.message for each in problems}
    assert found.keys() == faults.keys()
    assert all(fault in found[path] for path, fault in faults.items())


@pytest.mark.parametrize(
    "target",
    [b"a/" * 2047 + b"a", b"x/../" * 800 + b"l1", b"l1/" * 1300, b"a/" * 1990 + b"../" * 30],
)
def test_links_without_end_are_followed_only_so_far(target: bytes) -> None:
    links = [(f"{'d/' * (number % 40)}l{number}", SYMLINK, target) for number in range(10_000)]
    began = time.process_time()
    rules(memory_tree({}, links))
    assert time.process_time() - began < 8  # on a busy machine; it takes two seconds


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ([("a", FILE, b""), ("a", FILE, b"")], ["a"]),
        ([("a", FILE, b""), ("a", SYMLINK, b"/etc")], ["a"]),
        ([("a", FILE, b"")] * 3, ["a"]),
        ([("a", SYMLINK, b"b"), ("a/b", FILE, b"")], ["a"]),
        ([("a/b/c", FILE, b""), ("a", FILE, b""), ("a/b", FILE, b"")], ["a", "a/b"]),
        ([("a", FILE, b""), ("ab/c", FILE, b""), ("a.b/c", FILE, b"")], []),
    ],
)
def test_a_name_that_stands_twice(extra: list[tuple[str, int, bytes]], found: list[str]) -> None:
    assert rules(memory_tree({}, extra)) == [("tree-duplicate", path) for path in found]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a", "A"], ["A"]),
        (["a/b", "A/B", "a/B"], ["A/B", "a/B"]),
        (["\u00e9", "\u00c9"], ["\u00c9"]),
        (["stra\u00dfe", "strasse"], []),
        (["a/x", "A/y"], []),
    ],
)
def test_names_that_differ_only_in_case(paths: list[str], found: list[str]) -> None:
    assert rules(memory_tree(dict.fromkeys(paths, ""))) == [
        ("tree-case-clash", path) for path in found
    ]


@pytest.mark.parametrize(
    ("attributes", "content", "found"),
    [
        ("*.bin filter=lfs diff=lfs\n", POINTER, True),
        ("*.bin text\n", POINTER, False),
        ("*.bin filter=lfs\n", b"real content, as long as a pointer: " + b"0" * 100, False),
        ("*.bin filter=lfs\n", POINTER + b"0" * 1000, False),
    ],
)
def test_pointers_of_lfs(attributes: str, content: bytes, found: bool) -> None:
    tree = memory_tree({"data/.gitattributes": attributes, "data/a.bin": content})
    assert rules(tree) == ([("tree-lfs-pointer", "data/a.bin")] if found else [])


@pytest.mark.parametrize("mode", [SUBMODULE, SYMLINK])
def test_attributes_that_are_no_file_are_not_read(mode: int) -> None:
    entry = TreeEntry(path=".gitattributes", mode=mode, size=0, id="")
    read: list[str] = []

    def content(entry: TreeEntry) -> bytes:
        read.append(entry.path)
        return b"x"

    check_tree(SourceTree([entry], ReadObjects(content)), Limits(), Problems())
    assert read == ([] if mode == SUBMODULE else [".gitattributes"])  # a link's target is looked at


@pytest.mark.parametrize("mode", [FILE, EXECUTABLE, 0o100664, 0o100600])
def test_a_file_of_any_mode_is_a_file(mode: int) -> None:
    tree = memory_tree({}, [("a", mode, b"0" * 11)])
    assert tree.get("a") is not None
    assert rules(tree, Limits(file_bytes=10)) == [("tree-file-too-large", "a")]


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        (Limits(files=3, depth=2, file_bytes=10, tree_bytes=30), []),
        (Limits(files=2), ["tree-too-many-files"]),
        (Limits(depth=1), ["tree-too-deep"]),
        (Limits(tree_bytes=29), ["tree-too-large"]),
        (Limits(file_bytes=9), ["tree-file-too-large"] * 3),
        (
            Limits(files=1, depth=1, tree_bytes=1),
            ["tree-too-large", "tree-too-many-files", "tree-too-deep"],
        ),
    ],
)
def test_limits(limits: Limits, found: list[str]) -> None:
    content = b"0" * 10
    tree = memory_tree({"a": content, "b/c/d": content, "e": content})
    assert [rule for rule, _ in rules(tree, limits)] == found


@pytest.mark.parametrize("beyond", ["tree-too-many-files", "tree-too-deep"])
def test_a_listing_that_stopped_at_a_limit(beyond: str) -> None:
    assert rules(memory_tree({"a": ""}, beyond=beyond)) == [(beyond, ".")]


@pytest.mark.parametrize("beyond", [None, "tree-too-many-files", "tree-too-deep"])
def test_a_tree_beyond_the_limits_is_not_read(beyond: str | None) -> None:
    """What is beyond the listing cannot be searched: a tree bomb has billions of paths."""

    class Unsearched(ReadObjects):
        def search(self, words: Words) -> set[str] | None:
            raise AssertionError("searched")

    def content(entry: TreeEntry) -> bytes:
        raise AssertionError(f"read {entry.path}")

    names = ("mlreef.toml", "requirements.txt", "train.py", ".gitattributes")
    entries = [TreeEntry(path=name, mode=FILE, size=100, id="") for name in names]
    tree = SourceTree(entries, Unsearched(content), beyond=beyond)
    limits = Limits() if beyond else Limits(tree_bytes=399)
    validation = validate(tree, name="x", config=Config(limits=limits))
    assert validation.manifests == ()
    assert [each.rule for each in validation.problems] == [beyond or "tree-too-large"]


def test_a_huge_tree_is_checked_quickly() -> None:
    paths = [f"{'d/' * (number % 60)}{number}" for number in range(50_000)]
    tree = memory_tree(dict.fromkeys(paths, b""))
    began = time.perf_counter()
    assert rules(tree) == []
    assert time.perf_counter() - began < 6  # on a busy machine; it takes half a second


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u754c b", "a\u754c b"),
        ("a\x1b[0m\n", "a\\x1b[0m\\n"),
        ("\u202e\udcff\U000e0001", "\\u202e\\udcff\\U000e0001"),
        ("caf\u00e9\x07", "caf\u00e9\\x07"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_a_link_that_leads_out_is_found_whatever_else_is_said_of_its_name() -> None:
    problems = Problems()
    tree = memory_tree({"Link": ""}, [("link", SYMLINK, b"/etc/passwd")])
    check_tree(tree, Limits(), problems)
    assert [each.rule for each in problems] == ["tree-case-clash", "tree-symlink"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("vendor/lib.x", "lib.x @ git+https://HOST/lib.x.git@COMMIT"),
        ("$(x) y", "NAME @ git+https://HOST/NAME.git@COMMIT"),
    ],
)
def test_a_submodule_is_told_of_with_the_requirement_to_write(path: str, shown: str) -> None:
    """Whatever is in `.gitmodules`, which is not read."""
    read: list[str] = []

    def content(entry: TreeEntry) -> bytes:
        read.append(entry.path)
        return b'[submodule "x"]\n\turl = ext::sh\n'

    settings = TreeEntry(path=".gitmodules", mode=FILE, size=40, id="0")
    link = TreeEntry(path=path, mode=SUBMODULE, size=0, id="1" * 40)
    problems = Problems()
    assert check_tree(SourceTree([settings, link], ReadObjects(content)), Limits(), problems)
    (found,) = problems
    assert (found.rule, found.severity, found.path, found.line) == (
        "tree-submodule", "warning", path, None,
    )  # fmt: skip
    assert "copy them into the repository" in found.hint
    assert f"requirements.txt: {shown}, as git submodule status" in found.hint
    assert read == []

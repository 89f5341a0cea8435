"""Folders of plain files are known without being listed, and nothing is overlooked for that."""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing

import pytest

from mlreef_hooks.changed_tree import opened_folders
from mlreef_hooks.config import Config, Limits
from mlreef_hooks.plain_folders import PlainFolders, RawEntry
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.tree import READ_ONE_BY_ONE, ReadObjects, SourceTree, Words
from mlreef_hooks.tree_entry import FILE, FolderSummary, KnownFolder, TreeEntry
from mlreef_hooks.tree_listing import nothing_known
from mlreef_hooks.tree_summary import key_of, summarise
from mlreef_hooks.validation import Validation, validate
from tests.support.git import Author
from tests.support.raw_objects import RawObjects
from tests.support.site import PROJECT

MANY = 1200
PLAIN: Sequence[RawEntry] = [(b"f%04d.txt" % n, 0o100644, b"%040x" % n) for n in range(MANY)]


def folders_known(
    trees: Mapping[str, Sequence[RawEntry]],
    recalled: Mapping[str, FolderSummary] | None = None,
    most: int = 10_000,
) -> Mapping[str, FolderSummary]:
    """What is known of trees, where the size of a file is the number that its id is."""
    folders = PlainFolders(
        (lambda ids: recalled) if recalled is not None else nothing_known,
        lambda id_, most: trees[id_] if len(trees[id_]) <= most else None,
        lambda ids: {id_: int(id_, 16) for id_ in ids},
        most,
    )
    known = folders([*trees])
    trees = {}  # none is read twice
    assert folders([*known]) == known
    return known


def test_a_folder_of_plain_files_is_summed_up() -> None:
    mixed = [(b"run", 0o100755, b"%040x" % 5), (b"a-b_c. d", 0o100644, b"%040x" % 5)]
    known = folders_known({"many": PLAIN, "mixed": mixed})
    assert known["mixed"] == FolderSummary(
        entries=2, files=2, size=10, largest=5, depth=0, longest=8
    )
    assert known["many"].size == sum(range(MANY))
    assert all(each.new for each in known.values())


@pytest.mark.parametrize(
    "entry",
    [
        (b"folder", 0o040000, b"0" * 40),
        (b"link", 0o120000, b"0" * 40),
        (b"submodule", 0o160000, b"0" * 40),
        (b"old", 0o100664, b"0" * 40),
        (b"f0001.txt", 0o100644, b"0" * 40),
        (b"F0001.TXT", 0o100644, b"0" * 40),
        (b"mlreef.toml", 0o100644, b"0" * 40),
        (b".gitattributes", 0o100644, b"0" * 40),
        (b".git", 0o100644, b"0" * 40),
        (b".wh.x", 0o100644, b"0" * 40),
        (b"..", 0o100644, b"0" * 40),
        (b"", 0o100644, b"0" * 40),
        (b" a", 0o100644, b"0" * 40),
        (b"a/b", 0o100644, b"0" * 40),
        (b"a\nb", 0o100644, b"0" * 40),
        (b"a\xff", 0o100644, b"0" * 40),
        ("aä".encode(), 0o100644, b"0" * 40),
        (b"a" * 101, 0o100644, b"0" * 40),
    ],
    ids=lambda entry: f"{entry[1]:o} {entry[0][:12]!r}",
)
def test_a_folder_with_anything_else_is_listed(entry: RawEntry) -> None:
    for place in (0, 7, MANY):
        odd = [*PLAIN[:place], entry, *PLAIN[place:]]
        assert folders_known({"odd": odd, "plain": PLAIN}).keys() == {"plain"}


def test_few_files_and_more_than_the_site_allows_are_listed() -> None:
    assert folders_known({"few": PLAIN[:900]}) == {}
    assert folders_known({"few": PLAIN[:900], "empty": [], "and": PLAIN[:100]}).keys() == {
        "few",
        "and",
    }
    assert folders_known({"many": PLAIN}, most=MANY - 1) == {}
    twice = {str(number): PLAIN for number in range(5)}
    assert folders_known(twice, most=2 * MANY).keys() == {"0", "1"}


def test_few_sources_are_listed_so_that_the_whole_tree_need_not_be_searched() -> None:
    source: RawEntry = (b"main.py", 0o100644, b"0" * 40)
    known = folders_known({"some": [*PLAIN, source], "none": PLAIN})
    assert [*known] == ["none"]
    many = [(b"p" + name + b".py", mode, id_) for name, mode, id_ in PLAIN[:READ_ONE_BY_ONE]]
    known = folders_known({"some": [*PLAIN, source], "many": many, "none": PLAIN})
    assert {id_: each.sources for id_, each in known.items()} == {
        "some": True, "many": True, "none": False,
    }  # fmt: skip


class Unsearched(ReadObjects):
    """Objects that are not to be searched as a whole."""

    def search(self, words: Words) -> set[str] | None:
        raise AssertionError(words)


def test_folders_without_sources_are_not_searched() -> None:
    main = TreeEntry(path="main.py", mode=FILE, size=4, id="1")
    summary = folders_known({"data": PLAIN})["data"]
    known = {"data/": KnownFolder(id="data", summary=summary)}
    tree = SourceTree([main], Unsearched(lambda entry: b"word"), folders={"": "0"}, known=known)
    assert tree.python_files_with(["word"]) == {"main.py"}
    assert summarise(tree, ())["data"].python == {"word": ()}


def test_what_is_remembered_is_not_read() -> None:
    summary = FolderSummary(entries=1, files=1, size=1, largest=1, depth=0, longest=1)
    assert folders_known({"a": ()}, recalled={"a": summary}) == {"a": summary}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Author:
    """An author with a project, and three folders of as many files as are not listed."""
    author = Author(tmp_path_factory.mktemp("large") / "clone", "nowhere")
    folders = {f"d{n % 3}/f{n}.txt": str(n) for n in range(MANY)}
    sources = {f"d1/p{n}.py": "" for n in range(READ_ONE_BY_ONE)}
    author.commit({**PROJECT, **folders, **sources, "d1/tool.py": "import argparse\n"})
    return author


def check(author: Author, opened: set[str]) -> tuple[SourceTree, Validation]:
    """The tree of the last commit, of which `opened` is listed, and what is found in it."""
    with closing(GitRepository(author.folder)) as repository:
        root = author.git("rev-parse", "HEAD^{tree}")
        tree = repository.read_folder(root, Limits(), nothing_known, opened=opened)
        return tree, validate(tree, name="x", config=Config())


def test_the_same_is_found_whether_they_are_listed_or_not(large: Author) -> None:
    changes: list[Mapping[str, str | None]] = [
        {},
        {"d0/F0.txt": ""},
        {"d0/main.py": PROJECT["upper.py"], "d0/F0.txt": None},
        {"d0/main.py": None, "D1/x": ""},
        {"D1/x": None, "mlreef.toml": '[module]\nentry_point = "d1/tol.py"\n'},
        {"mlreef.toml": None, "d1/tool.py": "def (\n", "upper.py": "import d1.tool\n"},
        {".gitattributes": "*.bin filter=lfs\n", "upper.py": PROJECT["upper.py"]},
    ]
    known = []
    for change in changes:
        large.commit({**change, "README.md": os.urandom(4).hex()})
        paths = large.git("ls-files").splitlines()
        tree, validation = check(large, set())
        listed, of_listed = check(large, opened_folders(paths))
        assert listed.known == {}
        assert tree.all_entries() == [*listed.entries]
        assert (tree.files, tree.count, tree.size) == (listed.files, listed.count, listed.size)
        assert validation == of_listed
        assert summaries(tree, validation) == summaries(listed, of_listed)
        known.append([*tree.known])
    assert known[0] == ["d0/", "d1/", "d2/"]
    assert known[-1] == []  # pointers of Git LFS were not looked for in any


BAD_NAMES = [
    b"..", b".git", b".GIT ", b".wh.x", b"a\nb", b"\x1b[31m", b"\xff", "\u202e".encode(),
    b"x" * 256,
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name)[:16])
@pytest.mark.parametrize("outer", [False, True])
def test_no_folder_is_known_whose_name_is_refused(
    raw: RawObjects, name: bytes, outer: bool
) -> None:
    blob = raw.put("blob", b"")
    folder = raw.tree(*[("100644", file, blob) for file, _, _ in PLAIN])
    if outer:
        folder = raw.tree(("40000", b"inner", folder))
    commit = raw.commit(raw.tree(("40000", name, folder)))
    with closing(GitRepository(raw.git_dir)) as repository:
        tree = repository.read_tree(commit, Limits())
        validation = validate(tree, name="x", config=Config())
    refused = [each for each in validation.problems if each.rule == "tree-path"]
    assert len({each.path for each in refused}) == MANY
    assert summaries(tree, validation) == {}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> RawObjects:
    """A repository of trees that no git command writes."""
    return RawObjects(tmp_path_factory.mktemp("raw") / "raw.git")


def summaries(tree: SourceTree, validation: Validation) -> Mapping[str, object]:
    """What is remembered of a tree, as JSON."""
    found = summarise(tree, validation.problems)
    return {key_of(id_): summary.to_json() for id_, summary in found.items()}

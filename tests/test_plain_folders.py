"""Folders of plain files are known without being listed, and nothing is overlooked for that."""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing

import pytest

from mlreef_hooks.changed_tree import opened_folders
from mlreef_hooks.config import Config, Limits
from mlreef_hooks.plain_folders import PlainFolders, RawEntry
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_entry import FolderSummary
from mlreef_hooks.tree_listing import nothing_known
from mlreef_hooks.tree_summary import key_of, summarise
from mlreef_hooks.validation import Validation, validate
from tests.support.git import Author
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


def test_what_is_remembered_is_not_read() -> None:
    summary = FolderSummary(entries=1, files=1, size=1, largest=1, depth=0, longest=1)
    assert folders_known({"a": ()}, recalled={"a": summary}) == {"a": summary}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Author:
    """An author with a project, and three folders of as many files as are not listed."""
    author = Author(tmp_path_factory.mktemp("large") / "clone", "nowhere")
    folders = {f"d{n % 3}/f{n}.txt": str(n) for n in range(MANY)}
    author.commit({**PROJECT, **folders, "d1/tool.py": "import argparse\n"})
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


def summaries(tree: SourceTree, validation: Validation) -> Mapping[str, object]:
    """What is remembered of a tree, as JSON."""
    found = summarise(tree, validation.problems)
    return {key_of(id_): summary.to_json() for id_, summary in found.items()}

"""A tree of git as a `SourceTree`: listed by id, content when asked, nothing checked out."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

from mlreef_hooks.config import Limits
from mlreef_hooks.git import ask_git
from mlreef_hooks.lfs_tree import LfsContents, uses_lfs, with_lfs_contents
from mlreef_hooks.object_store import ObjectStore
from mlreef_hooks.plain_folders import PlainFolders
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_entry import FOLDER, SUBMODULE, Child, FolderSummary, TreeEntry, folder_child
from mlreef_hooks.tree_listing import ListedEntry, Recall, list_tree

_MOST_ENTRIES = 1_000_000  # in one folder of a tree that was looked at before
_LISTED = 256  # folders that are remembered while a tree is worked on


def read_committed_tree(
    store: ObjectStore,
    git_dir: Path,
    root: str,
    limits: Limits,
    recall: Recall,
    opened: Collection[str],
    contents: LfsContents,
) -> SourceTree:
    """The tree with the id `root`; folders that `recall` knows are not listed, if not `opened`.

    Files of Git LFS whose `contents` are there have these in the place of their pointers.
    """
    read = partial(_read_tree, store, git_dir, root, limits, opened=opened)
    tree = read(PlainFolders(recall, store.raw_entries, store.sizes, limits.files))
    # A tree beyond the site's limits could take hours to read; the rules tell of that.
    if tree.beyond or tree.size > limits.tree_bytes:
        return tree
    if not uses_lfs(tree):
        tree.pointers = {}
        return tree
    if not all(folder.summary.pointers for folder in tree.known.values()):
        tree = read(partial(_without_pointers, recall))
    return with_lfs_contents(tree, contents)


def _without_pointers(recall: Recall, ids: Sequence[str]) -> Mapping[str, FolderSummary]:
    """What is known of those folders that were searched for pointers, and have none."""
    return {id_: summary for id_, summary in recall(ids).items() if summary.pointers}


def _read_tree(
    store: ObjectStore,
    git_dir: Path,
    root: str,
    limits: Limits,
    recall: Recall,
    *,
    opened: Collection[str],
) -> SourceTree:
    listing = list_tree(root, store.entries, limits, recall, opened)
    return SourceTree(
        _sized(store, listing.entries),
        _CommittedObjects(store, git_dir, root, recall, searched=listing.beyond is None),
        folders=listing.folders,
        known=listing.known,
        doubled=listing.doubled,
        beyond=listing.beyond,
    )


def _sized(store: ObjectStore, entries: Sequence[ListedEntry]) -> list[TreeEntry]:
    files = dict.fromkeys(each.id for each in entries if each.mode != SUBMODULE)
    sizes = store.sizes(list(files))
    return [
        TreeEntry(path=each.path, mode=each.mode, size=sizes.get(each.id, 0), id=each.id)
        for each in entries
    ]


class _CommittedObjects:
    """The objects of a tree of git, as a `SourceTree` asks for them."""

    def __init__(
        self, store: ObjectStore, git_dir: Path, root: str, recall: Recall, *, searched: bool
    ) -> None:
        self._store = store
        self._git_dir = git_dir
        self._root = root
        self._recall = recall
        # git does not know the bounds of the listing and would walk a tree bomb to its end.
        self._searched = searched
        self._listed = lru_cache(_LISTED)(self._list_folder)

    def read(self, entry: TreeEntry) -> bytes:
        return self._store.read(entry.id)

    def stream(self, entry: TreeEntry) -> Sequence[bytes]:
        return (self._store.read(entry.id),)

    def find(self, folder: str, path: Sequence[str]) -> TreeEntry | None:
        *folders, name = path
        for part in folders:
            found = self._named(folder, part)
            if not isinstance(found, ListedEntry):
                return None
            folder = found.id
        entry = self._named(folder, name)
        return entry if isinstance(entry, TreeEntry) else None

    def _list_folder(self, tree: str) -> list[TreeEntry | ListedEntry]:
        """What is directly in a folder: files and links with their sizes, folders without."""
        entries = self._store.entries(tree, _MOST_ENTRIES)
        sized = iter(_sized(self._store, [each for each in entries if each.mode != FOLDER]))
        return [each if each.mode == FOLDER else next(sized) for each in entries]

    def _named(self, folder: str, name: str) -> TreeEntry | ListedEntry | None:
        return next((each for each in self._listed(folder) if each.path == name), None)

    def children(self, folder: str) -> list[Child]:
        listed = self._listed(folder)
        known = self._recall([each.id for each in listed if isinstance(each, ListedEntry)])
        return [
            Child(each.path, each.mode, each.id, each.size, 1)
            if isinstance(each, TreeEntry)
            else self._folder(each, known.get(each.id))
            for each in listed
        ]

    def _folder(self, listed: ListedEntry, known: FolderSummary | None) -> Child:
        if known is None:
            return folder_child(listed.path, listed.id, self.children(listed.id))
        return Child(listed.path, FOLDER, listed.id, known.size, known.entries + 1)

    def search(self, words: Sequence[str]) -> set[str] | None:
        return _python_files_with(self._git_dir, self._root, words) if self._searched else None


def _python_files_with(git_dir: Path, tree: str, words: Sequence[str]) -> set[str]:
    """The paths of the Python files of a tree that hold one of some words."""
    # Neither attributes in the pushed tree nor settings of the account change the answer.
    options = (
        "--text", "--no-textconv", "--fixed-strings", "--files-with-matches", "-z",
        "--full-name", "--no-color", "--no-recurse-submodules",
    )  # fmt: skip
    patterns = [part for word in words for part in ("-e", word)]
    asked = ("grep", *options, *patterns, tree, "--", ":(top)*.py")
    said = ask_git(git_dir, *asked, good=(0, 1)).stdout
    paths = (path.partition(b":")[2] for path in said.split(b"\0") if path)
    return {path.decode(errors="surrogateescape") for path in paths}

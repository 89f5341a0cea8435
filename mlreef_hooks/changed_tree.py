"""A working tree as its last commit and what was changed since, so that little need be read.

What did not change is listed by tree ids and read from git's objects, as a push is.
"""

from collections.abc import Callable, Iterable, Sequence, Set

from mlreef_hooks.tree import SOURCE_BYTES, SourceTree, TreeObjects, Words
from mlreef_hooks.tree_entry import Child, TreeEntry, folders_of, parent_of


def opened_folders(changed: Iterable[str]) -> set[str]:
    """The folders that may hold what was changed, as `list_tree` takes them.

    They are in lower case: a name that differs from another only in that is a finding of both.
    """
    opened: set[str] = set()
    for path in changed:
        folder = path.lower() + "/"
        while folder and folder not in opened:
            opened.add(folder)
            folder = parent_of(folder)
    return opened


def changed_tree(
    committed: SourceTree,
    changed: Set[str],
    present: Sequence[TreeEntry],
    read: Callable[[TreeEntry], bytes],
) -> SourceTree:
    """A committed tree without the paths that were `changed`, and with the entries `present`.

    `read` gives the content of the latter, which have no ids; folders that hold changes have none
    either. What was changed must not be in folders that `committed` only knows.
    """
    kept = [entry for entry in committed.entries if entry.path not in changed]
    entries = sorted([*kept, *present], key=lambda entry: entry.path)
    opened = opened_folders(changed)
    closed = {path: id_ for path, id_ in committed.folders.items() if path.lower() not in opened}
    return SourceTree(
        entries,
        _ChangedObjects(committed.objects, changed, present, read),
        folders={**folders_of([*(entry.path for entry in entries), *committed.known]), **closed},
        known=committed.known,
    )


def found_instead(
    found: Set[str],
    changed: Set[str],
    present: Iterable[TreeEntry],
    read: Callable[[TreeEntry], bytes],
    words: Words,
) -> set[str]:
    """The Python files that hold one of `words`, where some of those `found` were `changed` and
    the files `present` are in their place.
    """
    wanted = [word.encode() for word in words]
    return {path for path in found if path not in changed} | {
        entry.path
        for entry in present
        if entry.is_file and entry.path.endswith(".py") and entry.size <= SOURCE_BYTES
        if any(word in read(entry) for word in wanted)
    }


class _ChangedObjects:
    """The objects of a commit, and files on disk in place of those that were changed."""

    def __init__(
        self,
        committed: TreeObjects,
        changed: Set[str],
        present: Sequence[TreeEntry],
        read: Callable[[TreeEntry], bytes],
    ) -> None:
        self._committed = committed
        self._changed = changed
        self._present = present
        self._read = read

    def read(self, entry: TreeEntry) -> bytes:
        return self._committed.read(entry) if entry.id else self._read(entry)

    def stream(self, entry: TreeEntry) -> Iterable[bytes]:
        return self._committed.stream(entry) if entry.id else (self._read(entry),)

    def find(self, folder: str, path: Sequence[str]) -> TreeEntry | None:
        return self._committed.find(folder, path)

    def children(self, folder: str) -> Sequence[Child]:
        return self._committed.children(folder)

    def search(self, words: Words) -> set[str] | None:
        found = self._committed.search(words)
        if found is None:
            return None
        return found_instead(found, self._changed, self._present, self._read, words)

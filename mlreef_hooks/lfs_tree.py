"""A tree with the contents that Git LFS keeps, in the place of their pointers.

What a folder holds then depends on its tree id and on this alone, not on where it is or what else
is in the tree, so that layers can be found by it: its id here is the tree id with a mark.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from mlreef_hooks.changed_tree import found_instead
from mlreef_hooks.lfs_pointer import POINTER_SIZES, Pointer, is_pointer, read_pointer
from mlreef_hooks.tree import SOURCE_BYTES, SourceTree, TreeObjects, Words
from mlreef_hooks.tree_entry import Child, TreeEntry, folders_of

_CONTENT = "sha256:"  # before the hash of a content, where others have the id of a blob
_MARK = "+lfs"  # behind the tree id of a folder in which pointers were replaced
UNKNOWN_FORM = "is of a form that is not known here"


class LfsContents(Protocol):
    """Where the contents are."""

    def fault_of(self, pointer: Pointer) -> str | None:
        """Why a content cannot be had, as the end of a sentence; None where it can."""

    def stream(self, pointer: Pointer) -> Iterator[bytes]:
        """The content, a part at a time; PublishError where it is not what the pointer says."""


def uses_lfs(tree: SourceTree) -> bool:
    """True where an attribute in the tree says so: without one nobody made pointers, and no file
    needs to be read for them.
    """
    found = [tree.get(path) for path in tree.special(".gitattributes")]
    sources = (entry for entry in found if entry and entry.size <= SOURCE_BYTES)
    return any(b"filter=lfs" in tree.content(entry) for entry in sources)


def find_pointers(tree: SourceTree) -> Iterator[tuple[TreeEntry, bytes]]:
    """The files that are pointers, and what is in them; not those in folders that are known to
    hold none.
    """
    for entry in tree.entries_without_pointers_sought():
        if entry.is_file and entry.size in POINTER_SIZES:
            content = tree.content(entry)
            if is_pointer(content):
                yield entry, content


def with_lfs_contents(tree: SourceTree, contents: LfsContents) -> SourceTree:
    """The tree with contents in the place of all pointers whose content there is; the others are
    its `pointers`. What is known of folders must include that they hold none.
    """
    replaced: dict[TreeEntry, TreeEntry] = {}
    left: dict[str, str] = {}
    for entry, content in find_pointers(tree):
        pointer = read_pointer(content)
        fault = contents.fault_of(pointer) if pointer else UNKNOWN_FORM
        if pointer is None or fault is not None:
            left[entry.path] = fault or UNKNOWN_FORM
            continue
        replaced[entry] = TreeEntry(
            path=entry.path, mode=entry.mode, size=pointer.size, id=_CONTENT + pointer.oid
        )
    paths = [entry.path for entry in replaced]
    changed = folders_of(paths) if paths else {}
    found = SourceTree(
        [replaced.get(entry, entry) for entry in tree.entries],
        _Contents(tree.objects, [*replaced.values()], contents),
        folders={path: id_ + _MARK * (path in changed) for path, id_ in tree.folders.items()},
        known=tree.known,
        doubled=tree.doubled,
        beyond=tree.beyond,
        pointers=left,
    )
    found.pointers_sought = True
    return found


def holds_contents(folder: str) -> bool:
    """True where the folder with this id holds contents in the place of pointers."""
    return folder.endswith(_MARK)


class _Contents:
    """The objects of a tree, and contents in the place of pointers."""

    def __init__(
        self, pointers: TreeObjects, replaced: Sequence[TreeEntry], contents: LfsContents
    ) -> None:
        self._pointers = pointers
        self._replaced: Mapping[str, TreeEntry] = {entry.path: entry for entry in replaced}
        self._contents = contents

    def read(self, entry: TreeEntry) -> bytes:
        return b"".join(self.stream(entry))

    def stream(self, entry: TreeEntry) -> Iterator[bytes]:
        if entry.id.startswith(_CONTENT):
            oid = entry.id.removeprefix(_CONTENT)
            yield from self._contents.stream(Pointer(oid=oid, size=entry.size))
        else:
            yield from self._pointers.stream(entry)

    def find(self, folder: str, path: Sequence[str]) -> TreeEntry | None:
        return self._pointers.find(folder, path)

    def children(self, folder: str) -> Sequence[Child]:
        return self._pointers.children(folder)

    def search(self, words: Words) -> set[str] | None:
        found = self._pointers.search(words)
        if found is None:
            return None
        return found_instead(
            found, self._replaced.keys(), self._replaced.values(), self.read, words
        )

"""The walk through a tree's folders, bounded whatever was pushed."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from mlreef_hooks.config import Limits
from mlreef_hooks.tree_entry import FOLDER, FolderSummary, KnownFolder
from mlreef_hooks.tree_path import path_faults

PATH_LENGTH = 4096  # no file system takes a longer path (PATH_MAX)
_REMEMBERED = 256  # folders; those of a tree bomb are few and come again and again

Recall = Callable[[Sequence[str]], Mapping[str, FolderSummary]]  # tree ids -> what is known


class ListedEntry(NamedTuple):
    """An entry: its path (or its name in its folder), one of git's modes, its object id in hex."""

    path: str
    mode: int
    id: str


@dataclass(kw_only=True)
class Listing:
    """The entries by path, those of one path in git's order; the others as in `SourceTree`."""

    entries: list[ListedEntry] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)
    known: dict[str, KnownFolder] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    beyond: str | None = None
    left: int = 0


class _Folder(NamedTuple):
    """A folder that is to be listed, or is known; `certain` where no other may be meant by it, and
    nothing is wrong with its path.
    """

    path: str
    depth: int
    id: str
    certain: bool


def nothing_known(ids: Sequence[str]) -> Mapping[str, FolderSummary]:
    """What is known of folders where nothing is."""
    return {}


def list_tree(
    root: str,
    read: Callable[[str, int], Sequence[ListedEntry]],
    limits: Limits,
    recall: Recall = nothing_known,
    opened: Collection[str] = (),
) -> Listing:
    """The entries below the tree with the id `root`, but for what `recall` knows already.

    `read` gives the entries of one tree object, at least the first so many of them. Folders count
    as entries too: a tree bomb of empty folders holds no file at all. Folders whose paths are in
    `opened`, in lower case and as in `a/b/`, are listed whatever is known of them.
    """
    entries = lru_cache(_REMEMBERED)(read)
    listing = Listing(left=limits.files)
    level = [_Folder("", 0, root, certain=True)]
    while level and listing.left >= 0:
        closed = [each for each in level if each.certain and each.path.lower() not in opened]
        # The root is not asked for: it is another one each time.
        summaries = recall([each.id for each in closed]) if listing.folders else {}
        known = {each for each in closed if _is_known(each, summaries, limits, listing)}
        unknown = [each for each in level if each not in known]
        level = []
        for folder in unknown:
            if folder.depth > limits.depth or len(folder.path) > PATH_LENGTH:
                listing.beyond = "tree-too-deep"
            elif listing.left >= 0:
                level += _list_folder(folder, entries(folder.id, limits.files + 1), listing)
    listing.entries.sort(key=lambda entry: entry.path)
    if listing.left < 0:
        listing.beyond = "tree-too-many-files"
    return listing


def _is_known(
    folder: _Folder, summaries: Mapping[str, FolderSummary], limits: Limits, listing: Listing
) -> bool:
    """True, and noted, where the folder need not be listed; one near a limit is listed again."""
    summary = summaries.get(folder.id)
    if summary is None:
        return False
    near = (
        folder.depth + summary.depth > limits.depth,
        len(folder.path.encode(errors="surrogateescape")) + summary.longest > PATH_LENGTH - 100,
        summary.largest > limits.file_bytes,
    )
    if any(near):
        return False
    listing.left -= summary.entries
    listing.known[folder.path] = KnownFolder(id=folder.id, summary=summary)
    return True


def _list_folder(
    folder: _Folder, entries: Sequence[ListedEntry], listing: Listing
) -> list[_Folder]:
    """The folders in a folder; everything else in it is in the listing now."""
    if folder.path in listing.folders:
        listing.doubled.append(folder.path.rstrip("/"))
    listing.folders.setdefault(folder.path, folder.id)
    shown = entries[: listing.left + 1]
    listing.left -= len(shown)
    names = Counter(name.lower() for name, mode, _ in shown)
    folders = []
    for name, mode, id_ in shown:
        if mode == FOLDER:
            # Of a name that is refused, findings name each file behind it.
            certain = folder.certain and names[name.lower()] == 1 and not path_faults(name)
            folders.append(_Folder(f"{folder.path}{name}/", folder.depth + 1, id_, certain))
        else:
            listing.entries.append(ListedEntry(folder.path + name, mode, id_))
    return folders

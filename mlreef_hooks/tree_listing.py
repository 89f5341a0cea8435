"""The walk through a tree's folders, bounded whatever was pushed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mlreef_hooks.config import Limits
from mlreef_hooks.git_objects import FOLDER

_PATH_LENGTH = 4096  # no file system takes a longer path (PATH_MAX)
_REMEMBERED = 256  # folders; those of a tree bomb are few and come again and again


class ListedEntry(NamedTuple):
    """An entry: its path (or its name in its folder), one of git's modes, its object id in hex."""

    path: str
    mode: int
    id: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The entries by path, those of one path in git's order; `beyond` as in `SourceTree`."""

    entries: tuple[ListedEntry, ...]
    beyond: str | None


def list_tree(root: str, read: Callable[[str], Sequence[ListedEntry]], limits: Limits) -> Listing:
    """The entries below the tree with the id `root`; `read` gives those of one tree object.

    Folders count as entries too: a tree bomb of empty folders holds no file at all.
    """

    entries = lru_cache(_REMEMBERED)(read)
    found: list[ListedEntry] = []
    waiting = [("", 0, root)]
    left, beyond = limits.files, None
    while waiting and left >= 0:
        prefix, depth, tree = waiting.pop()
        if depth > limits.depth or len(prefix) > _PATH_LENGTH:
            beyond = "tree-too-deep"
            continue
        folders = []
        for name, mode, id_ in entries(tree)[: left + 1]:
            left -= 1
            if mode == FOLDER:
                folders.append((f"{prefix}{name}/", depth + 1, id_))
            else:
                found.append(ListedEntry(prefix + name, mode, id_))
        waiting += reversed(folders)
    found.sort(key=lambda entry: entry.path)
    return Listing(entries=tuple(found), beyond="tree-too-many-files" if left < 0 else beyond)

"""Folders that need not be looked into again: what is in those where nothing was found wrong."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlreef_hooks.lfs_tree import holds_contents
from mlreef_hooks.problems import Problem, printable
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_entry import SPECIAL, SYMLINK, FolderSummary, TreeEntry
from mlreef_hooks.tree_listing import Recall

_RECIPE = "5"  # part of every key; raise it when the rules of trees look for more
_MOST_PATHS = 2000  # links, special and Python files; a folder with more is looked into again


def key_of(tree_id: str) -> str:
    """The key under which a folder's summary is remembered."""
    return f"{_RECIPE}-{tree_id}"


def recall_from(find: Callable[[Iterable[str]], Mapping[str, Any]]) -> Recall:
    """What lists of tree ids are known as, out of a cache that finds JSON objects by key."""

    def recall(ids: Sequence[str]) -> Mapping[str, FolderSummary]:
        found = find([key_of(id_) for id_ in ids])
        read = {id_: FolderSummary.from_json(found.get(key_of(id_))) for id_ in ids}
        return {id_: summary for id_, summary in read.items() if summary is not None}

    return recall


@dataclass(kw_only=True)
class _Growing:
    """A summary that grows from the folders below."""

    entries: int = 0
    files: int = 0
    size: int = 0
    largest: int = 0
    depth: int = 0
    longest: int = 0
    links: dict[str, str] = field(default_factory=dict)
    special: list[str] = field(default_factory=list)
    python: dict[str, list[str]] = field(default_factory=dict)
    pointers: bool = False

    def add_folder(self, name: str, inner: "_Growing | FolderSummary") -> None:
        """Count a folder in."""
        self.entries += inner.entries + 1
        self.files += inner.files
        self.size += inner.size
        self.largest = max(self.largest, inner.largest)
        self.depth = max(self.depth, inner.depth + 1)
        self.longest = max(self.longest, _bytes(name) + 1 + inner.longest)
        self.links |= {f"{name}/{path}": target for path, target in inner.links.items()}
        self.special += [f"{name}/{path}" for path in inner.special]
        for words in self.python:
            self.python[words] += [f"{name}/{path}" for path in inner.python[words]]

    def add_entry(self, name: str, entry: TreeEntry) -> None:
        """Count a file, link or submodule in."""
        self.entries += 1
        self.files += 1
        self.size += entry.size
        self.largest = max(self.largest, entry.size)
        self.longest = max(self.longest, _bytes(name))
        if name in SPECIAL and entry.is_file:
            self.special.append(name)

    def summary(self) -> FolderSummary:
        """The summary."""
        return FolderSummary(
            entries=self.entries,
            files=self.files,
            size=self.size,
            largest=self.largest,
            depth=self.depth,
            longest=self.longest,
            links=self.links,
            special=tuple(self.special),
            python={words: tuple(paths) for words, paths in self.python.items()},
            pointers=self.pointers,
        )


def summarise(tree: SourceTree, found: Iterable[Problem]) -> dict[str, FolderSummary]:
    """The summaries of the folders in which nothing was found wrong, by tree id: of those that were
    listed, and of known ones that are new, or were searched for more than before.

    `found` are the findings about the tree. The root is left out, as it is another one each time;
    and so are folders with contents of Git LFS, which may be gone the next time.
    """
    words = {" ".join(each): paths for each, paths in tree.searched.items()}
    faulty = _faulty_folders(found)
    # A tree that is beyond a limit was neither listed nor looked at to its end.
    if tree.doubled or "./" in faulty:
        return {}
    growing = {
        path: _Growing(python={each: [] for each in words}, pointers=tree.pointers_sought)
        for path in tree.folders
    }
    links = tree.links()
    for entry in tree.entries:
        folder, _, name = entry.path.rpartition("/")
        place = growing[f"{folder}/" if folder else ""]
        place.add_entry(name, entry)
        if entry.mode == SYMLINK:
            place.links[name] = links.get(entry.path, "")
        for each, paths in words.items():
            if entry.path in paths:
                place.python[each].append(name)
    known = _known_summaries(tree)
    for path, summary in known.items():
        _count_in(path, summary, growing)
    for path in sorted(growing, key=lambda path: -path.count("/")):
        if path:
            _count_in(path, growing[path], growing)
    listed = {path: (tree.folders[path], each.summary()) for path, each in growing.items()}
    more = {
        path: (tree.known[path].id, summary)
        for path, summary in known.items()
        if summary.new or summary.python.keys() != tree.known[path].summary.python.keys()
    }
    return {
        id_: summary
        for path, (id_, summary) in (listed | more).items()
        if path and id_ and not holds_contents(id_)
        if _is_short(summary) and printable(path) not in faulty
    }


def _known_summaries(tree: SourceTree) -> dict[str, FolderSummary]:
    """The summaries of the known folders by path, each with all that was searched this time.

    One that was made when less was searched says nothing of the other words; a search that it did
    not answer went through the whole tree.
    """
    python: dict[str, dict[str, list[str]]] = {
        path: {" ".join(words): [] for words in tree.searched} for path in tree.known
    }
    for words, paths in tree.searched.items():
        for path in sorted(paths):
            ends = (place + 1 for place, each in enumerate(path) if each == "/")
            end = next((end for end in ends if path[:end] in python), None)
            if end is not None:
                python[path[:end]][" ".join(words)].append(path[end:])
    return {
        path: replace(
            known.summary,
            python=dict(known.summary.python)
            | {words: tuple(inside) for words, inside in python[path].items()},
        )
        for path, known in tree.known.items()
    }


def _is_short(summary: FolderSummary) -> bool:
    """True where it names few enough paths to be kept."""
    python = sum(map(len, summary.python.values()))
    return len(summary.links) + len(summary.special) + python <= _MOST_PATHS


def _faulty_folders(found: Iterable[Problem]) -> set[str]:
    """The folders that hold something that was found wrong, as findings write paths."""
    faulty: set[str] = set()
    for path in {problem.path for problem in found if problem.rule.startswith("tree-")}:
        parts = path.split("/")
        faulty |= {"/".join(parts[:place]) + "/" for place in range(1, len(parts) + 1)}
    return faulty


def _count_in(path: str, inner: _Growing | FolderSummary, growing: Mapping[str, _Growing]) -> None:
    """Count a folder into the one that it is in; everything below it was counted by then."""
    parent, _, name = path.rstrip("/").rpartition("/")
    growing[f"{parent}/" if parent else ""].add_folder(name, inner)


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))

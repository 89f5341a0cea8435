"""What stands in a tree: files, links, submodules and folders, and what is known of a folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

FILE, EXECUTABLE, SYMLINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000
FOLDER = 0o040000
# A name like nearly all are, in ASCII: no rule about names has anything to say of it.
ORDINARY_NAME = r"[\w-][\w. -]{0,99}"
SPECIAL = ("mlreef.toml", ".gitattributes")  # names of files that the rules look for in all folders


@dataclass(frozen=True, kw_only=True)
class TreeEntry:
    """One entry: its path from the root (bytes that are not UTF-8 as surrogates), git's mode,
    its size in bytes (0 for a submodule) and its object id in hex (empty in a working tree).
    """

    path: str
    mode: int
    size: int
    id: str

    @property
    def is_file(self) -> bool:
        """True for a regular file, executable or not; old git wrote modes such as 100664."""
        return self.mode & 0o170000 == 0o100000


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_KINDS: Mapping[str, Callable[[Any], bool]] = {  # what a summary holds as JSON
    **dict.fromkeys(("entries", "files", "size", "largest", "depth", "longest"), _is_count),
    "links": lambda value: isinstance(value, dict) and _are_texts([*value.values()]),
    "special": _are_texts,
    "python": lambda value: isinstance(value, dict) and all(map(_are_texts, value.values())),
    "pointers": lambda value: isinstance(value, bool),
}


@dataclass(frozen=True, kw_only=True)
class FolderSummary:
    """What is in a folder, with everything below it; paths are relative to it.

    `entries` counts folders too, `files` does not; sizes are in bytes; `depth` is how deep folders
    are nested in it, `longest` the bytes of its longest path. `links` maps symbolic links to their
    targets; `special` holds the paths of files with those names; `python` the Python files that
    hold one of some words, by the words joined with spaces, for what was searched; `pointers` is
    true where pointers of Git LFS were looked for. It is `new` until it is remembered somewhere;
    until then, `sources` is false where it holds no Python file, whatever is searched.
    """

    entries: int
    files: int
    size: int
    largest: int
    depth: int
    longest: int
    links: Mapping[str, str] = field(default_factory=dict)
    special: tuple[str, ...] = ()
    python: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pointers: bool = False
    new: bool = field(default=False, compare=False)
    sources: bool = field(default=True, compare=False)

    def to_json(self) -> dict[str, Any]:
        """What is to be remembered, as a JSON object."""
        return {name: getattr(self, name) for name in _KINDS}

    @classmethod
    def from_json(cls, facts: Any) -> Self | None:
        """The summary that `to_json` gave, None where it is something else."""
        if not isinstance(facts, dict) or facts.keys() != _KINDS.keys():
            return None
        if not all(is_kind(facts[name]) for name, is_kind in _KINDS.items()):
            return None
        python = {words: tuple(paths) for words, paths in facts["python"].items()}
        return cls(**{**facts, "special": tuple(facts["special"]), "python": python})


@dataclass(frozen=True, kw_only=True)
class KnownFolder:
    """A folder that is not looked into: its tree id and its summary."""

    id: str
    summary: FolderSummary


class Child(NamedTuple):
    """What is directly in a folder: its name, git's mode, its object id in hex, and the size in
    bytes and the number of all entries that it is or holds.
    """

    name: str
    mode: int
    id: str
    size: int
    entries: int


def folder_child(name: str, id_: str, inside: Sequence[Child]) -> Child:
    """A folder as a child of the one that it is in."""
    size = sum(child.size for child in inside)
    return Child(name, FOLDER, id_, size, 1 + sum(child.entries for child in inside))


def folders_of(paths: Iterable[str]) -> dict[str, str]:
    """The folders that hold paths, without an id."""
    folders = {"": ""}
    for path in paths:
        folder = parent_of(path)
        while folder not in folders:
            folders[folder] = ""
            folder = parent_of(folder)
    return folders


def parent_of(path: str) -> str:
    """The folder that something is in, as in `a/b/`; empty for the root."""
    folder, slash, _ = path.rstrip("/").rpartition("/")
    return folder + slash

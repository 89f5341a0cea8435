"""The pushed tree: path -> mode, size, content; the one reading that validation and image share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlreef_hooks.problems import Problems

SOURCE_BYTES = 1 << 20  # the parsers of pushed text read no larger file

FILE, EXECUTABLE, SYMLINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000


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


class SourceTree:
    """The entries of a tree and a way to read their content.

    A hostile tree may list a path twice or hold paths no file system has; `entries` keeps all of
    them for validation, while `get` and `read` answer for the first of a name, as git does.
    """

    def __init__(
        self,
        entries: Sequence[TreeEntry],
        read: Callable[[TreeEntry], bytes],
        *,
        search: Callable[[Sequence[str]], set[str]] | None = None,
        beyond: str | None = None,
    ) -> None:
        """`read` gives an entry's content. `search` gives the paths of the Python files that hold
        one of some words; without it every Python file is read. `beyond` is the rule that the
        listing stopped at (`tree-too-many-files`, `tree-too-deep`), None where it is whole.
        """
        self.entries = tuple(entries)
        self.beyond = beyond
        self._read = read
        self._search = search
        self._by_path: dict[str, TreeEntry] = {}
        for entry in self.entries:
            self._by_path.setdefault(entry.path, entry)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_path)

    def get(self, path: str) -> TreeEntry | None:
        """The regular file at `path`, None where there is none (or a link, or a submodule)."""
        entry = self._by_path.get(path)
        return entry if entry is not None and entry.is_file else None

    def read(self, path: str) -> bytes:
        """The content of the file or link at `path`; KeyError where there is none."""
        return self._read(self._by_path[path])

    def read_source(
        self, path: str, problems: Problems, *, limit: int = SOURCE_BYTES
    ) -> bytes | None:
        """The content of a file that is to be parsed; a finding and None where it is too large."""
        size = self._by_path[path].size
        if size <= limit:
            return self.read(path)
        problems.add(
            "tree-file-too-large",
            path,
            None,
            f"the file is too large to be read as source ({size} bytes)",
            f"keep it at or below {limit} bytes",
        )
        return None

    def python_files_with(self, words: Sequence[str]) -> set[str]:
        """The regular `.py` files that hold one of `words` (ASCII), those too large left out."""
        small = {
            path
            for path in self
            if path.endswith(".py") and (entry := self.get(path)) and entry.size <= SOURCE_BYTES
        }
        if self._search is not None:
            return self._search(words) & small
        found = [word.encode() for word in words]
        return {path for path in small if any(word in self.read(path) for word in found)}

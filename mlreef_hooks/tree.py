"""The pushed tree: path -> mode, size, content; the one reading that validation and image share.

A folder that was looked at before, and found without fault, is known by its tree id: its summary
says all that the rules ask, and nothing below it is listed or read again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol

from mlreef_hooks.problems import Problems
from mlreef_hooks.tree_entry import FOLDER, SYMLINK, Child, KnownFolder, TreeEntry, folder_child

SOURCE_BYTES = 1 << 20  # the parsers of pushed text read no larger file

READ_ONE_BY_ONE = 300  # Python files; more are searched faster by git
Words = tuple[str, ...]


class TreeObjects(Protocol):
    """Where a tree's objects are."""

    def read(self, entry: TreeEntry) -> bytes:
        """The content of a file or link."""

    def stream(self, entry: TreeEntry) -> Iterable[bytes]:
        """The same, in parts where it may be large."""

    def find(self, folder: str, path: Sequence[str]) -> TreeEntry | None:
        """The entry at a path below the folder with a tree id; its own path is the name alone."""

    def children(self, folder: str) -> Sequence[Child]:
        """What is directly in the folder with a tree id."""

    def search(self, words: Words) -> set[str] | None:
        """The paths of the Python files of the whole tree that hold one of some words; None where
        they have to be read one by one.
        """


class ReadObjects:
    """The objects of a tree that is listed whole, read by a function."""

    def __init__(self, read: Callable[[TreeEntry], bytes]) -> None:
        self._read = read

    def read(self, entry: TreeEntry) -> bytes:
        """The content of a file or link."""
        return self._read(entry)

    def stream(self, entry: TreeEntry) -> Iterable[bytes]:
        """The same, in one part."""
        return (self._read(entry),)

    def find(self, folder: str, path: Sequence[str]) -> TreeEntry | None:
        """None: nothing is known that is not listed."""
        return None

    def children(self, folder: str) -> Sequence[Child]:
        """Nothing: its folders have no ids."""
        return ()

    def search(self, words: Words) -> set[str] | None:
        """None: nothing can be searched faster than by reading it."""
        return None


class SourceTree:
    """The entries of a tree and a way to read their content.

    A hostile tree may list a path twice or hold paths no file system has; `entries` keeps all of
    them for validation, while `get` and `read` answer for the first of a name, as git does.
    """

    def __init__(
        self,
        entries: Sequence[TreeEntry],
        objects: TreeObjects,
        *,
        folders: Mapping[str, str] | None = None,
        known: Mapping[str, KnownFolder] | None = None,
        doubled: Sequence[str] = (),
        beyond: str | None = None,
        pointers: Mapping[str, str] | None = None,
    ) -> None:
        """`folders` has the tree ids of the folders that were listed by their paths (`a/b/`, and
        the root's is empty), `known` those that were not: nothing below them is in `entries`.
        `doubled` are folders that stand twice in theirs. `beyond` is the rule that the listing
        stopped at (`tree-too-many-files`, `tree-too-deep`), None where it is whole. `pointers` are
        those of Git LFS whose contents cannot be had, and why, where that is known.
        """
        self.entries = tuple(entries)
        self.folders = dict(folders or {})
        self.known = dict(known or {})
        self.doubled = tuple(doubled)
        self.beyond = beyond
        self.pointers = pointers
        self.searched: dict[Words, set[str]] = {}
        self.pointers_sought = False
        self.objects = objects
        self._by_path: dict[str, TreeEntry] = {}
        for entry in self.entries:
            self._by_path.setdefault(entry.path, entry)

    def __iter__(self) -> Iterator[str]:
        """The paths outside of known folders."""
        return iter(self._by_path)

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    @property
    def files(self) -> int:
        """How many files, links and submodules there are."""
        return len(self.entries) + sum(each.summary.files for each in self.known.values())

    @property
    def count(self) -> int:
        """How many files and folders there are, as they are counted when a commit is listed."""
        known = sum(each.summary.entries + 1 for each in self.known.values())
        return len(self.entries) + sum(map(bool, self.folders)) + known

    @property
    def size(self) -> int:
        """How many bytes all files and links have."""
        known = sum(each.summary.size for each in self.known.values())
        return sum(entry.size for entry in self.entries) + known

    def get(self, path: str) -> TreeEntry | None:
        """The regular file at `path`, None where there is none (or a link, or a submodule)."""
        entry = self._find(path)
        return entry if entry is not None and entry.is_file else None

    def read(self, path: str) -> bytes:
        """The content of the file or link at `path`; KeyError where there is none."""
        entry = self._find(path)
        if entry is None:
            raise KeyError(path)
        return self.objects.read(entry)

    def _find(self, path: str) -> TreeEntry | None:
        entry = self._by_path.get(path)
        if entry is not None or not self.known:
            return entry
        parts = path.split("/")
        for place in range(1, len(parts)):
            folder = self.known.get("/".join(parts[:place]) + "/")
            if folder is not None:
                return self.objects.find(folder.id, parts[place:])
        return None

    def special(self, name: str) -> list[str]:
        """The paths of all files of one of the `SPECIAL` names."""
        found = [path for path in self if path.rpartition("/")[2] == name and self.get(path)]
        for folder, each in self.known.items():
            inside = (path for path in each.summary.special if path.rpartition("/")[2] == name)
            found += [folder + path for path in inside]
        return found

    def links(self) -> dict[str, str]:
        """The targets of all symbolic links by their paths."""
        links = {
            entry.path: self.objects.read(entry).decode(errors="surrogateescape")
            for entry in self.entries
            if entry.mode == SYMLINK and entry.size <= SOURCE_BYTES
        }
        for folder, each in self.known.items():
            links |= {folder + path: target for path, target in each.summary.links.items()}
        return links

    def read_source(
        self, path: str, problems: Problems, *, limit: int = SOURCE_BYTES
    ) -> bytes | None:
        """The content of a file that is to be parsed; a finding and None where it is too large."""
        entry = self._find(path)
        if entry is not None and entry.size <= limit:
            return self.objects.read(entry)
        problems.add(
            "tree-file-too-large",
            path,
            None,
            f"the file is too large to be read as source ({entry.size if entry else 0} bytes)",
            f"keep it at or below {limit} bytes",
        )
        return None

    def python_files_with(self, words: Sequence[str]) -> set[str]:
        """The regular `.py` files that hold one of `words` (ASCII), those too large left out."""
        asked = tuple(words)
        if asked not in self.searched:
            found = self._search_known(asked)
            found = self.objects.search(asked) if found is None else found
            found = self._search_listed(asked) if found is None else found
            self.searched[asked] = {path for path in found if self._is_source(path)}
        return self.searched[asked]

    def _is_source(self, path: str) -> bool:
        entry = self.get(path) if path.endswith(".py") else None
        return entry is not None and entry.size <= SOURCE_BYTES

    def _search_known(self, words: Words) -> set[str] | None:
        """What known folders and the listed files say; None where that is not enough, or slow."""
        key = " ".join(words)
        summaries = [each.summary for each in self.known.values()]
        if not self.known or any(each.sources and key not in each.python for each in summaries):
            return None
        if sum(map(self._is_source, self)) > READ_ONE_BY_ONE:
            return None
        found = self._search_listed(words)
        for folder, each in self.known.items():
            found |= {folder + path for path in each.summary.python.get(key, ())}
        return found

    def _search_listed(self, words: Words) -> set[str]:
        wanted = [word.encode() for word in words]
        sources = (path for path in self if self._is_source(path))
        return {path for path in sources if any(word in self.read(path) for word in wanted)}

    def children(self, folder: str) -> Sequence[Child]:
        """What is directly in the folder with a tree id, in the order of the names."""
        listed = self._listed_children.get(folder)
        found = self.objects.children(folder) if listed is None else listed
        return sorted(found, key=lambda child: child.name)

    def directly_in(self, folder: str) -> Mapping[str, int]:
        """The modes of what is directly in the folder at a path (`a/b/`; the root's is empty)."""
        outer = next((each for each in self.known if folder.startswith(each)), None)
        if outer is not None:
            inside = self.children(self.known[outer].id)
            for part in folder.removeprefix(outer).split("/")[:-1]:
                inside = self.children(
                    next(each.id for each in inside if each[:2] == (part, FOLDER))
                )
            return {each.name: each.mode for each in inside}
        entries = [(each.path, each.mode) for each in self.entries]
        found: dict[str, int] = {}
        for path, mode in (*entries, *((each, FOLDER) for each in (*self.folders, *self.known))):
            if path.startswith(folder) and path != folder:
                name, slash, _ = path.removeprefix(folder).partition("/")
                found[name] = FOLDER if slash else mode
        return found

    @cached_property
    def _listed_children(self) -> dict[str, list[Child]]:
        """What is directly in each folder that was listed, by its tree id."""
        inside: dict[str, list[Child]] = {path: [] for path in self.folders}
        for entry in self.entries:
            parent, name = _split(entry.path)
            inside[parent].append(Child(name, entry.mode, entry.id, entry.size, 1))
        for path, known in self.known.items():
            parent, name = _split(path.rstrip("/"))
            summary = known.summary
            inside[parent].append(Child(name, FOLDER, known.id, summary.size, summary.entries + 1))
        for path in sorted(self.folders, key=lambda path: -path.count("/")):
            if path:
                parent, name = _split(path.rstrip("/"))
                inside[parent].append(folder_child(name, self.folders[path], inside[path]))
        return {self.folders[path]: children for path, children in inside.items()}

    def walk(self, child: Child, path: str) -> Iterator[TreeEntry]:
        """The files, links and submodules that a child of some folder at `path` is or holds."""
        waiting = [(path, child)]
        while waiting:
            path, child = waiting.pop()
            if child.mode == FOLDER:
                inner = f"{path}{child.name}/"
                waiting += [(inner, each) for each in reversed(self.children(child.id))]
            else:
                place = path + child.name
                yield TreeEntry(path=place, mode=child.mode, size=child.size, id=child.id)

    def all_entries(self) -> list[TreeEntry]:
        """Every file, link and submodule in the order of the paths, known folders included."""
        found = [*self.entries]
        for path, known in self.known.items():
            for child in self.children(known.id):
                found += self.walk(child, path)
        return sorted(found, key=lambda entry: entry.path)

    def entries_without_pointers_sought(self) -> Iterator[TreeEntry]:
        """All entries, but for those in folders where pointers of Git LFS were looked for."""
        yield from self.entries
        for path, known in self.known.items():
            for child in () if known.summary.pointers else self.children(known.id):
                yield from self.walk(child, path)

    def content(self, entry: TreeEntry) -> bytes:
        """The content of a file or link of the tree."""
        return self.objects.read(entry)

    def stream(self, entry: TreeEntry) -> Iterable[bytes]:
        """The same, in parts where it may be large."""
        return self.objects.stream(entry)


def _split(path: str) -> tuple[str, str]:
    folder, slash, name = path.rpartition("/")
    return folder + slash, name

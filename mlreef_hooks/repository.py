"""A git repository on disk; the only file that imports dulwich or runs git.

Refs and ancestry are asked from git, which knows reftables, replace refs and clock skew; objects
are read by dulwich through their ids. Nothing is ever checked out.
"""

import os
import struct
import subprocess
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from dulwich.errors import ChecksumMismatch, FileFormatException
from dulwich.object_format import get_object_format
from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID, parse_tree

from mlreef_hooks.config import Limits
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_objects import (
    CHECK,
    commit_seconds,
    entry_mode,
    malformed,
    object_of_tag,
    tag_message,
    tree_entries,
    tree_of_commit,
)
from mlreef_hooks.tree import (
    FOLDER,
    SUBMODULE,
    Child,
    FolderSummary,
    SourceTree,
    TreeEntry,
    folder_child,
)
from mlreef_hooks.tree_listing import ListedEntry, Recall, list_tree, nothing_known

TAG_DEPTH = 16  # tags may point to tags; 1,024 of them took minutes to follow
_LARGEST = {"tag": 64 << 10, "commit": 16 << 20}  # bytes; a tag's message goes into the index
_FACTS = "--batch-check=%(objecttype) %(objectsize)"
_ASKED = 500  # ids at once: neither they nor the answers fill a pipe
_ENTRY_BYTES = 7 + 255 + 1 + 32  # of a tree object's entry: mode, name, id
_LARGE_TREE = 1 << 20  # bytes of a tree object; a larger one is not parsed further than needed
_MOST_ENTRIES = 1_000_000  # in one folder of a tree that was looked at before
_LISTED = 256  # folders that are remembered while a tree is worked on
_KEPT_VARIABLES = ("PATH", "HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
_TYPES = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
# What dulwich raises where an object is not as it expects; git then has the last word.
_UNREADABLE = (
    ArithmeticError, AssertionError, ChecksumMismatch, FileFormatException, LookupError, OSError,
    TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PeeledTag:
    """Where a tag leads: the type of the last object, its id, and the outer tag's message.

    `type` is `commit`, `tree` or `blob`, or `tag` where tags are nested deeper than `TAG_DEPTH`.
    """

    type: str
    id: str
    message: str


def git_environment() -> dict[str, str]:
    """The few variables that a git process gets; a hook's own may hold passwords."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **kept,
        "LC_ALL": "C",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _run(*words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["git", *words], env=git_environment(), input=stdin, capture_output=True, check=False
        )
    except FileNotFoundError:
        raise PublishError("git is not installed", "install the package git") from None


def _first_line(said: bytes) -> str:
    return said.decode(errors="replace").strip().partition("\n")[0]


def list_working_tree(folder: Path) -> list[str] | None:
    """The files below `folder` that git tracks or would add, relative to it.

    None where the folder is in no working tree (or git ignores it as a whole).
    """
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    done = _run("-C", str(folder), *words)
    if done.returncode:
        return None
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path] or None


def origin_of(folder: Path) -> str | None:
    """The URL that a working tree was cloned from, None where it was not."""
    return _setting(["-C", str(folder), "config", "--get", "remote.origin.url"])


def hooks_path_of(git_dir: Path) -> str | None:
    """Where a repository's own settings send git for hooks, None where they say nothing.

    Whoever owns the repository: git itself answers only its owner.
    """
    return _setting(["config", "--file", str(git_dir / "config"), "--get", "core.hooksPath"])


def _setting(words: Sequence[str]) -> str | None:
    done = subprocess.run(["git", *words], env=git_environment(), capture_output=True, check=False)
    return os.fsdecode(done.stdout).strip() or None


class GitRepository:
    """A repository, bare or not, SHA-1 or SHA-256, with or without alternates."""

    def __init__(self, path: Path) -> None:
        """Open the repository at `path` (a git directory or a working tree), else PublishError."""
        words = ("--absolute-git-dir", "--git-common-dir", "--show-object-format")
        ask = ("rev-parse", "--path-format=absolute", *words)
        # A git directory that is named needs no search, which a site may have restricted
        # (safe.bareRepository, safe.directory).
        done = _run(f"--git-dir={path}", *ask)
        if done.returncode:
            done = _run("-C", str(path), *ask)
        found = os.fsdecode(done.stdout).split("\n")
        if done.returncode or len(found) != len(words) + 1:
            said = _first_line(done.stderr) or "its path holds a line break"
            raise PublishError(f"{path} cannot be read by git: {said}", "name a git repository")
        self.git_dir = Path(found[0])
        self._common_dir = Path(found[1])
        self._object_format = get_object_format(found[2])
        self._settings: dict[str, str] | None = None

    def _git(
        self, *words: str, stdin: bytes = b"", good: Sequence[int] = (0,)
    ) -> "subprocess.CompletedProcess[bytes]":
        done = _run(f"--git-dir={self.git_dir}", *words, stdin=stdin)
        if done.returncode not in good:
            said = _first_line(done.stderr)
            raise PublishError(f"git {words[0]} failed: {said}", CHECK)
        return done

    @cached_property
    def _stores(self) -> list[DiskObjectStore]:
        folders = _object_folders(self._common_dir / "objects")
        return [_OwnObjects(folder, object_format=self._object_format) for folder in folders]

    def close(self) -> None:
        """Close the pack files that were opened, and the git that answers."""
        asker = self.__dict__.pop("_asker", None)
        if asker is not None:
            asker.stdin.close()
            asker.stdout.close()
            asker.wait()
        for store in self.__dict__.pop("_stores", ()):
            store.close()

    # refs and settings

    def settings(self, *, anew: bool = False) -> dict[str, str]:
        """The `mlreef.*` settings of the repository, or else of the account and the machine; names
        in lower case as git gives them. They are asked for once, or `anew`.
        """
        if self._settings is None or anew:
            self._settings = self._read_settings()
        return self._settings

    def _read_settings(self) -> dict[str, str]:
        said = self._git("config", "-z", "--get-regexp", r"^mlreef\.", good=(0, 1)).stdout
        pairs = (os.fsdecode(each).partition("\n") for each in said.split(b"\0") if each)
        return {name: value for name, _, value in pairs}

    def commit_of(self, revision: str) -> str | None:
        """The id of the commit that a revision names, None where it names none."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        return self._git(*words, good=(0, 1, 128)).stdout.decode().strip() or None

    def refs(self, prefix: str) -> dict[str, str]:
        """The refs below `prefix` (which ends with `/` or is a whole ref) and their object ids."""
        said = self._git("for-each-ref", "--format=%(objectname) %(refname)", prefix).stdout
        pairs = (line.split(b" ", 1) for line in said.splitlines())
        return {ref.decode(errors="surrogateescape"): id_.decode() for id_, ref in pairs}

    def is_on_branch(self, commit: str, branch: str) -> bool:
        """True where the commit is reachable from the branch; False where there is no branch."""
        ref = f"refs/heads/{branch}"
        tip = self.refs(ref).get(ref)
        if tip is None or tip == commit:
            return tip is not None
        return self._git("merge-base", "--is-ancestor", commit, tip, good=(0, 1)).returncode == 0

    # objects

    def peel(self, object_id: str) -> PeeledTag:
        """Where the tag object (or any other object) leads; bounded, whatever was pushed."""
        message, depth = "", 0
        while True:
            kind, size = self._facts([object_id])[0].split()
            if not size.isdigit():
                raise PublishError(f"object {object_id} is {size}", CHECK)
            if int(size) > _LARGEST.get(kind, int(size)):
                raise PublishError(
                    f"the {kind} {object_id[:7]} has {size} bytes and {_LARGEST[kind]} are allowed",
                    "write a shorter message",
                )
            if kind != "tag" or depth == TAG_DEPTH:
                return PeeledTag(type=kind, id=object_id, message=message)
            content = self._read(object_id)
            message = message if depth else tag_message(content)
            object_id = object_of_tag(object_id, content)
            depth += 1

    def _facts(self, ids: Sequence[str]) -> list[str]:
        """Type and size of each object, as in `blob 12`, from a git that stays and answers."""
        facts: list[str] = []
        try:
            for start in range(0, len(ids), _ASKED):
                asked = ids[start : start + _ASKED]
                self._asker.stdin.write("".join(f"{id_}\n" for id_ in asked).encode())
                self._asker.stdin.flush()
                facts += [self._asker.stdout.readline().decode().rstrip("\n") for _ in asked]
        except BrokenPipeError:
            raise PublishError("git cat-file failed", CHECK) from None
        if facts and not facts[-1]:
            raise PublishError("git cat-file failed", CHECK)
        return facts

    @cached_property
    def _asker(self) -> Any:
        return subprocess.Popen(
            ["git", f"--git-dir={self.git_dir}", "cat-file", _FACTS],
            env=git_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _read(self, object_id: str, kind: str | None = None) -> bytes:
        """The content of an object; PublishError where it is gone, or not of the type `kind`."""
        found, content = self._read_typed(object_id)
        if kind not in (None, found):
            raise PublishError(f"object {object_id} is a {found}, not a {kind}", CHECK)
        return content

    def _read_typed(self, object_id: str) -> tuple[str, bytes]:
        for store in self._stores:
            try:
                number, content = store.get_raw(ObjectID(object_id.encode()))
            except _UNREADABLE:
                continue
            return _TYPES[number], content
        said = self._git("cat-file", "--batch", stdin=f"{object_id}\n".encode()).stdout
        facts, _, content = said.partition(b"\n")
        found = facts.decode().split()
        if len(found) != 3:
            raise PublishError(f"object {object_id} is missing", CHECK)
        return found[1], content[:-1]

    def commit_time(self, commit: str) -> int:
        """When the commit was made, in seconds since 1970 (UTC); 0 where it says nothing sound."""
        return commit_seconds(self._read(commit, "commit"))

    # trees

    def read_tree(self, commit: str, limits: Limits, recall: Recall = nothing_known) -> SourceTree:
        """The tree of a commit. Listed by id, sizes in one question to git, content when asked.

        Folders that `recall` knows are not listed.
        """
        root = tree_of_commit(commit, self._read(commit, "commit"))
        listing = list_tree(root, self._entries, limits, recall)
        return SourceTree(
            self._sized(listing.entries),
            _CommitObjects(self, commit, recall, searched=listing.beyond is None),
            folders=listing.folders,
            known=listing.known,
            doubled=listing.doubled,
            beyond=listing.beyond,
        )

    def _sized(self, entries: Sequence[ListedEntry]) -> list[TreeEntry]:
        files = dict.fromkeys(each.id for each in entries if each.mode != SUBMODULE)
        sizes = self._sizes(list(files))
        return [
            TreeEntry(path=each.path, mode=each.mode, size=sizes.get(each.id, 0), id=each.id)
            for each in entries
        ]

    def _entries(self, tree: str, most: int) -> list[ListedEntry]:
        """The entries of a tree object; of one with more than `most` some more than those."""
        if self._size_of_tree(tree) > (most + 1) * _ENTRY_BYTES:
            # More than `most` however long their names are: to read them would fill the memory.
            return [ListedEntry("", SUBMODULE, "")] * (most + 1)
        content = self._read(tree, "tree")
        length = len(tree) // 2
        try:
            found: Iterable[tuple[bytes, int, bytes]] = (
                parse_tree(content, length)
                if len(content) < _LARGE_TREE
                else islice(tree_entries(content, length), most + 1)
            )
            return [
                ListedEntry(name.decode(errors="surrogateescape"), entry_mode(mode), id_.decode())
                for name, mode, id_ in found
            ]
        except (FileFormatException, ValueError):
            raise malformed(tree) from None

    def _size_of_tree(self, tree: str) -> int:
        size = self._facts([tree])[0].partition(" ")[2]
        return int(size) if size.isdigit() else 0  # one that is missing is told of when it is read

    def _sizes(self, ids: Sequence[str]) -> dict[str, int]:
        facts = list(zip(ids, self._facts(ids), strict=True))
        sizes = {id_: int(fact[5:]) for id_, fact in facts if fact.startswith("blob ")}
        for id_, fact in facts if len(sizes) < len(facts) else ():
            if id_ not in sizes:
                kind, size = fact.split()
                raise PublishError(
                    f"the file {id_} is {size if size == 'missing' else kind}", CHECK
                )
        return sizes

    def python_files_with(self, commit: str, words: Sequence[str]) -> set[str]:
        """The paths of the Python files of a commit that hold one of some words."""
        # Neither attributes in the pushed tree nor settings of the account change the answer.
        options = (
            "--text", "--no-textconv", "--fixed-strings", "--files-with-matches", "-z",
            "--full-name", "--no-color", "--no-recurse-submodules",
        )  # fmt: skip
        patterns = [part for word in words for part in ("-e", word)]
        asked = ("grep", *options, *patterns, commit, "--", ":(top)*.py")
        said = self._git(*asked, good=(0, 1)).stdout
        paths = (path.partition(b":")[2] for path in said.split(b"\0") if path)
        return {path.decode(errors="surrogateescape") for path in paths}

    def read_blob(self, id_: str) -> bytes:
        """The content of a file."""
        return self._read(id_)

    def list_folder(self, tree: str) -> list[TreeEntry | ListedEntry]:
        """What is directly in a folder: files and links with their sizes, folders without."""
        entries = self._entries(tree, _MOST_ENTRIES)
        sized = iter(self._sized([each for each in entries if each.mode != FOLDER]))
        return [each if each.mode == FOLDER else next(sized) for each in entries]


class _CommitObjects:
    """The objects of a commit's tree, as a `SourceTree` asks for them."""

    def __init__(
        self, repository: GitRepository, commit: str, recall: Recall, *, searched: bool
    ) -> None:
        self._repository = repository
        self._commit = commit
        self._recall = recall
        # git does not know the bounds of the listing and would walk a tree bomb to its end.
        self._searched = searched
        self._listed = lru_cache(_LISTED)(repository.list_folder)

    def read(self, entry: TreeEntry) -> bytes:
        return self._repository.read_blob(entry.id)

    def find(self, folder: str, path: Sequence[str]) -> TreeEntry | None:
        *folders, name = path
        for part in folders:
            found = self._named(folder, part)
            if not isinstance(found, ListedEntry):
                return None
            folder = found.id
        entry = self._named(folder, name)
        return entry if isinstance(entry, TreeEntry) else None

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
        return self._repository.python_files_with(self._commit, words) if self._searched else None


class _OwnObjects(DiskObjectStore):
    """The objects in one folder; dulwich would open alternates as SHA-1, whatever they are."""

    @property
    def alternates(self) -> list[object]:  # type: ignore[override]
        return []


def _object_folders(objects: Path) -> list[Path]:
    """The folder and its alternates, theirs included (gitrepository-layout(5))."""
    folders: dict[Path, None] = {}
    waiting = [objects]
    while waiting:
        folder = waiting.pop(0).resolve()
        alternates = folder / "info" / "alternates"
        if folder in folders or not folder.is_dir():
            continue
        folders[folder] = None
        lines = alternates.read_bytes().split(b"\n") if alternates.is_file() else []
        waiting += [folder / os.fsdecode(line) for line in lines if line and line[:1] != b"#"]
    return list(folders)

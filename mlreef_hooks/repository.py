"""A git repository on disk; the only file that imports dulwich or runs git.

Refs and ancestry are asked from git, which knows reftables, replace refs and clock skew; objects
are read by dulwich through their ids. Nothing is ever checked out.
"""

import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from dulwich.object_format import get_object_format
from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID, parse_tree

from mlreef_hooks.config import Limits
from mlreef_hooks.errors import PublishError
from mlreef_hooks.tree import EXECUTABLE, FILE, SUBMODULE, SYMLINK, SourceTree, TreeEntry

TAG_DEPTH = 16  # tags may point to tags; 1,024 of them took minutes to follow
_KEPT_VARIABLES = ("PATH", "HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
_TYPES = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


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
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def list_working_tree(folder: Path) -> list[str] | None:
    """The files below `folder` that git tracks or would add, relative to it.

    None where the folder is in no working tree (or git ignores it as a whole).
    """
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env=git_environment(), capture_output=True, check=False
    )
    if done.returncode:
        return None
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path] or None


class GitRepository:
    """A repository, bare or not, SHA-1 or SHA-256, with or without alternates."""

    def __init__(self, path: Path) -> None:
        """Open the repository at `path` (a git directory or a working tree), else PublishError."""
        found = self._run_in(
            path, "rev-parse", "--absolute-git-dir", "--git-common-dir", "--show-object-format"
        )
        git_dir, common_dir, object_format = os.fsdecode(found).splitlines()
        self.git_dir = Path(git_dir)
        self._common_dir = path / common_dir
        self._object_format = get_object_format(object_format)

    @staticmethod
    def _run_in(path: Path, *words: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", "-C", str(path), *words], env=git_environment(), capture_output=True, check=False
            )
        except FileNotFoundError:
            raise PublishError("git is not installed", "install the package git") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise PublishError(f"{path} cannot be read by git: {said}", "name a git repository")
        return done.stdout

    def _git(
        self, *words: str, stdin: bytes = b"", good: Sequence[int] = (0,)
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ["git", f"--git-dir={self.git_dir}", *words],
            env=git_environment(),
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode not in good:
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise PublishError(f"git {words[0]} failed: {said}", "run git fsck in the repository")
        return done

    @cached_property
    def _objects(self) -> DiskObjectStore:
        return DiskObjectStore(self._common_dir / "objects", object_format=self._object_format)

    def close(self) -> None:
        """Close the pack files that were opened."""
        if "_objects" in self.__dict__:
            self._objects.close()

    def settings(self) -> dict[str, str]:
        """The repository's own `mlreef.*` settings, names in lower case as git gives them."""
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
        if not self.refs(ref).get(ref):
            return False
        words = ("merge-base", "--is-ancestor", commit, ref)
        return self._git(*words, good=(0, 1)).returncode == 0

    def peel(self, object_id: str) -> PeeledTag:
        """Where the tag object (or any other object) leads; bounded, whatever was pushed."""
        message = ""
        for depth in range(TAG_DEPTH):
            kind = self._git("cat-file", "-t", object_id).stdout.decode().strip()
            if kind != "tag":
                return PeeledTag(type=kind, id=object_id, message=message)
            headers, _, text = self._read(object_id).partition(b"\n\n")
            if depth == 0:
                message = _without_signature(text)
            object_id = headers.split(b"\n", 1)[0].removeprefix(b"object ").decode()
        return PeeledTag(type="tag", id=object_id, message=message)

    def _read(self, object_id: str) -> bytes:
        return self._read_typed(object_id)[1]

    def _read_typed(self, object_id: str) -> tuple[str, bytes]:
        try:
            number, content = self._objects.get_raw(ObjectID(object_id.encode()))
        except KeyError:
            raise PublishError(
                f"object {object_id} is missing from the repository", "run git fsck there"
            ) from None
        return _TYPES[number], content

    def commit_time(self, commit: str) -> int:
        """When the commit was made, in seconds since 1970 (UTC); 0 where it says nothing sound."""
        for line in self._read(commit).split(b"\n\n", 1)[0].splitlines():
            words = line.rsplit(b" ", 2)
            if line.startswith(b"committer ") and len(words) == 3 and words[1].isdigit():
                return min(int(words[1]), 253_402_300_799)  # the last second of the year 9999
        return 0

    def read_tree(self, commit: str, limits: Limits) -> SourceTree:
        """The tree of a commit. Listed by id, sizes in one question to git, content when asked."""
        header = self._read(commit).split(b"\n", 1)[0]
        listing = _Listing(self, limits)
        listing.walk(header.removeprefix(b"tree ").decode())
        sizes = self._sizes([entry[2] for entry in listing.found if entry[1] != SUBMODULE])
        entries = [
            TreeEntry(path=path, mode=mode, size=sizes.get(id_, 0), id=id_)
            for path, mode, id_ in listing.found
        ]
        return SourceTree(
            entries,
            lambda entry: self._read(entry.id),
            search=lambda words: self._python_files_with(commit, words),
            beyond=listing.beyond,
        )

    def _sizes(self, ids: Sequence[str]) -> dict[str, int]:
        asked = "".join(f"{id_}\n" for id_ in ids).encode()
        said = self._git("cat-file", "--buffer", "--batch-check=%(objectsize)", stdin=asked).stdout
        answers = zip(ids, said.splitlines(), strict=True)
        sizes = {id_: int(answer) for id_, answer in answers if answer.isdigit()}
        for id_ in ids:
            if id_ not in sizes:
                self._read_typed(id_)  # raises: the object is missing
        return sizes

    def _python_files_with(self, commit: str, words: Sequence[str]) -> set[str]:
        patterns = [part for word in words for part in ("-e", word)]
        options = ("--text", "--files-with-matches", "-z", "--fixed-strings", "--no-textconv")
        words_of_git = ("grep", *options, *patterns, commit, "--", "*.py")
        said = self._git(*words_of_git, good=(0, 1)).stdout
        return {
            path.partition(b":")[2].decode(errors="surrogateescape")
            for path in said.split(b"\0")
            if path
        }


class _Listing:
    """The walk through a tree's folders, bounded in entries and depth, without recursion."""

    def __init__(self, repository: GitRepository, limits: Limits) -> None:
        self._repository = repository
        self._limits = limits
        self.found: list[tuple[str, int, str]] = []
        self.beyond: str | None = None

    def walk(self, root: str) -> None:
        waiting = [("", 0, root)]
        while waiting:
            prefix, depth, tree = waiting.pop()
            if depth > self._limits.depth:
                self.beyond = "tree-too-deep"
                continue
            for path, mode, id_ in self._entries(prefix, tree):
                if stat.S_ISDIR(mode):
                    waiting.append((path + "/", depth + 1, id_))
                else:
                    self.found.append((path, _plain_mode(mode), id_))
            # Folders count too: a tree bomb of empty folders holds no file at all.
            if len(self.found) + len(waiting) > self._limits.files:
                self.beyond = "tree-too-many-files"
                break
        self.found.sort()

    def _entries(self, prefix: str, tree: str) -> Iterator[tuple[str, int, str]]:
        kind, content = self._repository._read_typed(tree)
        if kind != "tree":
            raise PublishError(f"object {tree} is a {kind}, not a tree", "run git fsck there")
        for name, mode, id_ in cast("list[tuple[bytes, int, bytes]]", parse_tree(content, len(tree) // 2)):
            yield prefix + name.decode(errors="surrogateescape"), mode, id_.decode()


def _plain_mode(mode: int) -> int:
    """Git's four modes; old or hostile trees hold others, which git itself reads like this."""
    if mode in (SYMLINK, SUBMODULE):
        return mode
    return EXECUTABLE if mode & 0o100 else FILE


def _without_signature(text: bytes) -> str:
    for begin in (b"-----BEGIN PGP SIGNATURE-----", b"-----BEGIN SSH SIGNATURE-----"):
        text = text.partition(begin)[0]
    return text.decode(errors="replace").strip()

"""A git repository on disk: its settings, refs and ancestry, and the objects that they lead to.

Refs and ancestry are asked from git, which knows reftables, replace refs and clock skew.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlreef_hooks.committed_tree import read_committed_tree
from mlreef_hooks.config import Limits
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import ask_git, in_folder, in_repository, run_git, unreadable
from mlreef_hooks.git_objects import (
    commit_seconds,
    object_of_tag,
    tag_message,
    tag_name,
    tree_of_commit,
)
from mlreef_hooks.lfs_store import LfsStore
from mlreef_hooks.object_store import ObjectStore
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_listing import Recall, nothing_known

TAG_DEPTH = 16  # tags may point to tags; 1,024 of them took minutes to follow
_SECONDS_DIGITS = 12  # with fewer, a time is one of this millennium or the next ones
_LARGEST = {"tag": 64 << 10, "commit": 16 << 20}  # bytes; a tag's message goes into the index


@dataclass(frozen=True, kw_only=True)
class PeeledTag:
    """Where a tag leads: the type of the last object, its id, and the outer tag's message and name.

    `type` is `commit`, `tree` or `blob`, or `tag` where tags are nested deeper than `TAG_DEPTH`;
    `name` is what the tag object calls itself, None where there is no tag object.
    """

    type: str
    id: str
    message: str
    name: str | None = None


def _seconds(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < _SECONDS_DIGITS else 0


class GitRepository:
    """A repository, bare or not, SHA-1 or SHA-256, with or without alternates."""

    def __init__(self, path: Path) -> None:
        """Open the repository at `path` (a git directory or a working tree), else PublishError."""
        words = ("--absolute-git-dir", "--git-common-dir", "--show-object-format")
        ask = ("rev-parse", "--path-format=absolute", *words)
        # A git directory that is named needs no search, which a site may have restricted
        # (safe.bareRepository, safe.directory).
        done = run_git(*in_repository(path), *ask)
        if done.returncode:
            done = run_git(*in_folder(path), *ask)
        found = os.fsdecode(done.stdout).split("\n")
        if done.returncode or len(found) != len(words) + 1:
            raise unreadable(path, done.stderr or b"its path holds a line break")
        self.git_dir = Path(found[0])
        self._git = partial(ask_git, self.git_dir)
        self.common_dir = Path(found[1])
        self._objects = ObjectStore(self.git_dir, self.common_dir, found[2])
        self._settings: dict[str, str] | None = None

    def shared(self) -> "GitRepository":
        """The repository itself, of one of its linked working trees; else this."""
        if self.common_dir == self.git_dir:
            return self
        self.close()
        return GitRepository(self.common_dir)

    def close(self) -> None:
        """Close what was opened to read objects."""
        self._objects.close()

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

    def tags(self) -> dict[str, tuple[str, str]]:
        """The tags: by their full ref names, the id of each and of what it points to in the end."""
        fields = "%(objectname) %(*objectname) %(refname)"
        found = {}
        for line in self._git("for-each-ref", f"--format={fields}", "refs/tags/").stdout.split(
            b"\n"
        ):
            id_, peeled, ref = line.split(b" ", 2) if line else (b"", b"", b"")
            if ref:
                found[ref.decode(errors="surrogateescape")] = id_.decode(), (peeled or id_).decode()
        return found

    def makers(self, prefix: str) -> dict[str, tuple[int, str]]:
        """When the refs below `prefix` were made, in seconds since 1970, and by whom: of an
        annotated tag who wrote it, else the committer. Both may be anything; what is no sound time
        is 0.
        """
        form = "%(refname)%00%(creatordate:unix)%00%(taggername)%(committername)"
        said = self._git("for-each-ref", f"--format={form}", prefix).stdout
        found = (line.split(b"\0") for line in said.splitlines() if line.count(b"\0") == 2)
        return {
            ref.decode(errors="surrogateescape"): (_seconds(at), by.decode(errors="replace"))
            for ref, at, by in found
        }

    def is_on_branch(self, commit: str, branch: str) -> bool:
        """True where the commit is reachable from the branch; False where there is no branch."""
        ref = f"refs/heads/{branch}"
        tip = self.refs(ref).get(ref)
        return tip is not None and self.is_ancestor(commit, tip)

    def is_ancestor(self, commit: str, of: str) -> bool:
        """True where one commit is another or comes before it; PublishError where one is gone."""
        words = ("merge-base", "--is-ancestor", commit, of)
        return commit == of or self._git(*words, good=(0, 1)).returncode == 0

    # objects

    def peel(self, object_id: str) -> PeeledTag:
        """Where the tag object (or any other object) leads; bounded, whatever was pushed."""
        message, name, depth = "", None, 0
        while True:
            kind, size = self._objects.facts([object_id])[0].split()
            if not size.isdigit():
                raise self._objects.missing(f"object {object_id}")
            if int(size) > _LARGEST.get(kind, int(size)):
                raise PublishError(
                    f"the {kind} {object_id[:7]} has {size} bytes and {_LARGEST[kind]} are allowed",
                    "write a shorter message",
                )
            if kind != "tag" or depth == TAG_DEPTH:
                return PeeledTag(type=kind, id=object_id, message=message, name=name)
            content = self._objects.read(object_id)
            if not depth:
                message, name = tag_message(content), tag_name(content)
            object_id = object_of_tag(object_id, content)
            depth += 1

    def commit_time(self, commit: str) -> int:
        """When the commit was made, in seconds since 1970 (UTC); 0 where it says nothing sound."""
        return commit_seconds(self._objects.read(commit, "commit"))

    def read_tree(
        self, commit: str, limits: Limits, recall: Recall = nothing_known, *, lfs: str = ""
    ) -> SourceTree:
        """The tree of a commit. Listed by id, sizes in one question to git, content when asked.

        Folders that `recall` knows are not listed. What Git LFS keeps in the repository or in the
        site's folder `lfs` takes the place of its pointers.
        """
        root = tree_of_commit(commit, self._objects.read(commit, "commit"))
        return self.read_folder(root, limits, recall, lfs=lfs)

    def read_folder(
        self,
        tree: str,
        limits: Limits,
        recall: Recall,
        *,
        opened: Collection[str] = (),
        lfs: str = "",
    ) -> SourceTree:
        """The same of a tree by its id; folders that are `opened` are listed (see `list_tree`)."""
        contents = LfsStore(self.common_dir, lfs)
        return read_committed_tree(
            self._objects, self.git_dir, tree, limits, recall, opened, contents
        )

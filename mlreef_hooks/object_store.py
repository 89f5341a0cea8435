"""The objects of a git repository by their ids; the only file that imports dulwich.

Content is read in this process, sizes are asked from one git that stays. What dulwich cannot read,
git is asked for.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from dulwich.errors import ChecksumMismatch, FileFormatException
from dulwich.object_format import get_object_format
from dulwich.object_store import BaseObjectStore, DiskObjectStore
from dulwich.objects import ObjectID, RawObjectID, parse_tree
from dulwich.pack import Pack

from mlreef_hooks.alternates import ObjectFolders, object_folders
from mlreef_hooks.delta_chain import is_too_large
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import ask_git, quarantine, start_git
from mlreef_hooks.git_objects import CHECK, entry_mode, malformed, tree_entries
from mlreef_hooks.plain_folders import RawEntry
from mlreef_hooks.tree_entry import SUBMODULE
from mlreef_hooks.tree_listing import ListedEntry

_FACTS = "--batch-check=%(objecttype) %(objectsize)"
_WHOLE = "put a whole clone in its place: git clone --mirror, without --filter"
_ASKED = 500  # ids at once: neither they nor the answers fill a pipe
_ENTRY_BYTES = 7 + 255 + 1 + 32  # of a tree object's entry: mode, name, id
_LARGE_TREE = 1 << 20  # bytes of a tree object; a larger one is not parsed further than needed
_TYPES = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
# What dulwich raises where an object is not as it expects; git then has the last word.
_UNREADABLE = (
    ArithmeticError, AssertionError, ChecksumMismatch, FileFormatException, LookupError, OSError,
    TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip


class ObjectStore:
    """The objects of a repository, SHA-1 or SHA-256, with or without alternates."""

    def __init__(self, git_dir: Path, common_dir: Path, object_format: str) -> None:
        """`common_dir` is where the git directory of a linked working tree has its objects."""
        self._git_dir = git_dir
        self._common_dir = common_dir
        self._object_format = get_object_format(object_format)

    @cached_property
    def _stores(self) -> list[DiskObjectStore]:
        pushed = quarantine()
        folders = (*([pushed] if pushed else ()), *self._folders.there)
        return [_OwnObjects(folder, object_format=self._object_format) for folder in folders]

    @cached_property
    def _folders(self) -> ObjectFolders:
        return object_folders(self._common_dir / "objects")

    def missing(self, what: str) -> PublishError:
        """The error of an object that is missing; it may pass where a whole folder of them is."""
        if self._is_partial():
            return PublishError(f"{what} is missing: the repository is a partial clone", _WHOLE)
        if not self._folders.missing:
            return PublishError(f"{what} is missing", CHECK)
        return PublishError(
            f"{what} is missing, and so is a folder of objects that the repository shares",
            "the administrator runs mlreef-hooks doctor, which names it",
            passing=True,
        )

    def _is_partial(self) -> bool:
        """True where the repository was cloned without some of its objects (partial clone)."""
        packs = (folder / "pack" for folder in self._folders.there)
        return any(True for folder in packs for _ in folder.glob("*.promisor"))

    def _unanswered(self) -> PublishError:
        """The error where git ended; it does so where it may not fetch what a clone lacks."""
        if self._is_partial():
            return PublishError("objects are missing: the repository is a partial clone", _WHOLE)
        return PublishError("git cat-file failed", CHECK)

    def close(self) -> None:
        """Close the pack files that were opened, and the git that answers."""
        asker = self.__dict__.pop("_asker", None)
        if asker is not None:
            asker.stdin.close()
            asker.stdout.close()
            asker.wait()
        for store in self.__dict__.pop("_stores", ()):
            store.close()

    def facts(self, ids: Sequence[str]) -> list[str]:
        """Type and size of each object, as in `blob 12`, from a git that stays and answers."""
        facts: list[str] = []
        try:
            for start in range(0, len(ids), _ASKED):
                asked = ids[start : start + _ASKED]
                self._asker.stdin.write("\n".join((*asked, "")).encode())
                self._asker.stdin.flush()
                said = b"".join(islice(self._asker.stdout, len(asked)))
                facts += said.decode().split("\n")[: len(asked)]
        except BrokenPipeError:
            raise self._unanswered() from None
        if facts and not facts[-1]:
            raise self._unanswered()
        return facts

    @cached_property
    def _asker(self) -> Any:
        return start_git(self._git_dir, "cat-file", _FACTS)

    def read(self, object_id: str, kind: str | None = None) -> bytes:
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
        said = ask_git(self._git_dir, "cat-file", "--batch", stdin=f"{object_id}\n".encode()).stdout
        facts, _, content = said.partition(b"\n")
        found = facts.decode().split()
        if len(found) != 3:
            raise self.missing(f"object {object_id}")
        return found[1], content[:-1]

    def entries(self, tree: str, most: int) -> list[ListedEntry]:
        """The entries of a tree object; of one with more than `most` some more than those.

        PublishError where it is malformed: a name with a slash would stand in another folder, and
        be taken for a part of that one's tree wherever this is known by its id.
        """
        found = self.raw_entries(tree, most)
        if found is None:
            return [ListedEntry("", SUBMODULE, "")] * (most + 1)
        if any(b"/" in name for name, _, _ in found):
            raise malformed(tree)
        return [
            ListedEntry(name.decode(errors="surrogateescape"), entry_mode(mode), id_.decode())
            for name, mode, id_ in found
        ]

    def raw_entries(self, tree: str, most: int) -> list[RawEntry] | None:
        """The same as bytes, and with the modes that were written; None for much more than `most`.

        However long their names are, there must be more; to read them would fill the memory.
        """
        if self._size_of_tree(tree) > (most + 1) * _ENTRY_BYTES:
            return None
        content = self.read(tree, "tree")
        length = len(tree) // 2
        try:
            if len(content) < _LARGE_TREE:
                return list(parse_tree(content, length))
            return list(islice(tree_entries(content, length), most + 1))
        except (FileFormatException, ValueError):
            raise malformed(tree) from None

    def _size_of_tree(self, tree: str) -> int:
        size = self.facts([tree])[0].partition(" ")[2]
        return int(size) if size.isdigit() else 0  # one that is missing is told of when it is read

    def sizes(self, ids: Sequence[str]) -> dict[str, int]:
        facts = list(zip(ids, self.facts(ids), strict=True))
        sizes = {id_: int(fact[5:]) for id_, fact in facts if fact.startswith("blob ")}
        for id_, fact in facts if len(sizes) < len(facts) else ():
            if id_ not in sizes:
                kind, size = fact.split()
                if size == "missing":
                    raise self.missing(f"the file {id_}")
                raise PublishError(f"the file {id_} is {kind}", CHECK)
        return sizes


class _OwnObjects(DiskObjectStore):
    """The objects in one folder; dulwich would open alternates as SHA-1, whatever they are."""

    def get_raw(self, name: ObjectID | RawObjectID) -> tuple[int, bytes]:
        id_ = RawObjectID(bytes.fromhex(name.decode()))
        with suppress(KeyError):  # it is in no pack
            # The same packs in the same order as those that it is read from.
            self._lookup_in_packs(lambda pack: _check_chain(pack, id_))
        return super().get_raw(name)

    @property
    def alternates(self) -> list[BaseObjectStore]:
        return []


def _check_chain(pack: Pack, id_: RawObjectID) -> None:
    """PublishError where an object would fill the memory before it is as small as it says."""
    offset = pack.index.object_offset(id_)
    file = os.open(pack.data.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        too_large = is_too_large(
            lambda start, size: os.pread(file, size, start),
            lambda base: pack.index.object_offset(RawObjectID(base)),
            offset,
            len(id_),
        )
    finally:
        os.close(file)
    if too_large:
        raise PublishError(
            f"object {id_.hex()} is packed as changes that are too large",
            "run git -c core.bigFileThreshold=32m repack -adf in the repository",
        )

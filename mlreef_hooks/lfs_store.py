"""The contents that Git LFS keeps on a server, by their hashes: in the repository, or in one folder
for the whole site.

A repository's own are where git-lfs puts them, `lfs/objects/aa/bb/OID`. Below a site's folder a
content is `aa/bb/OID`, or `aa/bb/REST` with the rest of the hash alone (Gitea, GitLab). No link
below these folders is followed: who may write into a repository must not choose what is read.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.lfs_pointer import Pointer

_CHUNK = 1 << 20  # bytes
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class LfsStore:
    """The contents that a repository may have; `site` is the folder of all, empty for none."""

    def __init__(self, git_dir: Path, site: str) -> None:
        """`git_dir` is the one that linked working trees share."""
        self._git_dir = git_dir
        self._site = Path(site) if site else None

    def fault_of(self, pointer: Pointer) -> str | None:
        """Why the content of a pointer cannot be had, None where it can. It is not read for that:
        `stream` tells whether it is what its hash says.
        """
        found = self._open(pointer)
        if isinstance(found, str):
            return found
        os.close(found)
        return None

    def stream(self, pointer: Pointer) -> Iterator[bytes]:
        """The content, a part at a time; PublishError, at the end, where its hash is another."""
        found = self._open(pointer)
        if isinstance(found, str):
            raise _unusable(pointer, found)
        digest, left = hashlib.sha256(), pointer.size
        with open(found, "rb", buffering=0) as file:
            # one byte more than it should have would tell of a file that grows
            while part := file.read(min(_CHUNK, left + 1)):
                digest.update(part)
                left -= len(part)
                if left < 0:
                    break
                yield part
        if left or digest.hexdigest() != pointer.oid:
            raise _unusable(pointer, "is not what its hash says")

    def _open(self, pointer: Pointer) -> int | str:
        """A descriptor of the file with the content, or why there is none."""
        fault = "is not here"
        for root, parts in self._places(pointer.oid):
            try:
                file = _open_below(root, parts)
            except PermissionError:
                fault = "may not be read here"
                continue
            except OSError:  # not there, or behind a link
                continue
            facts = os.fstat(file)
            if stat.S_ISREG(facts.st_mode) and facts.st_size == pointer.size:
                return file
            os.close(file)
            fault = f"has {facts.st_size} bytes here, in place of {pointer.size}"
        return fault

    def _places(self, oid: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
        folders = (oid[:2], oid[2:4])
        yield self._git_dir, ("lfs", "objects", *folders, oid)
        if self._site is not None:
            yield self._site, (*folders, oid)
            yield self._site, (*folders, oid[4:])


def _open_below(root: Path, parts: tuple[str, ...]) -> int:
    folder = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _unusable(pointer: Pointer, fault: str) -> PublishError:
    return PublishError(
        f"the content sha256:{pointer.oid[:12]} of a Git LFS file {fault}",
        "send it again (git lfs push --all origin), or ask the administrator to restore it",
    )

"""File systems of a size, which nobody sees but the test that mounts them and what it starts."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNS = 0x00020000  # sched.h
_PLENTY = 1 << 30
PAGE = 4096


@contextmanager
def own_mounts() -> Iterator[None]:
    """What is mounted meanwhile is seen by this thread and the processes it starts; needs root."""
    here, before = os.getcwd(), os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    try:
        _call("unshare", _CLONE_NEWNS)
        _mount("--make-rprivate", "/")
        yield
    finally:
        _call("setns", before, _CLONE_NEWNS)
        os.chdir(here)
        os.close(before)


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


def _mount(*words: str | Path) -> None:
    subprocess.run(["/usr/bin/mount", *words], check=True)


class SmallDisk:
    """A file system at a folder, which is made; it has plenty of room until it is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={_PLENTY},mode=755", "none", folder)
        (folder / ".some").write_bytes(bytes(PAGE))  # of size 0 it would have no bound

    def leave(self, *, pages: int | None = None, files: int | None = None) -> None:
        """Leave room for so much more: of bytes, and of files. None is plenty."""
        found = os.statvfs(self._folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        size = _PLENTY if pages is None else used + pages * PAGE
        count = (1 << 20) if files is None else found.f_files - found.f_ffree + files
        _mount("-o", f"remount,size={size},nr_inodes={count}", self._folder)

    @property
    def is_full(self) -> bool:
        """True where nothing more has room."""
        found = os.statvfs(self._folder)
        return found.f_bfree == 0 or found.f_ffree == 0

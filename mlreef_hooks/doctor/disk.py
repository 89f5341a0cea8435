"""What is wrong with the file system of a folder: room, inodes, locks, its clock; by trying it."""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlreef_hooks.doctor.finding import Finding, fault
from mlreef_hooks.errors import is_full
from mlreef_hooks.plain_text import counted

_LOW_BYTES, _LOW_INODES = 1 << 30, 10_000
_TRIED_BYTES = 1 << 16
_AHEAD_SECONDS = 60
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs", "afs")


def disk_faults(folder: Path, now: float) -> Iterator[Finding]:
    """What would keep a process from writing safely below a folder, as far as it may write there.

    No file is made that has a name.
    """
    kind = file_system_of(
        str(folder.resolve()), Path("/proc/self/mountinfo").read_text(errors="replace")
    )
    if kind in _NETWORK:
        yield fault("folder-network", folder, f"it is on the network ({kind})")
    yield from _room(folder, os.statvfs(folder))
    if os.access(folder, os.W_OK | os.X_OK):
        yield from _tried(folder, now)


def _room(folder: Path, found: os.statvfs_result) -> Iterator[Finding]:
    """What there is too little of; what cannot be had at all is found by trying."""
    if found.f_flag & os.ST_RDONLY:
        yield fault("folder-read-only", folder, "its file system is mounted read-only")
        return
    free = found.f_bavail * found.f_frsize
    if free < _LOW_BYTES:
        yield fault("disk-low", folder, f"{free >> 20} MiB are free")
    if found.f_files and found.f_favail < _LOW_INODES:
        yield fault("inodes-low", folder, f"{counted(found.f_favail, 'inode')} are free")


def _tried(folder: Path, now: float) -> Iterator[Finding]:
    """What fails with a file that has no name: it is gone with its descriptor, whatever happens.

    Where the file system has no such files, what can be tried with the folder.
    """
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        content = bytes(_TRIED_BYTES)
    except OSError as error:
        if is_full(error):
            yield fault("disk-full", folder, f"no file can be made: {error.strerror}")
            return
        descriptor, content = os.open(folder, os.O_RDONLY | os.O_DIRECTORY), b""
    try:
        yield from _used(folder, descriptor, content, now)
    finally:
        os.close(descriptor)


def _used(folder: Path, descriptor: int, content: bytes, now: float) -> Iterator[Finding]:
    try:
        if content:
            os.write(descriptor, content)
        os.fsync(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    except OSError as error:
        name = "disk-full" if is_full(error) else "folder-no-locks"
        said = f"a file cannot be written, synced and locked: {error.strerror}"
        yield fault(name, folder, said)
        return
    ahead = os.fstat(descriptor).st_mtime - now
    if content and abs(ahead) > _AHEAD_SECONDS:
        said = f"the time of files in {folder} is {ahead:+.0f} s from that of this machine"
        yield fault("clock-wrong", "clock", said)


def file_system_of(path: str, mounts: str) -> str:
    """The type of the file system that a path is on, by the text of /proc/PID/mountinfo."""
    found: Mapping[str, str] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split(" ")[4])
        if path == point or path.startswith(point.rstrip("/") + "/"):
            found = {**found, point: after.split(" ")[0]}
    return found[max(found, key=len)] if found else ""

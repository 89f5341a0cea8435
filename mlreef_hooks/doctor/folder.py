"""What is wrong with the folders that are written: modes, room, locks, what was left in them."""

import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mlreef_hooks.account import EXECUTE, READ, WRITE, Account
from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.doctor.processes import started_at
from mlreef_hooks.plain_text import counted

_WRITTEN = ("*.sqlite*", "*.lock", "*.log", ".lock")  # files that are changed where they are
_LOW_BYTES, _LOW_INODES = 1 << 30, 10_000
_TRIED_BYTES = 1 << 16
_OLD_SECONDS = 86_400
_AHEAD_SECONDS = 60
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs", "afs")
_FULL = (errno.ENOSPC, errno.EDQUOT)


def look_at_folders(visit: Visit) -> Iterator[Finding]:
    """What is wrong with the folders of state, index and images, and with that of passing files."""
    config, account = visit.config, visit.account
    for folder in dict.fromkeys((config.state_path, config.index_path, config.images_path)):
        if not folder.is_dir():
            if folder != config.images_path:
                yield fault("folder-missing", folder, "is not there yet")
            continue
        found = [*_closed(folder, account), *_faults(folder, visit)]
        yield from found or [fine(folder, "can be written")]
    passing = Path(tempfile.gettempdir())
    yield from _room(passing, os.statvfs(passing))


def _faults(folder: Path, visit: Visit) -> Iterator[Finding]:
    mounts = Path("/proc/self/mountinfo").read_text(errors="replace")
    kind = file_system_of(str(folder.resolve()), mounts)
    if kind in _NETWORK:
        yield fault("folder-network", folder, f"it is on the network ({kind})")
    yield from _room(folder, os.statvfs(folder))
    if os.access(folder, os.W_OK | os.X_OK):
        yield from _tried(folder, visit.now)
    yield from _left(folder, visit.now)
    yield from _held(folder, visit)


def _closed(folder: Path, account: Account) -> Iterator[Finding]:
    """The finding that the account cannot write something there."""
    place = _unwritable(folder, account)
    if place is None or os.statvfs(folder).f_flag & os.ST_RDONLY:
        return
    hint = f"give it to the repositories' owner: chown -R {account.user} {folder}"
    if folder.stat().st_uid not in (0, account.user):
        hint = "it is another account's: write another folder into the configuration"
    yield fault("folder-closed", folder, f"uid {account.user} cannot write {place}").but(hint=hint)


def _unwritable(folder: Path, account: Account) -> Path | None:
    """What the account would have to write at or below the folder, and cannot."""
    obstacle = account.obstacle(folder, READ | WRITE | EXECUTE)
    if obstacle is not None:
        return obstacle
    for parent, folders, files in os.walk(folder):
        below = [Path(parent, name) for name in folders]
        changed = [path for name in files if any(map((path := Path(parent, name)).match, _WRITTEN))]
        wanted = [(path, READ | WRITE | EXECUTE) for path in below]
        for path, bits in [*wanted, *((path, READ | WRITE) for path in changed)]:
            if not account.may(path, bits):
                return path
    return None


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
        if error.errno in _FULL:
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
        name = "disk-full" if error.errno in _FULL else "folder-no-locks"
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


def _left(folder: Path, now: float) -> Iterator[Finding]:
    """Files that a killed process left beside their places, and files of a time to come."""
    old, ahead = [], []
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                changed = os.lstat(os.path.join(parent, name)).st_mtime
            except OSError:  # it was moved meanwhile
                continue
            if name.startswith(".") and name.endswith(".new") and now - changed > _OLD_SECONDS:
                old.append(Path(parent, name))
            if changed - now > _AHEAD_SECONDS:
                ahead.append(Path(parent, name))
    if old:
        said = f"{old[0]} is left of a process that was killed ({counted(len(old), 'file')})"
        yield fault("left-over", folder, said)
    if ahead:
        yield fault("clock-wrong", "clock", f"{ahead[0]} was changed in a time to come")


def _held(folder: Path, visit: Visit) -> Iterator[Finding]:
    """Locks of ours that a process holds which is older than any build may become."""
    longest = 2 * visit.config.builder.docker.build_seconds
    inodes = {path.stat().st_ino: path for path in folder.rglob("*.lock") if path.is_file()}
    for process, inode in lock_holders(Path("/proc/locks").read_text()):
        path = inodes.get(inode)
        if path is None or path.name == "ready.lock":
            continue
        if visit.now - started_at(process) > longest:
            said = f"process {process} holds {path.relative_to(folder)} for long"
            yield fault("lock-held", folder, said)


def lock_holders(locks: str) -> Sequence[tuple[int, int]]:
    """Process id and inode of each lock that is held, by the text of /proc/locks (proc(5))."""
    form = r"^\d+: FLOCK\s+\S+\s+\S+\s+(\d+)\s+\w+:\w+:(\d+) "
    return [(int(process), int(inode)) for process, inode in re.findall(form, locks, re.MULTILINE)]

"""What is wrong with the folders that are written: modes, what was left in them, locks."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from mlreef_hooks.account import EXECUTE, READ, WRITE, Account
from mlreef_hooks.doctor.disk import disk_faults
from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.doctor.processes import started_at
from mlreef_hooks.plain_text import counted

_WRITTEN = ("*.sqlite*", "*.lock", "*.log", ".lock")  # files that are changed where they are
_STAYING = ("worker.lock",)  # what the process that stays holds
_OLD_SECONDS = 86_400
_AHEAD_SECONDS = 60
_OTHERS = 0o005  # read and enter
_ALL = READ | WRITE | EXECUTE


def look_at_folders(visit: Visit) -> Iterator[Finding]:
    """What is wrong with the folders of state, index and images, and with that of passing files."""
    config = visit.config
    folders = dict.fromkeys((config.state_path, config.index_path, config.images_path))
    for folder in folders:
        try:
            closed = visit.account.obstacle(folder, _ALL)
        except FileNotFoundError:
            if folder != config.images_path:
                yield fault("folder-missing", folder, "is not there yet")
            continue
        if closed:
            yield _closed(folder, closed, visit.account)
            continue
        found = [*_faults(folder, visit, others=folders.keys() - {folder})]
        yield from found or [fine(folder, "can be written")]
    yield from _passing(Path(os.environ.get("TMPDIR") or "/tmp"), visit)  # noqa: S108


def _passing(folder: Path, visit: Visit) -> Iterator[Finding]:
    """What is wrong with the folder of passing files, which is everybody's."""
    closed = visit.account.obstacle(folder, _ALL)
    if closed:
        hint = f"let everybody write it: chmod 1777 {folder}"
        yield _closed(folder, closed, visit.account).but(hint=hint)
    yield from disk_faults(folder, visit.now)


def _faults(folder: Path, visit: Visit, *, others: Collection[Path]) -> Iterator[Finding]:
    place = _unwritable(folder, visit.account, others)
    if place and not os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield _closed(folder, place, visit.account)
    yield from disk_faults(folder, visit.now)
    yield from _left(folder, visit.now, others)
    yield from _held(folder, visit, others)
    if folder == visit.config.images_path and folder.stat().st_mode & _OTHERS:
        yield fault("images-open", folder, "everybody may read the code of private modules in it")


def _closed(folder: Path, place: Path, account: Account) -> Finding:
    """The finding that the account cannot write a place at, above or below the folder."""
    hint = f"give it to the repositories' owner: chown -R {account.user} {folder}"
    if not place.is_relative_to(folder):
        hint = f"let the account through: chmod o+x {place}"
    elif folder.stat().st_uid not in (0, account.user):
        hint = "it is another account's: write another folder into the configuration"
    return fault("folder-closed", folder, f"uid {account.user} cannot write {place}").but(hint=hint)


def _unwritable(folder: Path, account: Account, others: Collection[Path]) -> Path | None:
    """What the account would have to write below the folder, and cannot."""
    for parent, folders, files in _walk(folder, others):
        below = [Path(parent, name) for name in folders]
        changed = [path for name in files if any(map((path := Path(parent, name)).match, _WRITTEN))]
        wanted = [(path, _ALL) for path in below]
        for path, bits in [*wanted, *((path, READ | WRITE) for path in changed)]:
            if not account.may(path, bits):
                return path
    return None


def _walk(
    folder: Path, others: Collection[Path]
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """All folders below one with what is in them, but the others, which have turns of their own."""
    skipped = {str(path) for path in others}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if f"{parent}/{name}" not in skipped]
        yield parent, folders, files


def _left(folder: Path, now: float, others: Collection[Path]) -> Iterator[Finding]:
    """Files that a killed process left beside their places, and files of a time to come."""
    old, ahead = [], []
    for parent, _, files in _walk(folder, others):
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


def _held(folder: Path, visit: Visit, others: Collection[Path]) -> Iterator[Finding]:
    """Locks of ours that a process holds which is older than any build may become."""
    longest = 2 * visit.config.worker.job_seconds
    below = (Path(parent, name) for parent, _, files in _walk(folder, others) for name in files)
    inodes = {path.stat().st_ino: path for path in below if path.suffix == ".lock"}
    for process, inode in lock_holders(Path("/proc/locks").read_text()):
        path = inodes.get(inode)
        if path is None or path.name in _STAYING:
            continue
        if visit.now - started_at(process) > longest:
            said = f"process {process} holds {path.relative_to(folder)} for long"
            yield fault("lock-held", folder, said)


def lock_holders(locks: str) -> Sequence[tuple[int, int]]:
    """Process id and inode of each lock that is held, by the text of /proc/locks (proc(5))."""
    form = r"^\d+: FLOCK\s+\S+\s+\S+\s+(\d+)\s+\w+:\w+:(\d+) "
    return [(int(process), int(inode)) for process, inode in re.findall(form, locks, re.MULTILINE)]

"""Files that are there whole or not at all: written beside their place, synced, moved there.

Whoever runs as root (an administrator) leaves everything to the owner of the folder it is in.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from mlreef_hooks.errors import PublishError


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Put `content` at `path` in one step, in a folder that is there.

    The name beside needs no random part where writers hold a lock, and a writer that is killed
    then leaves one file, however often.
    """
    replace_files({path: content}, mode)


def replace_files(contents: Mapping[Path, bytes], mode: int) -> None:
    """The same for several files, each in one step; what is waited for once for all is quicker."""
    try:
        for path, content in contents.items():
            with os.fdopen(open_own(beside_of(path), os.O_WRONLY, mode), "wb") as out:
                out.truncate()
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        for path in contents:
            beside_of(path).replace(path)
    except OSError:
        for path in contents:
            with suppress(OSError):  # on a full disk, half a file is what takes the room
                beside_of(path).unlink()
        raise
    for folder in {path.parent for path in contents}:
        sync_folder(folder)


def open_own(path: Path, flags: int, mode: int) -> int:
    """The descriptor of a file with this mode, made where it is not there.

    OSError for a link or anything else: whoever may write in the folder must not choose which file
    root opens, changes and gives away.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise OSError(errno.ELOOP, "it is not a file of its own", str(path))
        with suppress(PermissionError):  # another account's; its mode is as it should be
            os.fchmod(descriptor, mode)
        give_to_owner_of(path.parent, descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def beside_of(path: Path) -> Path:
    """Where the new content of a file stands until it is complete."""
    return path.with_name(f".{path.name}.new")


def remove_file(path: Path, top: Path) -> None:
    """Remove a file, where it is there, and the folders that are empty then, up to `top`."""
    if not path.exists():
        return
    path.unlink()
    sync_folder(path.parent)
    with suppress(OSError):  # not empty
        for folder in path.parents:
            if folder == top:
                break
            folder.rmdir()


@contextmanager
def locked(
    path: Path,
    *,
    wait: bool = True,
    together: bool = False,
    on_wait: Callable[[], None] = lambda: None,
    mode: int = 0o600,
) -> Iterator[None]:
    """Hold a lock among processes; BlockingIOError where another has it and `wait` is false.

    Any number may hold it `together`, and nobody else meanwhile. `on_wait` is called once where it
    has to be waited for. The file is its owner's alone unless `mode` says otherwise, for whoever
    may open it could keep the lock.
    """
    descriptor = open_own(path, os.O_RDWR, mode)
    how = fcntl.LOCK_SH if together else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            on_wait()
            fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared(path: Path, alone: Callable[[], None]) -> Iterator[int]:
    """Hold a lock together with others: a descriptor, by which children hold it who inherit it.

    `alone` is called first where nobody else holds it; others wait for that.
    """
    descriptor = open_own(path, os.O_RDWR, 0o600)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def turn_taken(folder: Path, name: str, on_wait: Callable[[], None]) -> Iterator[None]:
    """Take turns, by a lock of this name in a folder of locks, with other processes.

    PublishError that may pass where the folder cannot be written.
    """
    with ExitStack() as lock:
        try:
            make_folder(folder.parent, 0o755)
            make_folder(folder, 0o700)
            lock.enter_context(locked(folder / f"{name}.lock", on_wait=on_wait))
        except OSError as error:
            raise unwritable(folder, error) from error
        yield


def unwritable(folder: Path, error: OSError) -> PublishError:
    """What is said of a folder that cannot be written; it may pass."""
    return PublishError(
        f"{folder} cannot be written: {error.strerror}",
        "the administrator runs mlreef-hooks doctor",
        passing=True,
    )


@contextmanager
def appended(path: Path) -> Iterator[IO[bytes]]:
    """The log at `path`, to write at its end: its owner's alone, as is the folder made for it."""
    make_folder(path.parent.parent, 0o755)
    make_folder(path.parent, 0o700)
    with os.fdopen(open_own(path, os.O_WRONLY | os.O_APPEND, 0o600), "ab") as log:
        yield log


def make_folder(path: Path, mode: int) -> None:
    """Make a folder and those above it, all with `mode`; one that is there stays as it is.

    The set-group-id bit of the folder above is kept: by it, a site gives folders to a group.
    """
    if path.is_dir():
        return
    make_folder(path.parent, mode)
    path.mkdir(mode, exist_ok=True)
    path.chmod(mode | path.parent.stat().st_mode & stat.S_ISGID)
    give_to_owner_of(path.parent, path)


def give_to_owner_of(folder: Path, path: Path | int) -> None:
    """Give what root made to the owner of the folder; everybody else owns it already."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def sync_folder(path: Path) -> None:
    """Return when what was made, moved or removed in a folder outlasts a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Hashes of the files of a run. What is below an output folder was written by a module, and is not
trusted: links are never followed, nothing but files is opened.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mlreef_hooks.errors import PublishError
from mlreef_hooks.run_record import FileHash, TreeHash

_CHUNK = 1 << 20
_HOLLOW = 1 << 40  # bytes; a file that claims more, and has hardly any, is not read for hours
_DEEPEST = 200  # folders in each other; what copies and removes them must come to an end
Input = Path | Mapping[str, Path]  # one folder or file, or several, each below a name
Marks = Mapping[bytes, tuple[int, ...]]


def hash_input(given: Input) -> TreeHash:
    """The hash of what a module is given; several are one folder that holds them by their names.

    PublishError where something cannot be read.
    """
    if isinstance(given, Path):
        return TreeHash.of(str(given), _hashed(os.fsencode(given.resolve()), b"", {}))
    files = [
        file
        for name, path in given.items()
        for file in _hashed(os.fsencode(path.resolve()), os.fsencode(name), {})
    ]
    return TreeHash.of(", ".join(map(str, given.values())), files)


def marks_of(folder: Path) -> Marks:
    """By which what is in a folder now is told from what is written later."""
    with _translated(folder):
        return {path: _mark(found) for path, found in _walk(os.fsencode(folder), b"")}


def hash_output(folder: Path, before: Marks, *, entries: int) -> TreeHash:
    """The hash of what was written in a folder since the marks `before`; PublishError where
    something cannot be read.
    """
    files = _hashed(os.fsencode(folder), b"", before)
    return TreeHash.of(str(folder), files, entries=entries)


def read_new_file(path: Path, before: Marks, most: int) -> bytes | None:
    """The content of a file beside others that was written since `before`; None where there is no
    such file, where it is a link or something else, or larger than `most` bytes.
    """
    try:
        if before.get(os.fsencode(path.name)) == _mark(path.lstat()):
            return None
        with _opened(os.fsencode(path)) as file:
            content = file.read(most + 1)
    except OSError:
        return None
    return content if len(content) <= most else None


def _hashed(top: bytes, prefix: bytes, before: Marks) -> Iterator[FileHash]:
    with _translated(os.fsdecode(top)):
        for path, found in _walk(top, prefix):
            if before.get(path) != _mark(found):
                below = path.removeprefix(prefix).removeprefix(b"/") if prefix else path
                yield _hash_file(os.path.join(top, below) if below else top, path, found)


def _walk(top: bytes, path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """The paths of everything that is no folder, and what the disk says of it."""
    found = os.stat(top)  # a link that a user names is theirs to follow
    if not stat.S_ISDIR(found.st_mode):
        yield path, found
        return
    waiting = [(top, path)]
    while waiting:
        folder, path = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                below = os.path.join(path, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if below.count(b"/") == _DEEPEST:
                        raise OSError(errno.ELOOP, "its folders are too deep")
                    waiting.append((entry.path, below))
                else:
                    yield below, entry.stat(follow_symlinks=False)


def _mark(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _hash_file(place: bytes, path: bytes, found: os.stat_result) -> FileHash:
    whole, size = hashlib.sha256(), 0
    if stat.S_ISLNK(found.st_mode):
        target = os.readlink(place)
        return FileHash(
            path=path, kind="l", bytes=len(target), sha256=hashlib.sha256(target).hexdigest()
        )
    if not stat.S_ISREG(found.st_mode):  # a pipe, a socket: there is nothing to read
        return FileHash(path=path, kind="o", bytes=0, sha256=whole.hexdigest())
    if found.st_size > _HOLLOW and 512 * found.st_blocks < found.st_size / 100:
        raise OSError(errno.EFBIG, "it claims a size that it has not got", place)
    with _opened(place) as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
            size += len(chunk)
    return FileHash(path=path, kind="f", bytes=size, sha256=whole.hexdigest())


@contextmanager
def _opened(path: bytes) -> Iterator[IO[bytes]]:
    """A file to read; OSError for a link or anything else, which could lead out, or never answer.

    One that is given by a user was followed before.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        yield file


@contextmanager
def _translated(place: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PublishError(
            f"{os.fsdecode(error.filename or str(place))} cannot be read: {error.strerror}",
            "name a folder whose files you may read",
        ) from error

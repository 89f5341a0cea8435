"""Files and folders that are not finished; their names tell whether somebody works on them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident

from mlreef_hooks.errors import PublishError, is_full
from mlreef_hooks.process import holder, is_lost

_END = ".part"


def unfinished(folder: Path, name: str) -> Path:
    """Where this thread of this process may put something until it is finished."""
    return folder / f"{name}~{holder().replace('/', '+')}~{get_ident()}{_END}"


def is_unfinished(path: Path) -> bool:
    """True for what somebody works on, or was killed at."""
    return path.name.endswith(_END)


@contextmanager
def unfinished_folder(folder: Path, name: str) -> Iterator[Path]:
    """A new folder of this account alone, that is gone afterwards."""
    made = unfinished(folder, name)
    made.mkdir(0o700)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def remove_lost(folder: Path) -> None:
    """Remove what killed processes left in a folder."""
    for path in folder.glob(f"*~*~*{_END}"):
        if not is_lost(path.name.split("~")[1].replace("+", "/")):
            continue
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                remove_folder(path)
        else:
            path.unlink(missing_ok=True)


def remove_folder(top: Path) -> None:
    """Remove a folder of whatever a module left in it: as deep as it may be, or read-only.

    What is deep is moved up first, for no path may be that long and no stack that high.
    """
    waiting, count = [top], 0
    while waiting:
        folder = waiting.pop()
        folder.chmod(0o700)
        with os.scandir(folder) as entries:
            inner = [(Path(each.path), each.is_dir(follow_symlinks=False)) for each in entries]
        for path, is_folder in inner:
            if is_folder:
                path.chmod(0o700)
                count += 1
                waiting.append(path.rename(unfinished(top.parent, f"gone-{count}")))
            else:
                path.unlink()
        folder.rmdir()


def unwritten(error: OSError) -> PublishError:
    """Why nothing could be written."""
    if is_full(error):
        message, hint = "the server's disk is full", "the administrator makes room"
        return PublishError(message, hint, passing=True)
    return PublishError(
        f"the state folder cannot be written: {error.strerror}",
        "the administrator runs mlreef-hooks doctor",
        passing=True,
    )

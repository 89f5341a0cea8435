"""Files and folders that are not finished; their names tell whether somebody works on them."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from mlreef_hooks.errors import PublishError
from mlreef_hooks.process import holder, is_lost

_END = ".part"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def unfinished(folder: Path, name: str) -> Path:
    """Where this thread of this process may put something until it is finished."""
    return folder / f"{name}~{holder().replace('/', '+')}~{get_ident()}{_END}"


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
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def unwritten(error: OSError) -> PublishError:
    """Why nothing could be written."""
    if error.errno in FULL:
        message, hint = "the server's disk is full", "the administrator makes room"
        return PublishError(message, hint, passing=True)
    return PublishError(
        f"the state folder cannot be written: {error.strerror}",
        "the administrator runs mlreef-hooks doctor",
        passing=True,
    )

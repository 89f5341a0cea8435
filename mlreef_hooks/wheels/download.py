"""Wheels from where the lock says they are into a folder, each under its hash.

A file is there whole or not at all: it is written beside its place, checked while it is written,
and moved. Any number of processes may do so at once, and one that is killed leaves a file that the
next download removes.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from urllib.error import HTTPError

from mlreef_hooks.config_images import Pip
from mlreef_hooks.durable_files import give_to_owner_of, make_folder
from mlreef_hooks.errors import PublishError, is_full
from mlreef_hooks.unfinished import remove_lost, unfinished, unwritten
from mlreef_hooks.wheels.access import FAULTS, INDEX_HINT, Access, explain
from mlreef_hooks.wheels.lock import LockedWheel

SECONDS = 1800  # for all wheels together
_AT_ONCE = 8
_CHUNK = 1 << 20
_LARGEST = 8 << 30  # of a wheel whose size the index does not tell
_PAUSES = (0.0, 0.5, 1.5)  # seconds before each further try
_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}  # statuses of HTTP


def wheel_path(folder: Path, wheel: LockedWheel) -> Path:
    """Where a wheel is once it is there."""
    return folder / f"{wheel.sha256}.whl"


def missing(wheels: Iterable[LockedWheel], folder: Path) -> list[LockedWheel]:
    """The wheels that are not in the folder."""
    return [wheel for wheel in wheels if not wheel_path(folder, wheel).exists()]


def download(
    wheels: Iterable[LockedWheel],
    folder: Path,
    pip: Pip,
    log: Callable[[str], None],
    *,
    seconds: int = SECONDS,
) -> None:
    """Return once all wheels are in the folder; those that are there already are not fetched.

    PublishError where one cannot be had; those that are complete by then stay.
    """
    wanted = missing(wheels, folder)
    if not wanted:
        return
    known = sum(wheel.size or 0 for wheel in wanted)
    log(f"download {len(wanted)} wheels, {known / 1e6:.1f} MB")
    try:
        make_folder(folder, 0o755)
        remove_lost(folder)
    except OSError as error:
        raise unwritten(error) from error
    fetching = _Fetching(Access(pip), folder, monotonic() + seconds)
    fetching.fetch(sorted(wanted, key=lambda wheel: -(wheel.size or _LARGEST)))


class _Fetching:
    """One download of several wheels at a time."""

    def __init__(self, access: Access, folder: Path, deadline: float) -> None:
        self._access = access
        self._folder = folder
        self._deadline = deadline
        self._ended = Event()

    def fetch(self, wheels: Sequence[LockedWheel]) -> None:
        """Fetch them all; the first error ends the others."""
        with ThreadPoolExecutor(min(_AT_ONCE, len(wheels))) as threads:
            try:
                for _ in threads.map(self._fetch, wheels):
                    pass
            finally:
                self._ended.set()
                threads.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, wheel: LockedWheel) -> None:
        if not wheel.url:
            raise PublishError(
                f"{wheel} was built on this server and is not there any more",
                "push the tag once more",
                passing=True,
            )
        faults: list[Exception] = []
        for pause in _PAUSES:
            sleep(pause)
            try:
                return self._fetch_once(wheel)
            except FAULTS as error:
                if isinstance(error, OSError) and is_full(error):
                    raise unwritten(error) from error
                faults.append(error)
                if isinstance(error, HTTPError) and error.code not in _MAY_PASS:
                    break
        raise explain(faults[-1], str(wheel)) from faults[-1]

    def _fetch_once(self, wheel: LockedWheel) -> None:
        beside = unfinished(self._folder, wheel.sha256)
        try:
            self._write(wheel, beside)
            beside.replace(wheel_path(self._folder, wheel))
        except BaseException:
            with suppress(OSError):  # on a full disk, half a file is what takes the room
                beside.unlink()
            raise

    def _write(self, wheel: LockedWheel, path: Path) -> None:
        largest = _LARGEST if wheel.size is None else wheel.size
        digest, size = hashlib.sha256(), 0
        with self._access.open(wheel.url) as answer, path.open("xb") as out:
            give_to_owner_of(self._folder, out.fileno())
            os.fchmod(out.fileno(), 0o644)
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise _differs(wheel, "size")
                self._check_time()
                digest.update(chunk)
                out.write(chunk)
            if answer.length:
                raise ConnectionError(f"{answer.length} bytes are missing")
        if digest.hexdigest() != wheel.sha256:
            raise _differs(wheel, "hash")

    def _check_time(self) -> None:
        if self._ended.is_set() or monotonic() > self._deadline:
            raise PublishError(
                "the wheels of the requirements came too slowly", INDEX_HINT, passing=True
            )


def _differs(wheel: LockedWheel, what: str) -> PublishError:
    hint = "find out why; `pip-compile --generate-hashes` writes the hashes"
    return PublishError(f"{wheel} has another {what} than the one written", hint)

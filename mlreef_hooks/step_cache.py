"""What steps of pipelines have made, on disk by what it was made from; a folder of one account.

A result is there whole or not at all: it is made beside its place, and moved there with its record
when all of it is written down. It is hashed again before it is used.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlreef_hooks.durable_files import locked, make_folder, replace_file, sync_folder
from mlreef_hooks.errors import PublishError
from mlreef_hooks.file_hashes import hash_input
from mlreef_hooks.run_record import TreeHash
from mlreef_hooks.unfinished import remove_folder, remove_lost, unfinished

_OUTPUT, _RECORD, _EMPTY, _LOCK = "output", "result.json", "no-data", ".lock"


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What a step made: its hash, and the id of the run's record."""

    sha256: str
    files: int
    bytes: int
    run: str

    @classmethod
    def of(cls, made: TreeHash, run: str) -> "StepResult":
        """The result that a run left."""
        return cls(sha256=made.sha256, files=made.files, bytes=made.bytes, run=run)


class StepCache:
    """The results in `folder`, by keys of small letters and digits."""

    def __init__(self, folder: Path) -> None:
        """The folder is made where there is none; PublishError where it cannot be written, or where
        others could put results of their own.
        """
        self._folder = folder
        with _translated(folder):
            make_folder(folder, 0o700)
            found = folder.stat()
            if found.st_uid not in (os.geteuid(), 0) or found.st_mode & stat.S_IWOTH:
                raise PublishError(
                    f"the results of steps in {folder} could be anybody's",
                    "name a folder of your own with --cache, which others may not write",
                )
            remove_lost(folder)

    def output_of(self, key: str) -> Path:
        """Where the files of a result are."""
        return self._folder / key / _OUTPUT

    def empty_folder(self) -> Path:
        """A folder without any file, for a module that takes no data."""
        with _translated(self._folder):
            make_folder(self._folder / _EMPTY, 0o700)
        return self._folder / _EMPTY

    def find(self, key: str) -> StepResult | None:
        """A result; None where there is none, or where its files are no longer what they were."""
        try:
            document: Any = json.loads((self._folder / key / _RECORD).read_bytes())
            result = StepResult(**document)
            made = hash_input(self.output_of(key))
        except (OSError, ValueError, TypeError, RecursionError, PublishError):
            return None
        return result if made.sha256 == result.sha256 else None

    @contextmanager
    def making(self, key: str) -> Iterator[Path]:
        """An empty folder for a result; it is gone afterwards, unless it was kept."""
        part = unfinished(self._folder, key)
        with _translated(self._folder):
            (part / _OUTPUT).mkdir(parents=True, mode=0o700)
        try:
            yield part / _OUTPUT
        finally:
            with suppress(OSError):
                remove_folder(part)

    def keep(self, key: str, output: Path, result: StepResult) -> StepResult:
        """Let a result that was made in a folder of `making` be there from now on, unless another
        run has put one there meanwhile, which somebody may be reading; the one that is there.
        """
        part, place = output.parent, self._folder / key
        with _translated(self._folder):
            _sync_files(output)
            content = json.dumps(asdict(result)) + "\n"
            replace_file(part / _RECORD, content.encode(), 0o600)
            with locked(self._folder / _LOCK):
                if (standing := self.find(key)) is not None:
                    return standing
                if place.exists():  # it is no longer what it was
                    old = unfinished(self._folder, f"{key}-old")
                    place.rename(old)
                    with suppress(OSError):
                        remove_folder(old)
                part.rename(place)
            sync_folder(self._folder)
        return result


def _sync_files(folder: Path) -> None:
    """Return when the files below a folder are on disk; links are not followed."""
    for top, _, names, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in names:
            with suppress(OSError):  # a pipe or a link, which has nothing to write
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                file = os.open(name, flags, dir_fd=descriptor)
                os.fsync(file)
                os.close(file)
        sync_folder(Path(top))


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PublishError(
            f"the results of steps cannot be kept in {folder}: {error.strerror}",
            "make room, or name another folder with --cache",
        ) from error

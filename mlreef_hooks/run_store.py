"""Records of runs in a folder of a user, a JSON file each."""

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mlreef_hooks.durable_files import make_folder, replace_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.process import is_lost
from mlreef_hooks.run_record import RunRecord

_MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class RunStore:
    """The records in `folder`, where any number of runs may write at once; each has a file."""

    folder: Path

    def new_id(self, now: datetime) -> str:
        """A name for a run that no other has: its begin, and chance."""
        return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"

    def path_of(self, record: RunRecord) -> Path:
        """Where a record is."""
        return self.folder / f"{record.id}.json"

    def check_apart(self, output: Path | None) -> None:
        """PublishError where the records would stand in the folder of what a module writes."""
        if output is not None and self.folder.resolve().is_relative_to(output.resolve()):
            raise PublishError(
                f"the records of runs in {self.folder} would be in the output folder",
                "name another folder with --output or --runs",
            )

    def write(self, record: RunRecord) -> None:
        """Store a record, whole or not at all; PublishError where that cannot be done."""
        try:
            make_folder(self.folder, 0o700)
            write_record(self.path_of(record), record)
        except OSError as error:
            raise PublishError(
                f"the record of the run cannot be written to {self.folder}: {error.strerror}",
                "make room, or name another folder with --runs",
            ) from error

    def read(self, warn: Callable[[str], None]) -> list[RunRecord]:
        """All records, the oldest first; `warn` is told of a file that is none."""
        records = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                with path.open("rb") as file:
                    record = RunRecord.from_json(json.loads(file.read(_MOST_BYTES)))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError) as error:
                warn(f"{path} is no record of a run: {error}")
                continue
            records.append(_ended(record))
        return sorted(records, key=lambda each: (each.started_at, each.id))


def write_record(path: Path, record: RunRecord) -> None:
    """Put a record at a path in one step; else OSError."""
    text = json.dumps(record.to_json(), indent=2, allow_nan=False) + "\n"
    replace_file(path, text.encode(), 0o600)


def _ended(record: RunRecord) -> RunRecord:
    """The record; of a run whose process was killed, that it was interrupted."""
    if record.state == "running" and is_lost(record.holder):
        return replace(record, state="interrupted", error="the process that ran it was killed")
    return record


def check_record_place(path: Path, output: Path | None) -> None:
    """PublishError where a record may not stand: in the folder of what a module writes, which could
    turn a name there into a link, or in the place of something else.
    """
    place = path.parent.resolve() / path.name
    if output is not None and place.is_relative_to(output.resolve()):
        raise PublishError(
            f"{path} is in the output folder, which is the module's alone", "put it elsewhere"
        )
    if not place.parent.is_dir() or not os.access(place.parent, os.W_OK):
        raise PublishError(f"there is no folder for {path} to write to", "make it, or name another")
    with suppress(FileNotFoundError):
        try:
            RunRecord.from_json(json.loads(place.read_bytes()))
        except (OSError, ValueError, RecursionError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise PublishError(
                f"{path} is there and is no record of a run", "remove it, or name another file"
            ) from None

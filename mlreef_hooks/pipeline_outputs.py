"""The outputs of a pipeline in its user's folder: `NAME/` each, and the record `pipeline.json`."""

import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlreef_hooks.durable_files import replace_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.unfinished import remove_folder, remove_lost, unfinished

RECORD = "pipeline.json"


class Outputs:
    """The folder of a run's outputs; those of an earlier run of a pipeline are replaced."""

    def __init__(self, folder: Path, names: Mapping[str, str]) -> None:
        """`names` are the outputs. PublishError where the folder holds what is no pipeline's."""
        self._folder = folder
        self._names = names

    def prepare(self) -> None:
        """Make the folder, where nothing is lost by it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_lost(self._folder)
            others = any(self._folder.iterdir()) and not (self._folder / RECORD).is_file()
        except OSError as error:
            raise _unwritten(self._folder, error) from error
        if others:
            raise PublishError(
                f"{self._folder} holds files that no run of a pipeline wrote",
                "name a new folder with --output",
            )

    def write_record(self, document: Mapping[str, Any]) -> None:
        """Put the record beside the outputs."""
        content = json.dumps(document, indent=2, allow_nan=False) + "\n"
        try:
            replace_file(self._folder / RECORD, content.encode(), 0o644)
        except OSError as error:
            raise _unwritten(self._folder, error) from error

    def place(self, folders: Mapping[str, Path]) -> None:
        """Copy what the steps made, by the names of the outputs; links are copied as links, and a
        pipe or a socket, which holds nothing, not at all.
        """
        try:
            for name, step in self._names.items():
                self._replace(name, folders[step])
        except (OSError, shutil.Error) as error:
            raise _unwritten(self._folder, error) from error

    def _replace(self, name: str, source: Path) -> None:
        part, old = (unfinished(self._folder, f"{name}-{word}") for word in ("new", "old"))
        shutil.copytree(source, part, symlinks=True, ignore=_uncopied)
        place = self._folder / name
        if place.is_symlink() or place.exists():
            place.rename(old)
        part.rename(place)
        if old.is_dir() and not old.is_symlink():
            remove_folder(old)
        else:
            old.unlink(missing_ok=True)


def _uncopied(folder: str, names: Sequence[str]) -> list[str]:
    modes = {name: os.lstat(os.path.join(folder, name)).st_mode for name in names}
    known = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    return [name for name, mode in modes.items() if not any(each(mode) for each in known)]


def _unwritten(folder: Path, error: Exception) -> PublishError:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return PublishError(
        f"the outputs cannot be written to {folder}: {said[:500]}",
        "make room, or name another folder with --output",
    )

"""The files of an author's project that may be written: regular ones, through no symbolic link."""

import os
import stat
from pathlib import Path

from mlreef_hooks.durable_files import replace_file
from mlreef_hooks.errors import PublishError


class ProjectFiles:
    """The files below a folder, by paths relative to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def read(self, path: str) -> bytes | None:
        """The content of a file; None for what is none, is a link, or lies behind one."""
        place = self._folder / path
        try:
            found = self._is_own(place) and place.is_file()
        except (OSError, ValueError):  # no name that a file could have
            return None
        return place.read_bytes() if found else None

    def is_taken(self, path: str) -> bool:
        """True where anything has this name."""
        return os.path.lexists(self._folder / path)

    def write(self, path: str, target: str, content: bytes) -> None:
        """Give a file new content, in one step and with its mode, and then its name `target`.

        PublishError where another file has that name, or this one cannot be written.
        """
        place, goal = self._folder / path, self._folder / target
        if target != path and self.is_taken(target):
            raise PublishError(f"{target} is there already", f"keep one of {path} and {target}")
        try:
            if place.read_bytes() != content:
                replace_file(place, content, stat.S_IMODE(place.stat().st_mode))
            if target != path:
                place.rename(goal)
        except OSError as error:
            hint = "let yourself write it and its folder"
            raise PublishError(f"{path} cannot be written: {error.strerror}", hint) from None

    def create(self, path: str, content: bytes) -> None:
        """Write a file that is not there yet; PublishError where anything has its name."""
        place = self._folder / path
        try:
            with place.open("xb") as file:
                file.write(content)
        except OSError as error:
            hint = "let yourself write its folder, or move what is there away"
            raise PublishError(f"{path} cannot be written: {error.strerror}", hint) from None

    def _is_own(self, place: Path) -> bool:
        """True where the path leads through no link to what has this one name."""
        return place.resolve() == place and place.is_relative_to(self._folder)

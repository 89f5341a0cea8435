"""One audience's site on disk: its files, and a note of what they were made from."""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlreef_hooks.catalog.rows import ROW, SEARCH, Row
from mlreef_hooks.durable_files import beside_of, locked, make_folder, open_own, sync_folder

NOTE = ".catalog.json"
LOCK, STALE = ".lock", ".stale"
MODULES = "-/module"
LISTS = ("-/all", "-/kind", "-/namespace")
_OPEN, _CLOSED = ("public", "internal"), "private"  # audiences, and the folder of the others
_PUBLIC_MODES, _CLOSED_MODES = (0o755, 0o644), (0o750, 0o640)  # of folders and of files
_MANY = 100  # files, from which on the disk is waited for once and not for each


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a site was made from: `edition` of the program, the stamp and row of each module by its
    key, and of each page of a list what it holds.
    """

    edition: str = ""
    modules: Mapping[str, tuple[str, Row]] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)


class SiteFiles:
    """The folder of one audience. Writers hold the lock of the folder of all of them."""

    def __init__(self, root: Path, *, public: bool) -> None:
        self._root = root
        self._modes = _PUBLIC_MODES if public else _CLOSED_MODES

    def made(self) -> Made:
        """What it was made from; nothing where that is not known."""
        try:
            said: Any = json.loads((self._root / NOTE).read_bytes())
            rows = {row["key"]: row for row in json.loads((self._root / SEARCH).read_bytes())}
            if any({*row} != {*ROW.split()} for row in rows.values()):
                return Made()
            stamps = said["modules"].items()
            modules = {key: (str(stamp), rows[key]) for key, stamp in stamps if key in rows}
            pages = {place: said for place, said in said["pages"].items() if _is_page(place)}
            return Made(edition=str(said["edition"]), modules=modules, pages=pages)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return Made()

    def note(self, made: Made) -> None:
        """Keep what it was made from; last of all, so that what was not finished is done again.

        The rows are not written twice: the search has them.
        """
        stamps = {key: stamp for key, (stamp, _) in made.modules.items()}
        said = {"edition": made.edition, "modules": stamps, "pages": dict(made.pages)}
        self.put({NOTE: json.dumps(said, separators=(",", ":")).encode()})

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Write files by their places, each whole or not at all."""
        folder_mode, mode = self._modes
        paths = {self._root / place: content for place, content in contents.items()}
        for folder in {path.parent for path in paths}:
            make_folder(folder, folder_mode)
        for path, content in paths.items():
            with os.fdopen(open_own(beside_of(path), os.O_WRONLY, mode), "wb") as out:
                out.truncate()
                out.write(content)
                if len(paths) < _MANY:
                    out.flush()
                    os.fsync(out.fileno())
        if len(paths) >= _MANY:
            os.sync()
        for path in paths:
            beside_of(path).replace(path)
        for folder in {path.parent for path in paths} if len(paths) < _MANY else ():
            sync_folder(folder)

    def remove(self, places: Collection[str]) -> None:
        """Remove files, and the folder of a list that has none then."""
        for place in places:
            path = self._root / place
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty, or gone
                if path.parent != self._root:
                    path.parent.rmdir()

    def module_keys(self) -> set[str]:
        """The modules that have a folder, whether a note tells of them or not."""
        try:
            with os.scandir(self._root / MODULES) as entries:
                return {each.name for each in entries if each.is_dir(follow_symlinks=False)}
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def list_pages(self) -> set[str]:
        """The pages of lists that are there, whether a note tells of them or not, and what killed
        processes left of some.
        """
        return {
            str(Path(folder, name).relative_to(self._root))
            for top in LISTS
            for folder, _, names in os.walk(self._root / top)
            for name in names
            if name.endswith((".html", ".html.new"))
        }

    def remove_module(self, key: str) -> None:
        """Remove everything of a module but its rows."""
        shutil.rmtree(self._root / MODULES / key, ignore_errors=False)

    def put_modules(self, modules: Mapping[str, Mapping[str, bytes]]) -> None:
        """Write the files of modules, by their names; other files in their folders go, such as a
        picture that one had before.
        """
        contents = {
            f"{MODULES}/{key}/{name}": content
            for key, files in modules.items()
            for name, content in files.items()
        }
        self.put(contents)
        for key, files in modules.items():
            folder = self._root / MODULES / key
            with os.scandir(folder) as entries:
                gone = [each for each in entries if each.name not in files]
            for each in gone:
                if not each.is_dir(follow_symlinks=False):  # such as a file server puts anywhere
                    os.unlink(each)


def _is_page(place: str) -> bool:
    """True for a place in a site; whoever can write a note must not choose what else is removed."""
    first, *more = place.split("/")
    return place == "index.html" or (first == "-" and {*more}.isdisjoint({"", ".", ".."}))


def site_folders(output: Path) -> list[str]:
    """The audiences that have a site below a folder; another folder's site is none of them."""
    found = [audience for audience in _OPEN if (output / audience / "-").is_dir()]
    for folder, folders, _ in os.walk(output / _CLOSED):
        if "-" in folders:  # a killed process may not have come to the note
            folders.remove("-")
            found.append(str(Path(folder).relative_to(output)))
    return found


def mark_stale(output: Path) -> None:
    """Note that the site is to be looked at again."""
    make_folder(output, 0o755)
    os.close(open_own(output / STALE, os.O_WRONLY, 0o600))


@contextmanager
def turn(output: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock of a site; BlockingIOError where another process has it and `wait` is false."""
    make_folder(output, 0o755)
    with locked(output / LOCK, wait=wait):
        (output / STALE).unlink(missing_ok=True)
        yield


def is_stale(output: Path) -> bool:
    """True where the site was noted since somebody looked."""
    return (output / STALE).exists()

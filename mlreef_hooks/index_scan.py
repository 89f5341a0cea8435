"""Which modules an index holds, by its folders alone, and whether a document is another one now."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.push import RESERVED

_END = ".json"
Modules = dict[tuple[str, str], "Found"]  # by namespace and name


@dataclass(frozen=True, kw_only=True)
class Found:
    """A module's document; `stamp` is another one whenever it was replaced."""

    path: str
    stamp: str


def scan_modules(root: Path) -> dict[str, Modules]:
    """The modules below `root`, by audience, that this process may look for; OSError else."""
    folders = {str(folder.parent.relative_to(root)): folder for folder in _folders(root)}
    return {audience: dict(_modules(folder, "")) for audience, folder in folders.items()}


def _folders(root: Path) -> Iterator[Path]:
    """The folder of documents of each audience."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, PermissionError | FileNotFoundError):
            raise error

    for folder, folders, _ in os.walk(root, onerror=refuse):
        if "modules" in folders:
            yield Path(folder, "modules")
        folders[:] = [name for name in folders if name not in RESERVED]


def _modules(folder: Path | str, namespace: str) -> Iterator[tuple[tuple[str, str], Found]]:
    with suppress(PermissionError, FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner = f"{namespace}/{entry.name}" if namespace else entry.name
                yield from _modules(entry.path, inner)
            elif entry.name.endswith(_END) and entry.is_file(follow_symlinks=False):
                facts = entry.stat(follow_symlinks=False)
                stamp = f"{facts.st_mtime_ns:x}-{facts.st_size:x}-{facts.st_ino:x}"
                name = entry.name.removesuffix(_END)
                yield (namespace, name), Found(path=entry.path, stamp=stamp)

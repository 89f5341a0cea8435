"""A folder on disk as a `SourceTree`, so that `check` reads what a commit of it would hold."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlreef_hooks.tree import EXECUTABLE, FILE, SUBMODULE, SYMLINK, SourceTree, TreeEntry


def read_working_tree(root: Path, listed: Iterable[str] | None) -> SourceTree:
    """The tree of the files below `root`: those `listed` (relative paths), or all where None.

    Files that are listed and no longer there are left out, as a commit would leave them out.
    """
    paths = _walk(root) if listed is None else listed
    entries = [entry for path in sorted(set(paths)) if (entry := _entry(root, path))]
    return SourceTree(entries, lambda entry: _content(root / entry.path, entry.mode))


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(folder, name), root)


def _entry(root: Path, path: str) -> TreeEntry | None:
    try:
        found = (root / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found.st_mode):
        mode = SYMLINK
    elif stat.S_ISREG(found.st_mode):
        mode = EXECUTABLE if found.st_mode & 0o100 else FILE
    elif stat.S_ISDIR(found.st_mode):  # git lists a submodule as its folder
        mode = SUBMODULE
    else:
        return None
    return TreeEntry(path=path, mode=mode, size=0 if mode == SUBMODULE else found.st_size, id="")


def _content(path: Path, mode: int) -> bytes:
    return os.fsencode(os.readlink(path)) if mode == SYMLINK else path.read_bytes()

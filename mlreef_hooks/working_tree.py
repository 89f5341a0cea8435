"""A folder on disk as a `SourceTree`, so that `check` reads what a commit of it would hold."""

import os
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.tree import ReadObjects, SourceTree
from mlreef_hooks.tree_entry import EXECUTABLE, FILE, SUBMODULE, SYMLINK, TreeEntry, folders_of


def read_working_tree(root: Path, listed: Iterable[str] | None) -> SourceTree:
    """The tree of the files below `root`: those `listed` (relative paths), or all where None.

    Files that are listed and no longer there are left out, as a commit would leave them out.
    PublishError where a file cannot be read.
    """
    # git lists a repository inside the folder, which would become a submodule, as `inner/`.
    paths = _walk(root) if listed is None else (path.rstrip("/") for path in listed)
    entries = read_entries(root, paths)
    folders = folders_of(entry.path for entry in entries)
    return SourceTree(entries, ReadObjects(partial(read_content, root)), folders=folders)


def read_entries(root: Path, paths: Iterable[str]) -> list[TreeEntry]:
    """The entries of the files and links at paths below `root`, but for those not there."""
    # `Path` takes as long to join a path as the rest does, and there may be many thousands.
    above = os.fspath(root)
    return [entry for path in sorted(set(paths)) if (entry := _entry(above, path))]


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        inside = os.path.relpath(folder, root)
        above = "" if inside == os.curdir else f"{inside}/"
        for name in (*files, *links):
            if name != ".git":  # a file in a submodule and in a linked working tree
                yield above + name


def _entry(root: str, path: str) -> TreeEntry | None:
    try:
        found = os.lstat(f"{root}/{path}")
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


def read_content(root: Path, entry: TreeEntry) -> bytes:
    """The content of a file or link below `root`; PublishError where it cannot be read."""
    path = root / entry.path
    try:
        return os.fsencode(os.readlink(path)) if entry.mode == SYMLINK else path.read_bytes()
    except OSError as error:
        hint = "let yourself read it, or have git ignore it"
        raise PublishError(f"{path} cannot be read: {error.strerror}", hint) from None

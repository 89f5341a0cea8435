"""Git directories: whether a folder is one, which one a path leads to, those below a folder."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.errors import PublishError

_DEPTH = 6  # folders below the one that is searched


def find_repositories(root: Path) -> Iterator[Path]:
    """The git directories at and below `root`, bare or not, without following links."""
    for folder, folders, _ in os.walk(root):
        path = Path(folder)
        folders.sort()
        if is_repository(path):
            folders.clear()
            yield path
        elif len(path.relative_to(root).parts) >= _DEPTH:
            folders.clear()


def is_repository(path: Path) -> bool:
    """True where git would take the folder for a git directory (gitrepository-layout(5))."""
    # Not Path.is_file, which raises PermissionError for a folder that may not be entered.
    has_head = os.path.isfile(path / "HEAD")
    return has_head and os.path.isdir(path / "objects") and os.path.isdir(path / "refs")


def git_dir_of(path: Path) -> Path:
    """The git directory that is, or is in, `path`, or that a `.git` file there leads to.

    PublishError where there is none.
    """
    for candidate in (path, path / ".git", *_named_by(path / ".git")):
        if is_repository(candidate):
            return candidate.resolve()
    raise PublishError(f"{path} is not a git repository", "name a bare repository's folder")


def _named_by(file: Path) -> Iterator[Path]:
    """Where a `.git` file leads (gitrepository-layout(5)); of a linked working tree also the git
    directory that it shares, in which the hooks are.
    """
    with suppress(OSError):
        said = file.read_bytes() if file.is_file() else b""
        if said.startswith(b"gitdir: "):
            git_dir = file.parent / os.fsdecode(said[8:].rstrip(b"\r\n"))
            yield git_dir
            yield git_dir / os.fsdecode((git_dir / "commondir").read_bytes().rstrip(b"\n"))

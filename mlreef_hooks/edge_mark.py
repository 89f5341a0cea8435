"""The mark of a repository whose every push is published: the shell hook looks for its branch.

A repository without it costs an ordinary push nothing.
"""

import os
import stat
from pathlib import Path

from mlreef_hooks.durable_files import replace_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import HEADS, grep_literal

MARK = "mlreef-edge"  # in the git directory


def set_edge_mark(git_dir: Path, branch: str | None) -> None:
    """Let the shell hook see to each push of a branch, or (None) of none.

    PublishError where the mark cannot be written.
    """
    if is_edge_marked(git_dir, branch):
        return
    path = git_dir / MARK
    try:
        if branch is None:
            path.unlink(missing_ok=True)
        else:
            shared = git_dir.stat().st_mode & stat.S_IWGRP
            replace_file(path, _content(branch), 0o664 if shared else 0o644)
    except OSError as error:
        raise PublishError(
            f"{path} cannot be changed: {error.strerror}",
            "the administrator gives the repository to its owner",
        ) from error


def is_edge_marked(git_dir: Path, branch: str | None) -> bool:
    """True where the mark is as it should be for a branch, or (None) is not there."""
    try:
        return (git_dir / MARK).read_bytes() == (None if branch is None else _content(branch))
    except FileNotFoundError:
        return branch is None
    except OSError:
        return False


def _content(branch: str) -> bytes:
    """The branch's full ref as a basic regular expression, for grep."""
    return os.fsencode(grep_literal(HEADS + branch)) + b"\n"

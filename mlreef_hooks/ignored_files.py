"""Which files git ignores."""

import os
from collections.abc import Iterable
from pathlib import Path

from mlreef_hooks.git import in_folder, run_git


def not_ignored(folder: Path, paths: Iterable[str]) -> set[str]:
    """Those of the paths below a folder that git does not ignore; all where there is no git."""
    asked = set(paths)
    stdin = b"".join(os.fsencode(path) + b"\0" for path in asked)
    done = run_git(*in_folder(folder), "check-ignore", "-z", "--stdin", stdin=stdin)
    return asked - {os.fsdecode(path) for path in done.stdout.split(b"\0")}

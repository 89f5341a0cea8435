"""Git of a newer release than the machine's, for repositories that only it can make."""

import subprocess
from pathlib import Path

from tests.support.git import Author, git_environment
from tests.support.processes import MissingProgramError

FOLDER = Path(__file__).parents[2] / ".cache" / "newer-git" / "bin"


def newer_git() -> Path:
    """The folder of its programs; `MissingProgramError` where nobody has brought it."""
    if not (FOLDER / "git").exists():
        raise MissingProgramError("tests/newer-git .cache/newer-git brings a newer git")
    return FOLDER


def make_reftable(path: Path, home: Path, ids: str) -> Path:
    """The path of a new bare repository whose refs are in reftables."""
    options = ("--bare", "--ref-format=reftable", f"--object-format={ids}")
    command = [str(newer_git() / "git"), "init", "--quiet", *options, str(path)]
    subprocess.run(command, env=git_environment(home), check=True)
    return path


def pushing_to_newer_git(folder: Path, remote: Path, ids: str) -> Author:
    """An author with the machine's git, whose pushes a newer one receives."""
    author = Author(folder, remote, object_format=ids)
    author.git("config", "remote.origin.receivepack", str(newer_git() / "git-receive-pack"))
    return author

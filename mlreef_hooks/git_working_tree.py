"""What git says of a working tree: its files, what changed in it, where it was cloned from."""

import os
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.git import in_folder, run_git, start_in_folder, unreadable

_COMMITTED = ("rev-parse", "--absolute-git-dir", "--verify", "HEAD:./")
_CHANGED = (
    "diff-index", "-z", "--name-status", "--no-renames", "--relative",
    "--no-ext-diff", "--no-textconv",
    # A submodule is its commit, whatever happens in its folder.
    "--ignore-submodules=dirty", "HEAD", "--", ".",
)  # fmt: skip
_UNTRACKED = ("ls-files", "-z", "--others", "--exclude-standard")
_FILTERS = ("config", "-z", "--show-scope", "--name-only", "--get-regexp", r"^filter\.")


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is not in a folder as it was committed, by paths relative to it.

    `tree` is the folder's tree id in the last commit. Files that are `present` were changed or are
    not committed, those that are `gone` were.
    """

    git_dir: Path
    tree: str
    present: Set[str]
    gone: Set[str]


def list_working_tree(folder: Path) -> list[str] | None:
    """The files below `folder` that git tracks or would add, relative to it.

    None where the folder is in no repository (or git ignores it as a whole); PublishError where it
    is in one that git does not read.
    """
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    done = run_git(*in_folder(folder), *words)
    if done.returncode and not done.stderr.startswith(b"fatal: not a git repository"):
        raise unreadable(folder, done.stderr)
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path] or None


def ask_changes(folder: Path) -> Callable[[], Changes | None]:
    """A function that answers once: what changed since the last commit, None where none has the
    folder. git looks for it while this process does other things.

    git's index tells files that did not change by their times, as in `git status`; one that was
    touched, and perhaps not changed, counts as changed.
    """
    variables = _no_filters(folder)
    started = [
        start_in_folder(folder, *words, variables=variables)
        for words in (_COMMITTED, _CHANGED, _UNTRACKED)
    ]

    def answer() -> Changes | None:
        said = [process.communicate()[0] for process in started]
        return None if any(process.returncode for process in started) else _changes(*said)

    return answer


def _no_filters(folder: Path) -> dict[str, str]:
    """The variables that take the commands from the filters in a repository's own settings.

    git would filter a file to see whether it changed; without its filter it may count as changed.
    """
    said = os.fsdecode(run_git(*in_folder(folder), *_FILTERS).stdout).split("\0")
    own = ("local", "worktree")  # those of the account and the machine are the user's
    names = {name for scope, name in zip(said[::2], said[1::2], strict=False) if scope in own}
    variables = {"GIT_CONFIG_COUNT": str(len(names))}
    for number, name in enumerate(sorted(names)):
        variables[f"GIT_CONFIG_KEY_{number}"] = name
        variables[f"GIT_CONFIG_VALUE_{number}"] = ""
    return variables


def _changes(committed: bytes, changed: bytes, untracked: bytes) -> Changes:
    git_dir, tree = os.fsdecode(committed).rstrip("\n").rsplit("\n", 1)
    words = [os.fsdecode(word) for word in changed.split(b"\0")]
    by_path = dict(zip(words[1::2], words[0::2], strict=False))
    present = {path for path, status in by_path.items() if status != "D"}
    # git lists a repository inside the folder, which would become a submodule, as `inner/`.
    present |= {os.fsdecode(path).rstrip("/") for path in untracked.split(b"\0") if path}
    gone = by_path.keys() - present
    return Changes(git_dir=Path(git_dir), tree=tree, present=present, gone=gone)


def origin_of(folder: Path) -> str | None:
    """The URL that a working tree was cloned from, None where it was not."""
    said = run_git(*in_folder(folder), "config", "--get", "remote.origin.url").stdout
    return os.fsdecode(said).strip() or None

"""What waits in a repository for its next push: a mark that the shell hook looks for.

The mark is there while a publish tag is parked. It also holds the ref updates that could not be
worked off and are no jobs, because the job table or the index could not be written: the next push
does them before its own.
"""

import stat
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from mlreef_hooks.durable_files import locked, replace_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import RefUpdate, parse_ref_updates

MARK = "mlreef-parked"  # in the git directory
_BYTES = 1 << 20  # of kept updates; more are left to those who push


class WaitingRoom:
    """The marks of repositories that this process may write to."""

    def mark(self, git_dir: Path) -> None:
        """Let the next push of a branch start the program, too; PublishError where it cannot."""
        try:
            (git_dir / MARK).touch()
        except OSError as error:
            raise PublishError(
                f"{git_dir} cannot be written: {error.strerror}",
                "push the tag again once the branch has its commit",
            ) from error

    def is_marked(self, git_dir: Path) -> bool:
        """True where something may wait."""
        return (git_dir / MARK).exists()

    def unmark(self, git_dir: Path) -> None:
        """Let go of a mark, unless updates were kept meanwhile."""
        path = git_dir / MARK
        with suppress(OSError), _turn(git_dir):
            if not path.stat().st_size:
                path.unlink()

    def keep(self, git_dir: Path, updates: Iterable[RefUpdate]) -> bool:
        """True where the updates are on disk, for the next push."""
        try:
            with _turn(git_dir):
                lines = _lines(dict.fromkeys((*self.kept(git_dir), *updates)))
                if len(lines) > _BYTES:
                    return False
                replace_file(git_dir / MARK, lines, _mode(git_dir))
        except (OSError, PublishError):
            return False
        return True

    def kept(self, git_dir: Path) -> tuple[RefUpdate, ...]:
        """The updates that were kept, each once; PublishError where they cannot be read."""
        path = git_dir / MARK
        try:
            kept = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise PublishError(
                f"what waits in {path} cannot be read: {error.strerror}",
                "the administrator gives it to the repository's owner",
            ) from error
        return tuple(dict.fromkeys(parse_ref_updates(kept)))

    def drop(self, git_dir: Path, done: Iterable[RefUpdate]) -> None:
        """Keep updates no longer that are done, or that nobody asks for any more."""
        gone = set(done)
        if not gone:
            return
        with suppress(OSError), _turn(git_dir):
            left = [each for each in self.kept(git_dir) if each not in gone]
            replace_file(git_dir / MARK, _lines(left), _mode(git_dir))


class OthersRoom(WaitingRoom):
    """Of a repository of another account, which makes and removes the mark: what it is to do is in
    `wanted` (None: nothing). No updates are kept; a sweep finds the tags of those that are lost.
    """

    def __init__(self) -> None:
        self.wanted: bool | None = None

    def mark(self, git_dir: Path) -> None:
        """Want the mark."""
        self.wanted = True

    def is_marked(self, git_dir: Path) -> bool:
        """True: the job table knows what is parked."""
        return True

    def unmark(self, git_dir: Path) -> None:
        """Want no mark."""
        self.wanted = False

    def keep(self, git_dir: Path, updates: Iterable[RefUpdate]) -> bool:
        """False."""
        return False

    def kept(self, git_dir: Path) -> tuple[RefUpdate, ...]:
        """None."""
        return ()

    def drop(self, git_dir: Path, done: Iterable[RefUpdate]) -> None:
        """Nothing is there."""


def _turn(git_dir: Path) -> AbstractContextManager[None]:
    return locked(git_dir / f"{MARK}.lock", mode=_mode(git_dir))


def _mode(git_dir: Path) -> int:
    """The mode of files that all may read and write who may write to the repository."""
    return 0o660 if git_dir.stat().st_mode & stat.S_IWGRP else 0o600


def _lines(updates: Iterable[RefUpdate]) -> bytes:
    text = "".join(f"{each.old} {each.new} {each.ref}\n" for each in updates)
    return text.encode(errors="surrogateescape")

"""What waits in a repository for its next push: a mark that the shell hook looks for.

The mark is there while a publish tag is parked. It also holds the ref updates that could not be
worked off and are no jobs, because the job table or the index could not be written: the next push
does them before its own.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.durable_files import locked, replace_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import RefUpdate, parse_ref_updates

MARK = "mlreef-parked"  # in the git directory
_BYTES = 1 << 20  # of kept updates; more are left to those who push


def mark_waiting(git_dir: Path) -> None:
    """Let the next push of a branch start the program, too; PublishError where it cannot."""
    try:
        (git_dir / MARK).touch()
    except OSError as error:
        raise PublishError(
            f"{git_dir} cannot be written: {error.strerror}",
            "push the tag again once the branch has its commit",
        ) from error


def is_marked(git_dir: Path) -> bool:
    """True where something waits."""
    return (git_dir / MARK).exists()


def unmark(git_dir: Path) -> None:
    """Let go of a mark, unless updates were kept meanwhile."""
    path = git_dir / MARK
    with suppress(OSError), locked(git_dir / f"{MARK}.lock"):
        if not path.stat().st_size:
            path.unlink()


def keep_updates(git_dir: Path, updates: Iterable[RefUpdate]) -> bool:
    """True where the updates are on disk, for the next push."""
    try:
        with locked(git_dir / f"{MARK}.lock"):
            lines = _lines(dict.fromkeys((*kept_updates(git_dir), *updates)))
            if len(lines) > _BYTES:
                return False
            replace_file(git_dir / MARK, lines, 0o600)
    except OSError:
        return False
    return True


def kept_updates(git_dir: Path) -> tuple[RefUpdate, ...]:
    """The updates that were kept, each once."""
    path = git_dir / MARK
    kept = path.read_bytes() if path.exists() else b""
    return tuple(dict.fromkeys(parse_ref_updates(kept)))


def drop_updates(git_dir: Path, done: Iterable[RefUpdate]) -> None:
    """Keep updates no longer that are done, or that nobody asks for any more."""
    gone = set(done)
    if not gone:
        return
    with suppress(OSError), locked(git_dir / f"{MARK}.lock"):
        left = [each for each in kept_updates(git_dir) if each not in gone]
        replace_file(git_dir / MARK, _lines(left), 0o600)


def _lines(updates: Iterable[RefUpdate]) -> bytes:
    text = "".join(f"{each.old} {each.new} {each.ref}\n" for each in updates)
    return text.encode(errors="surrogateescape")

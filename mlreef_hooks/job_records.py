"""The job table, only looked at: nothing is locked, made or changed for it."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.errors import PublishError

_WANTED = """
SELECT id, repository, namespace, git_dir, tag, commit_id, version, state, message, module_name,
    updated_at
FROM jobs ORDER BY id
"""
_PUBLISHED = """
SELECT commit_id FROM jobs WHERE repository = ? AND tag = ? AND state = 'published'
"""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """One job as the table has it. `changed` is in seconds since 1970."""

    id: int
    repository: str
    namespace: str
    git_dir: Path
    tag: str
    commit: str
    version: str
    state: str
    message: str
    module_name: str
    changed: float


def read_records(path: Path) -> Sequence[JobRecord]:
    """All jobs, none where there is no table yet; PublishError where it is damaged or closed."""
    if not os.path.lexists(path):
        return ()
    with _looking(path) as connection:
        said = connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != ("ok",):
            raise sqlite3.DatabaseError(said[0])
        return [_record(row) for row in connection.execute(_WANTED)]


def published_commits(path: Path, repository: str, tag: str) -> Sequence[str]:
    """The commits that a tag has published; none where there is no table, or none that this process
    may open. PublishError where it is damaged.
    """
    if not os.access(path, os.R_OK):
        return ()
    with _looking(path) as connection:
        return [commit for (commit,) in connection.execute(_PUBLISHED, (repository, tag))]


@contextmanager
def _looking(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that leaves no trace; what fails is a PublishError."""
    try:
        # Without a log nobody writes just now, and reading must not make one.
        log = path.with_name(f"{path.name}-wal")
        mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
        with closing(sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, timeout=5)) as connection:
            yield connection
    except (OSError, sqlite3.Error) as error:
        raise PublishError(
            f"the job table {path} cannot be read: {error}", "restore it from a backup"
        ) from error


def _record(row: Sequence[object]) -> JobRecord:
    id_, repository, namespace, git_dir, tag, commit, version, state, message, name, at = row
    return JobRecord(
        id=int(str(id_)),
        repository=str(repository),
        namespace=str(namespace),
        git_dir=Path(os.fsdecode(git_dir if isinstance(git_dir, bytes) else str(git_dir))),
        tag=str(tag),
        commit=str(commit),
        version=str(version),
        state=str(state),
        message=str(message),
        module_name=str(name),
        changed=float(str(at)),
    )

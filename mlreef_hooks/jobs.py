"""The job table: what was asked to be published, and what became of it.

One row per repository + tag + commit, in SQLite. A job that is being built is held by a living
process; a process that died holds nothing.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import PublishRequest, RepositoryName

PARKED, QUEUED, BUILDING = "parked", "queued", "building"
PUBLISHED, FAILED, CANCELLED, SUPERSEDED = "published", "failed", "cancelled", "superseded"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY,
    repository TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    git_dir TEXT NOT NULL,
    tag TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    module TEXT,
    version TEXT NOT NULL,
    pusher TEXT NOT NULL,
    notes TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    module_name TEXT NOT NULL DEFAULT '',
    holder TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (repository, tag, commit_id)
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_state ON jobs (state);
"""
_COLUMNS = (
    "id, repository, namespace, name, git_dir, tag, commit_id, module, version, pusher, notes,"
    " state, message, module_name"
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. `module_name` is the module's name in the index once it is published."""

    id: int
    request: PublishRequest
    git_dir: Path
    state: str
    message: str
    module_name: str


class Jobs:
    """The table in the SQLite file at `path`; `clock` gives seconds since 1970."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction that no other writer shares."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            with contextlib.closing(connection):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as error:
            raise PublishError(
                f"the job table {self._path} cannot be written: {error}",
                "ask the administrator to run mlreef-hooks doctor, then push the tag again",
                passing=True,
            ) from error

    def submit(self, request: PublishRequest, git_dir: Path, state: str) -> Job:
        """The job for a request: a new one, or the one there is, queued anew if it had ended.

        What the same tag asked for at other commits, and is not built yet, is superseded.
        """
        now = self._clock()
        where = (request.repository.key, request.tag, request.commit)
        with self._writing() as connection:
            connection.execute(
                f"UPDATE jobs SET state = '{SUPERSEDED}', updated_at = ? WHERE repository = ?"  # noqa: S608
                f" AND tag = ? AND commit_id != ? AND state IN ('{PARKED}', '{QUEUED}')",
                (now, *where),
            )
            connection.execute(
                "INSERT INTO jobs (repository, tag, commit_id, namespace, name, git_dir, module,"
                " version, pusher, notes, state, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET state = excluded.state, pusher = excluded.pusher,"
                " notes = excluded.notes, updated_at = excluded.updated_at"
                f" WHERE state NOT IN ('{PUBLISHED}', '{BUILDING}')",
                (
                    *where, request.repository.namespace, request.repository.name, str(git_dir),
                    request.module, str(request.version), request.pusher, request.notes, state,
                    now, now,
                ),
            )  # fmt: skip
            return _select(
                connection, "WHERE repository = ? AND tag = ? AND commit_id = ?", where
            )[0]

    def claim(self, job_id: int) -> bool:
        """Hold the job for this process; False where a living process holds it or it has ended."""
        with self._writing() as connection:
            row = connection.execute(
                "SELECT state, holder FROM jobs WHERE id = ?", (job_id,)
            ).fetchone()
            free = row[0] == QUEUED or (row[0] == BUILDING and not _is_alive(row[1]))
            if free:
                connection.execute(
                    "UPDATE jobs SET state = ?, holder = ?, updated_at = ? WHERE id = ?",
                    (BUILDING, _this_process(), self._clock(), job_id),
                )
            return bool(free)

    def end(self, job_id: int, state: str, message: str = "", name: str = "") -> None:
        """Let go of the job in `state`; `name` is the module's where it is published now."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE jobs SET state = ?, message = ?, module_name = ?,"
                " holder = NULL, updated_at = ? WHERE id = ?",
                (state, message, name, self._clock(), job_id),
            )

    def get(self, job_id: int) -> Job | None:
        """The job of this number."""
        with self._writing() as connection:
            return next(iter(_select(connection, "WHERE id = ?", (job_id,))), None)

    def state(self, job_id: int) -> str:
        """The state of a job that exists."""
        with self._writing() as connection:
            return _select(connection, "WHERE id = ?", (job_id,))[0].state

    def of_repository(self, repository: str, *states: str) -> list[Job]:
        """The jobs of a repository that are in one of `states`, oldest first."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE repository = ? AND state IN ({marks}) ORDER BY id"
        with self._writing() as connection:
            return _select(connection, where, (repository, *states))

    def waiting(self) -> list[Job]:
        """The jobs that somebody should build: queued, or held by a process that died."""
        with self._writing() as connection:
            held = connection.execute(f"SELECT id, holder FROM jobs WHERE state = '{BUILDING}'")  # noqa: S608
            lost = [job_id for job_id, holder in held if not _is_alive(holder)]
            marks = ", ".join("?" * len(lost))
            where = f"WHERE state = '{QUEUED}' OR id IN ({marks}) ORDER BY id"
            return _select(connection, where, lost)


def _select(
    connection: sqlite3.Connection, where: str, values: Sequence[str | int]
) -> list[Job]:
    connection.row_factory = sqlite3.Row
    rows = connection.execute(f"SELECT {_COLUMNS} FROM jobs {where}", values)  # noqa: S608
    return [_job(row) for row in rows]


def _job(row: sqlite3.Row) -> Job:
    repository = RepositoryName(
        key=row["repository"], namespace=row["namespace"], name=row["name"]
    )
    request = PublishRequest(
        repository=repository,
        tag=row["tag"],
        module=row["module"],
        version=Version(row["version"]),
        commit=row["commit_id"],
        pusher=row["pusher"],
        notes=row["notes"],
    )
    return Job(
        id=row["id"],
        request=request,
        git_dir=Path(row["git_dir"]),
        state=row["state"],
        message=row["message"],
        module_name=row["module_name"],
    )


def _this_process() -> str:
    return f"{os.getpid()}:{_start_time(os.getpid())}"


def _is_alive(holder: str | None) -> bool:
    pid, _, start = (holder or "").partition(":")
    return pid.isdigit() and _start_time(int(pid)) == start


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5)); empty where there is none.

    A process id alone says little, for ids are used again.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[19].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""

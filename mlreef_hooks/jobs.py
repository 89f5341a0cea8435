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

from mlreef_hooks.durable_files import make_folder, open_own
from mlreef_hooks.errors import PublishError
from mlreef_hooks.process import start_time
from mlreef_hooks.push import PublishRequest, RepositoryName

PARKED, QUEUED, BUILDING = "parked", "queued", "building"
PUBLISHED, FAILED, CANCELLED, SUPERSEDED = "published", "failed", "cancelled", "superseded"

# A path may hold bytes that are not UTF-8, which a TEXT cannot.
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY,
    repository TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    git_dir BLOB NOT NULL,
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
) STRICT
"""
_INDEX = "CREATE INDEX IF NOT EXISTS jobs_state ON jobs (state)"
_SUBMIT = """
INSERT INTO jobs (repository, namespace, name, git_dir, tag, commit_id, module, version, pusher,
                  notes, state, created_at, updated_at)
VALUES (:repository, :namespace, :name, :git_dir, :tag, :commit_id, :module, :version, :pusher,
        :notes, :state, :now, :now)
ON CONFLICT DO UPDATE SET
    namespace = excluded.namespace, name = excluded.name, git_dir = excluded.git_dir,
    module = excluded.module, version = excluded.version, pusher = excluded.pusher,
    notes = excluded.notes, state = excluded.state, message = '', updated_at = excluded.updated_at
WHERE state NOT IN ('published', 'building')
"""
_SUPERSEDE = """
UPDATE jobs SET state = 'superseded', updated_at = :now
WHERE repository = :repository AND tag = :tag AND commit_id != :commit_id
    AND state IN ('parked', 'queued')
"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. `module_name` is the module's name in the index once it is published; `updated_at`
    is when its state last changed, in seconds since 1970.
    """

    id: int
    request: PublishRequest
    git_dir: Path
    state: str
    message: str
    module_name: str
    updated_at: float


class Jobs:
    """The table in the SQLite file at `path`; `clock` gives seconds since 1970."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._opened: tuple[int, sqlite3.Connection] | None = None

    def close(self) -> None:
        """Close the file."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            opened[1].close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction of its own; jobs whose process died wait again by then.

        SQLite waits for other processes in `BEGIN IMMEDIATE`; elsewhere it may give up at once.
        """
        try:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.execute(_TABLE)
                connection.execute(_INDEX)
                _release_abandoned(connection)
                yield connection
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise PublishError(
                f"the job table {self._path} cannot be written: {error}",
                "ask the administrator to run mlreef-hooks doctor",
                passing=True,
            ) from error

    def _connection(self) -> sqlite3.Connection:
        """The connection of this process; one that was there before a fork is its parent's.

        A transaction of a write-ahead log is one write to be waited for; the file is closed by the
        end of the process, for that copies the log.
        """
        if self._opened is None or self._opened[0] != os.getpid():
            self._make_file()
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            self._opened = os.getpid(), connection
        return self._opened[1]

    def _make_file(self) -> None:
        """Make the file before SQLite does, which would let everybody read it."""
        if not self._path.exists():
            make_folder(self._path.parent, 0o755)
            os.close(open_own(self._path, os.O_RDWR, 0o600))

    def submit(self, request: PublishRequest, git_dir: Path, state: str) -> Job:
        """The job for a request: a new one, or the one there is, queued anew if it had ended.

        What the same tag asked for at other commits, and is not built yet, is superseded.
        """
        values = {
            "repository": request.repository.key,
            "namespace": request.repository.namespace,
            "name": request.repository.name,
            "git_dir": os.fsencode(git_dir),
            "tag": request.tag,
            "commit_id": request.commit,
            "module": request.module,
            "version": str(request.version),
            "pusher": request.pusher,
            "notes": request.notes,
            "state": state,
            "now": self._clock(),
        }
        with self._writing() as connection:
            connection.execute(_SUPERSEDE, values)
            connection.execute(_SUBMIT, values)
            where = "repository = ? AND tag = ? AND commit_id = ?"
            key = (request.repository.key, request.tag, request.commit)
            return _select(connection, where, key)[0]

    def reopen(self, job_id: int) -> None:
        """Queue a job anew whose version is nowhere any more."""
        with self._writing() as connection:
            values = (QUEUED, self._clock(), job_id, PUBLISHED)
            connection.execute(
                "UPDATE jobs SET state = ?, updated_at = ? WHERE id = ? AND state = ?", values
            )

    def claim(self, job_id: int) -> bool:
        """Hold the job for this process; False where a living process holds it or it has ended."""
        with self._writing() as connection:
            held = connection.execute(
                "UPDATE jobs SET state = ?, holder = ?, updated_at = ? WHERE id = ? AND state = ?",
                (BUILDING, _this_process(), self._clock(), job_id, QUEUED),
            )
            return held.rowcount == 1

    def end(self, job_id: int, state: str, message: str = "", name: str = "") -> str:
        """Let go of the job in `state`, and say in which it was until then.

        `name` is the module's where it is published now.
        """
        with self._writing() as connection:
            before = _select(connection, "id = ?", (job_id,))[0].state
            if before == CANCELLED and state != PUBLISHED:
                return before  # its tag was deleted meanwhile: nothing asks for it any more
            connection.execute(
                "UPDATE jobs SET state = ?, message = ?, module_name = ?,"
                " holder = NULL, updated_at = ? WHERE id = ?",
                (state, message, name, self._clock(), job_id),
            )
            return before

    def get(self, job_id: int) -> Job | None:
        """The job of this number."""
        with self._writing() as connection:
            return next(iter(_select(connection, "id = ?", (job_id,))), None)

    def state(self, job_id: int) -> str:
        """The state of a job that exists."""
        with self._writing() as connection:
            return _select(connection, "id = ?", (job_id,))[0].state

    def of_repository(self, repository: str, *states: str) -> list[Job]:
        """The jobs of a repository that are in one of `states`, oldest first."""
        marks = ", ".join("?" * len(states))
        where = f"repository = ? AND state IN ({marks})"
        with self._writing() as connection:
            return _select(connection, where, (repository, *states))

    def waiting(self) -> list[Job]:
        """The jobs that somebody should build: queued, or held by a process that died."""
        with self._writing() as connection:
            return _select(connection, "state = ?", (QUEUED,))


def _release_abandoned(connection: sqlite3.Connection) -> None:
    held = connection.execute("SELECT id, holder FROM jobs WHERE state = ?", (BUILDING,))
    lost = [(QUEUED, row["id"]) for row in held if not _is_alive(row["holder"])]
    connection.executemany("UPDATE jobs SET state = ?, holder = NULL WHERE id = ?", lost)


def _select(connection: sqlite3.Connection, where: str, values: Sequence[str | int]) -> list[Job]:
    rows = connection.execute(f"SELECT * FROM jobs WHERE {where} ORDER BY id", values)  # noqa: S608
    return [_job(row) for row in rows]


def _job(row: sqlite3.Row) -> Job:
    repository = RepositoryName(key=row["repository"], namespace=row["namespace"], name=row["name"])
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
        git_dir=Path(os.fsdecode(row["git_dir"])),
        state=row["state"],
        message=row["message"],
        module_name=row["module_name"],
        updated_at=row["updated_at"],
    )


def _this_process() -> str:
    return f"{os.getpid()}:{start_time(os.getpid())}"


def _is_alive(holder: str | None) -> bool:
    pid, _, start = (holder or "").partition(":")
    return pid.isdigit() and start_time(int(pid)) == start

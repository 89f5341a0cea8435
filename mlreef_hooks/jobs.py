"""The job table: what was asked to be published, and what became of it.

One row per repository + tag + commit. A job that is being built is held by a living process; a
process that died holds nothing.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from packaging.version import Version

from mlreef_hooks.config import Worker
from mlreef_hooks.errors import PublishError
from mlreef_hooks.job import (
    BUILDING,
    CANCELLED,
    PUBLISHED,
    QUEUED,
    STATES,
    UNFINISHED,
    Job,
    JobFigures,
    delay_after,
)  # fmt: skip
from mlreef_hooks.job_table import JobTable
from mlreef_hooks.plain_text import counted
from mlreef_hooks.process import process_name, process_of
from mlreef_hooks.push import PublishRequest, RepositoryName

DEATHS = 10  # processes that died of one job, until it is given up

_SUBMIT = """
INSERT INTO jobs (repository, namespace, name, git_dir, tag, commit_id, module, version, pusher,
                  notes, state, message, created_at, updated_at)
VALUES (:repository, :namespace, :name, :git_dir, :tag, :commit_id, :module, :version, :pusher,
        :notes, :state, :message, :now, :now)
ON CONFLICT DO UPDATE SET
    namespace = excluded.namespace, name = excluded.name, git_dir = excluded.git_dir,
    module = excluded.module, version = excluded.version, pusher = excluded.pusher,
    notes = excluded.notes, state = excluded.state, message = excluded.message, holder = NULL,
    deaths = 0, due_at = 0, updated_at = excluded.updated_at
WHERE state NOT IN ('published', 'building')
"""
_SUPERSEDE = """
UPDATE jobs SET state = 'superseded', message = 'a newer push took its place', updated_at = :now
WHERE repository = :repository AND tag = :tag AND commit_id != :commit_id
    AND state IN ('parked', 'queued')
"""
# Who builds least comes first, then who came first; one job of a repository at a time. A clock that
# was set back must not keep a job waiting.
_NEXT = """
SELECT * FROM jobs AS queued
WHERE state = 'queued' AND (due_at <= :now OR due_at > :now + delay_after(attempts))
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE state = 'building' AND repository = queued.repository)
ORDER BY (SELECT count(*) FROM jobs WHERE state = 'building' AND namespace = queued.namespace), id
LIMIT 1
"""
_PUBLISHED = """
SELECT coalesce(sum(max(0, updated_at - created_at)), 0), coalesce(max(updated_at), 0)
FROM jobs WHERE state = 'published'
"""
_OLDEST = "SELECT min(updated_at) FROM jobs WHERE state = 'queued'"
_BURY = """
UPDATE jobs SET holder = NULL, deaths = deaths + 1, updated_at = :now,
    state = CASE WHEN deaths + 1 < :deaths THEN 'queued' ELSE 'failed' END,
    message = CASE WHEN deaths + 1 < :deaths THEN message
                   ELSE 'the processes that built it died, ' || :deaths || ' times' END
WHERE id = :id
"""
# What waits again, because its process died or something was away, may have been pushed anew since.
_OVERTAKE = """
UPDATE jobs SET state = 'superseded', message = 'a newer push took its place'
WHERE id = :id AND state = 'queued' AND EXISTS (
    SELECT 1 FROM jobs AS newer WHERE newer.state = 'queued' AND newer.id != jobs.id
        AND newer.repository = jobs.repository AND newer.tag = jobs.tag)
"""


class Jobs:
    """The table in the SQLite file at `path`; `clock` gives seconds since 1970."""

    def __init__(
        self, path: Path, clock: Callable[[], float], limits: Worker | None = None
    ) -> None:
        self._table = JobTable(path)
        self._clock = clock
        self._limits = limits or Worker()
        self.close = self._table.close

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction; jobs whose process died wait again by then."""
        with self._table.writing() as connection:
            self._release_abandoned(connection)
            yield connection

    def _release_abandoned(self, connection: sqlite3.Connection) -> None:
        held = connection.execute("SELECT id, holder FROM jobs WHERE state = ?", (BUILDING,))
        lost = [row["id"] for row in held if process_of(row["holder"]) is None]
        now = self._clock() if lost else 0.0
        values = [{"id": id_, "now": now, "deaths": DEATHS} for id_ in lost]
        connection.executemany(_BURY, values)
        connection.executemany(_OVERTAKE, [{"id": id_} for id_ in lost])

    # what pushes do

    def submit(self, request: PublishRequest, git_dir: Path, state: str, message: str = "") -> Job:
        """The job for a request: a new one, or the one there is, queued anew if it had ended.

        What the same tag asked for at other commits, and is not built yet, is superseded.
        PublishError that passes where too many jobs wait.
        """
        values = {
            "repository": request.repository.key,
            "namespace": request.repository.namespace,
            "name": request.repository.name,
            "git_dir": os.fsencode(git_dir),
            "tag": request.tag,
            "commit_id": request.commit,
            "module": request.module,
            "version": str(request.version or ""),
            "pusher": request.pusher,
            "notes": request.notes,
            "state": state,
            "message": message,
            "now": self._clock(),
        }
        with self._writing() as connection:
            connection.execute(_SUPERSEDE, values)
            connection.execute(_SUBMIT, values)
            self._check_queue(connection)
            where = "repository = ? AND tag = ? AND commit_id = ?"
            key = (request.repository.key, request.tag, request.commit)
            return _select(connection, where, key)[0]

    def _check_queue(self, connection: sqlite3.Connection) -> None:
        (waiting,) = connection.execute("SELECT count(*) FROM jobs WHERE state = ?", (QUEUED,))
        if waiting[0] > self._limits.queue:
            raise PublishError(
                f"{counted(self._limits.queue, 'job')} wait already",
                "push again later; the administrator sees them by mlreef-hooks status",
                passing=True,
            )

    def reopen(self, job_id: int) -> None:
        """Queue a job anew whose version is nowhere any more."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE jobs SET state = ?, updated_at = ? WHERE id = ? AND state = ?",
                (QUEUED, self._clock(), job_id, PUBLISHED),
            )

    # what those do who build

    def claim(self, job_id: int) -> Job | None:
        """The job, held by this process from now on; None while it is not its turn."""
        return self._claim(job_id)

    def claim_next(self) -> Job | None:
        """The job whose turn it is, held by this process from now on; None where there is none."""
        return self._claim(None)

    def _claim(self, wanted: int | None) -> Job | None:
        with self._writing() as connection:
            (building,) = connection.execute(
                "SELECT count(*) FROM jobs WHERE state = ?", (BUILDING,)
            )
            values = {"now": self._clock()}
            delay = partial(delay_after, first=self._limits.retry_seconds)
            connection.create_function("delay_after", 1, delay, deterministic=True)
            found = connection.execute(_NEXT, values).fetchone()
            if building[0] >= self._limits.builds or not found or wanted not in (None, found["id"]):
                return None
            connection.execute(
                "UPDATE jobs SET state = ?, holder = ?, updated_at = ?, message = '', due_at = 0,"
                " attempts = attempts + 1 WHERE id = ?",
                (BUILDING, process_name(os.getpid()), values["now"], found["id"]),
            )
            return _select(connection, "id = ?", (found["id"],))[0]

    def end(self, job_id: int, state: str, message: str = "", name: str = "") -> Job:
        """Let go of the job in `state`, and say what it was until then.

        `name` is the module's where it is published now.
        """
        with self._writing() as connection:
            before = _select(connection, "id = ?", (job_id,))[0]
            if before.holder not in (None, process_name(os.getpid())):
                return before  # it was cancelled and asked for again, and another process has it
            if before.state == CANCELLED and state != PUBLISHED:
                state, message = before.state, before.message  # nothing asks for it any more
            connection.execute(
                "UPDATE jobs SET state = ?, message = ?, module_name = ?,"
                " holder = NULL, updated_at = ? WHERE id = ?",
                (state, message, name, self._clock(), job_id),
            )
            connection.execute(_OVERTAKE, {"id": job_id})
            return before

    def put_off(self, job: Job, message: str, delay: float) -> None:
        """Let go of a job that is to be tried again in so many seconds."""
        before = self.end(job.id, QUEUED, message)
        if before.state != CANCELLED:
            with self._writing() as connection:
                connection.execute(
                    "UPDATE jobs SET due_at = ? WHERE id = ? AND state = ?",
                    (self._clock() + delay, job.id, QUEUED),
                )

    def cancel(self, job_id: int, message: str) -> Job:
        """Let a job not be built, unless it has ended; the job as it was, whose holder to stop.

        A process that builds it holds it until it has stopped.
        """
        with self._writing() as connection:
            before = _select(connection, "id = ?", (job_id,))[0]
            if before.state in UNFINISHED:
                connection.execute(
                    "UPDATE jobs SET state = ?, message = ?, updated_at = ? WHERE id = ?",
                    (CANCELLED, message, self._clock(), job_id),
                )
            return before

    # what those do who look

    def get(self, job_id: int) -> Job | None:
        """The job of this number."""
        with self._table.reading() as connection:
            return next(iter(_select(connection, "id = ?", (job_id,))), None)

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

    def newest(self, count: int, *states: str) -> list[Job]:
        """The newest jobs in one of `states` (none: in any), oldest of them first."""
        chosen = states or STATES
        where = f"state IN ({', '.join('?' * len(chosen))}) ORDER BY id DESC LIMIT ?"
        question = f"id IN (SELECT id FROM jobs WHERE {where})"  # noqa: S608
        with self._writing() as connection:
            return _select(connection, question, (*chosen, count))

    def ahead_of(self, job_id: int) -> int:
        """How many jobs came before a queued one, and are not finished."""
        question = "SELECT count(*) FROM jobs WHERE state IN (?, ?) AND id < ?"
        with self._table.reading() as connection:
            return int(connection.execute(question, (QUEUED, BUILDING, job_id)).fetchone()[0])

    def figures(self) -> JobFigures:
        """How it goes with all jobs."""
        now = self._clock()
        with self._table.reading() as connection:
            states = connection.execute("SELECT state, count(*) FROM jobs GROUP BY state")
            (seconds, last), (oldest,) = (
                connection.execute(question).fetchone() for question in (_PUBLISHED, _OLDEST)
            )
            return JobFigures(
                counts=dict.fromkeys(STATES, 0) | dict(states.fetchall()),
                seconds=seconds,
                last_published=last,
                oldest_waiting=max(0.0, now - oldest) if oldest else 0.0,
            )


def _select(connection: sqlite3.Connection, where: str, values: Sequence[str | int]) -> list[Job]:
    rows = connection.execute(f"SELECT * FROM jobs WHERE {where} ORDER BY id", values)  # noqa: S608
    return [_job(row) for row in rows]


def _job(row: sqlite3.Row) -> Job:
    repository = RepositoryName(key=row["repository"], namespace=row["namespace"], name=row["name"])
    request = PublishRequest(
        repository=repository,
        tag=row["tag"],
        module=row["module"],
        version=Version(row["version"]) if row["version"] else None,
        commit=row["commit_id"],
        pusher=row["pusher"],
        notes=row["notes"],
    )
    facts = ("id", "state", "message", "module_name", "holder", "attempts")
    times = ("due_at", "created_at", "updated_at")
    return Job(
        request=request,
        git_dir=Path(os.fsdecode(row["git_dir"])),
        **{name: row[name] for name in (*facts, *times)},
    )

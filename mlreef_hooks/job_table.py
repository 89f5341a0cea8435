"""The SQLite file of the job table: its columns, its one connection, its transactions."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mlreef_hooks.durable_files import make_folder, open_own
from mlreef_hooks.errors import PublishError

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
    attempts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (repository, tag, commit_id)
) STRICT
"""
_INDEX = "CREATE INDEX IF NOT EXISTS jobs_state ON jobs (state)"
_LATER_COLUMNS = (  # that tables of older versions lack
    "attempts INTEGER NOT NULL DEFAULT 0",
    "deaths INTEGER NOT NULL DEFAULT 0",
    "due_at REAL NOT NULL DEFAULT 0",
)


class JobTable:
    """The table in the SQLite file at `path`. What fails is a PublishError that may pass."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: tuple[int, sqlite3.Connection] | None = None

    def close(self) -> None:
        """Close the file; whoever forks must have it closed (https://sqlite.org/howtocorrupt.html).

        A connection that was there before a fork is the parent's, and stays open.
        """
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            opened[1].close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction of its own.

        SQLite waits for other processes in `BEGIN IMMEDIATE`; elsewhere it may give up at once.
        """
        with self._translated():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one question, which waits for nobody and keeps nobody waiting."""
        with self._translated():
            yield self._connection()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise PublishError(
                f"the job table {self._path} cannot be written: {error}",
                "ask the administrator to run mlreef-hooks doctor",
                passing=True,
            ) from error

    def _connection(self) -> sqlite3.Connection:
        """The connection of this process, by which the table is there.

        A transaction of a write-ahead log is one write to be waited for; the file is closed by the
        end of the process, for that copies the log.
        """
        if self._opened is None or self._opened[0] != os.getpid():
            self._make_file()
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            _make_table(connection)
            self._opened = os.getpid(), connection
        return self._opened[1]

    def _make_file(self) -> None:
        """Make the file before SQLite does, which would let everybody read it."""
        if not self._path.exists():
            make_folder(self._path.parent, 0o755)
            os.close(open_own(self._path, os.O_RDWR, 0o600))


def _make_table(connection: sqlite3.Connection) -> None:
    columns = {row["name"] for row in connection.execute("PRAGMA table_info (jobs)")}
    missing = [each for each in _LATER_COLUMNS if each.split()[0] not in columns]
    if columns and not missing:
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        connection.execute(_TABLE)
        connection.execute(_INDEX)
        columns = {row["name"] for row in connection.execute("PRAGMA table_info (jobs)")}
        for column in _LATER_COLUMNS:
            if column.split()[0] not in columns:
                connection.execute(f"ALTER TABLE jobs ADD COLUMN {column}")

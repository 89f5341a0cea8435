"""What was made before and need not be made again: a SQLite file that may be deleted at any time.

Layers by what they are made of, what a registry has already, and folders that were looked at.
Nothing here is the truth about anything: where it is wrong or gone, work is done again.
"""

import contextlib
import json
import os
import sqlite3
from collections import UserDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mlreef_hooks.durable_files import make_folder, open_own

_TABLES = """
CREATE TABLE IF NOT EXISTS layers (key TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folders (key TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    repository TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_digest ON uploads (digest);
"""
_ASKED = 500  # values in one question


class Remembered(UserDict[str, Any]):
    """A mapping that looks up what it does not have; `added` is what was put into it."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        super().__init__()
        self.added: dict[str, Any] = {}
        self._find = find

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        if key not in self.data:
            self.data[key] = self._find(key)
        return default if self.data[key] is None else self.data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.added[key] = value
        super().__setitem__(key, value)


class BuildCache:
    """The cache in the SQLite file at `path`; it never fails, it only forgets."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def close(self) -> None:
        """Close the file."""
        connection = self.__dict__.pop("_connection", None)
        if connection is not None:
            connection.close()

    # layers and folders: JSON documents by key

    def layers(self, keys: Iterable[str]) -> dict[str, Any]:
        """What is known of the layers made of `keys`."""
        return self._find("layers", keys)

    def add_layers(self, facts: Mapping[str, Any]) -> None:
        """Remember layers by what they are made of."""
        self._add("layers", facts)

    def folders(self, keys: Iterable[str]) -> dict[str, Any]:
        """What is known of folders by their tree ids."""
        return self._find("folders", keys)

    def add_folders(self, facts: Mapping[str, Any]) -> None:
        """Remember folders by their tree ids."""
        self._add("folders", facts)

    def forget_layers(self, digests: Collection[str]) -> None:
        """Forget the layers of these digests, whose blobs will be gone."""
        with self._forgetting():
            rows = self._ask("SELECT key, facts FROM layers", [])
            known = [(key, json.loads(facts)) for key, facts in rows]
            lost = [(key,) for key, each in known if _digest(each) in digests]
            self._write("DELETE FROM layers WHERE key = ?", lost)

    def memory(self) -> "Remembered":
        """What is known of divided folders, looked up one by one."""
        return Remembered(lambda key: self.layers([key]).get(key))

    def remember(self, memory: "Remembered") -> None:
        """Keep what was added to a memory."""
        self.add_layers(memory.added)

    def _find(self, table: str, keys: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for some in _batches(keys):
            marks = ", ".join("?" * len(some))
            question = f"SELECT key, facts FROM {table} WHERE key IN ({marks})"  # noqa: S608
            with self._forgetting():
                found |= {key: json.loads(facts) for key, facts in self._ask(question, some)}
        return found

    def _add(self, table: str, facts: Mapping[str, Any]) -> None:
        rows = [(key, json.dumps(value)) for key, value in facts.items()]
        self._write(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows)  # noqa: S608

    # what registries have

    def uploaded(self, repository: str) -> set[str]:
        """The digests of the blobs that a repository of a registry was given."""
        with self._forgetting():
            question = "SELECT digest FROM uploads WHERE repository = ?"
            return {digest for (digest,) in self._ask(question, [repository])}
        return set()

    def origins(self, digests: Iterable[str]) -> dict[str, str]:
        """For blobs, a repository that has each."""
        found: dict[str, str] = {}
        for some in _batches(digests):
            marks = ", ".join("?" * len(some))
            question = f"SELECT digest, repository FROM uploads WHERE digest IN ({marks})"  # noqa: S608
            with self._forgetting():
                found |= dict(self._ask(question, some))
        return found

    def add_uploads(self, repository: str, digests: Iterable[str]) -> None:
        """Remember that a repository has blobs."""
        rows = [(repository, digest) for digest in digests]
        self._write("INSERT OR IGNORE INTO uploads VALUES (?, ?)", rows)

    def forget_uploads(self, repository: str) -> None:
        """Forget what a repository has, for its registry says otherwise."""
        self._write("DELETE FROM uploads WHERE repository = ?", [(repository,)])

    # the file

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        if not self._path.exists():
            make_folder(self._path.parent, 0o755)
            os.close(open_own(self._path, os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=10, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        return connection

    def _ask(self, question: str, values: list[str]) -> list[tuple[Any, ...]]:
        return self._connection.execute(question, values).fetchall()

    def _write(self, statement: str, rows: Sequence[tuple[str, ...]]) -> None:
        with self._forgetting():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                self._connection.executemany(statement, rows)

    @contextlib.contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Let go of a file that is broken or cannot be written: what is in it can be made again."""
        try:
            yield
        except (OSError, sqlite3.Error, ValueError) as error:
            broken = isinstance(error, sqlite3.DatabaseError | ValueError)
            if broken and not isinstance(error, sqlite3.OperationalError):
                self.close()
                with contextlib.suppress(OSError):
                    self._path.unlink()


def _digest(facts: Any) -> str | None:
    return facts.get("digest") if isinstance(facts, dict) else None


def _batches(values: Iterable[str]) -> Iterator[list[str]]:
    waiting = list(values)
    for start in range(0, len(waiting), _ASKED):
        yield waiting[start : start + _ASKED]

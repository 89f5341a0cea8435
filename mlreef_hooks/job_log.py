"""What is said of one try to publish a job: to its log, and to those who follow; bounded in both.

The output of the build stands in it behind a mark; all other lines are as the pusher sees them.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mlreef_hooks import report
from mlreef_hooks.durable_files import appended
from mlreef_hooks.plain_text import plain
from mlreef_hooks.state_folder import StateFolder

FILE_BYTES = 8 << 20  # of the build's output in one log
LINES_TOLD = 200  # of the build's output to the pusher, who waits for them
MARK = "    | "
_KEPT = 5  # logs of one job, of its last tries
_READ_BYTES = 1 << 20  # of a log at once


def log_path(state: Path, job_id: int, attempt: int) -> Path:
    """Where the log of one try is."""
    return StateFolder(state).logs / f"job-{job_id}-{attempt}.log"


def job_of_log(path: Path) -> int | None:
    """The number of the job that a file is the log of, None where it is no log of one."""
    found = re.fullmatch(r"job-([0-9]+)-[0-9]+\.log", path.name)
    return int(found[1]) if found else None


class Told:
    """Shows the lines of a log to the pusher: of the build's output only so many."""

    def __init__(self, tell: Callable[[str], None], job_id: int) -> None:
        self._tell = tell
        self._job_id = job_id
        self._count = 0

    def __call__(self, line: str) -> None:
        """Show the next line of the log."""
        if not line.startswith(MARK):
            self._tell(line)
            return
        self._count += 1
        if self._count <= LINES_TOLD:
            self._tell(report.step("build", line.removeprefix(MARK)))
        elif self._count == LINES_TOLD + 1:
            more = f"... mlreef-hooks logs {self._job_id} shows the rest"
            self._tell(report.step("build", more))


class JobLog:
    """Takes the lines of one try. What cannot be written is no reason to stop: what is built is
    worth more.
    """

    def __init__(self, path: Path, told: Callable[[str], None]) -> None:
        """The folder of `path` is made; a log that is there is gone on with."""
        self._path = path
        self._told = told
        self._room = FILE_BYTES

    def say(self, line: str) -> None:
        """Take a line that the pusher is to see as it is."""
        self._take(line)

    def output(self, line: str) -> None:
        """Take a line that the build printed; control characters are not kept."""
        indent = " " * (len(line) - len(line.lstrip(" ")))
        self._take(f"{MARK}{indent}{plain(line)}", bounded=True)

    def _take(self, line: str, *, bounded: bool = False) -> None:
        content = f"{line}\n".encode(errors="replace")
        if not bounded or len(content) <= self._room:
            with contextlib.suppress(OSError), appended(self._path) as out:
                out.write(content)
        self._room = max(0, self._room - len(content)) if bounded else self._room
        self._told(line)


class LogReader:
    """The lines of a log that somebody else writes, as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def lines(self) -> Iterator[str]:
        """All complete lines since the last look; one longer than a read comes in pieces."""
        while content := self._read():
            whole, end, _ = content.rpartition(b"\n")
            if not end and len(content) < _READ_BYTES:
                return
            whole = whole if end else content
            self._place += len(whole + end)
            yield from whole.decode(errors="replace").split("\n")

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as log:
                log.seek(self._place)
                return log.read(_READ_BYTES)
        except OSError:
            return b""


def remove_old_logs(state: Path, job_id: int, attempt: int) -> None:
    """Keep the logs of a job's last tries alone."""
    with contextlib.suppress(OSError):
        log_path(state, job_id, attempt - _KEPT).unlink(missing_ok=True)

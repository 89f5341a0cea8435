"""The output of one job's build: to its log, and to the pusher; bounded in both places."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from mlreef_hooks.durable_files import appended
from mlreef_hooks.plain_text import plain

FILE_BYTES = 8 << 20  # of a log; a job that is tried again writes into the same one
LINES_TOLD = 200  # to the pusher, who waits for them


class JobLog:
    """Takes lines that came from outside; control characters are not kept.

    A log that cannot be written is no reason to stop: what is built is worth more.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        """`tell` shows the pusher a line; the folder of `path` is made."""
        self._path = path
        self._tell = tell
        self._told = 0

    def __call__(self, line: str) -> None:
        """Take the next line."""
        said = plain(line)
        self._told += 1
        if self._told <= LINES_TOLD:
            self._tell(said)
        elif self._told == LINES_TOLD + 1:
            self._tell(f"... the rest is in {self._path.name} on the server")
        indent = " " * (len(line) - len(line.lstrip(" ")))
        with contextlib.suppress(OSError):
            self._append(f"{indent}{said}\n".encode())

    def _append(self, line: bytes) -> None:
        with appended(self._path) as out:
            room = FILE_BYTES - out.tell()
            if room > 0:
                out.write(line[:room])

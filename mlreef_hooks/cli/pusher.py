"""The way to the pusher: lines that keep nobody waiting, and an end that comes in time."""

import os
import select
import threading
from collections.abc import Callable, Iterable
from time import monotonic

_PATIENCE_SECONDS = 10.0  # for a reader that takes nothing
_AT_ONCE = select.PIPE_BUF  # bytes that a pipe takes whole where it takes any


class Pusher:
    """Lines to git's side band, each written at once. A reader that is gone, or does not read, is
    no reason to stop or to wait.
    """

    def __init__(self, descriptor: int, release: Callable[[], None] = lambda: None) -> None:
        """`release` lets the push end, where this process goes on without it."""
        self._descriptor: int | None = descriptor
        self._release = release
        self._lock = threading.Lock()
        self._let_go = False

    @property
    def listens(self) -> bool:
        """True while somebody reads."""
        return self._descriptor is not None

    def say(self, line: str) -> None:
        """Write one line; nothing any more once the pusher is gone."""
        with self._lock:
            self._write(f"{line}\n".encode(errors="replace"))

    def let_go(self, lines: Iterable[str] = ()) -> None:
        """Write the last lines and let the push end; all that comes later is said to nobody."""
        with self._lock:
            if self._let_go:
                return
            self._let_go = True
            for line in lines:
                self._write(f"{line}\n".encode(errors="replace"))
            self._descriptor = None
            self._release()

    def _write(self, content: bytes) -> None:
        deadline = monotonic() + _PATIENCE_SECONDS
        while content and self._descriptor is not None:
            writable = select.select((), (self._descriptor,), (), max(0, deadline - monotonic()))[1]
            try:
                taken = os.write(self._descriptor, content[:_AT_ONCE]) if writable else 0
            except OSError:
                taken = 0
            if not taken:
                self._descriptor = None
            content = content[taken:]

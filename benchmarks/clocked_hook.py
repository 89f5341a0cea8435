"""The process that stays ready, with a clock at its edges: what a push waits for and computes.

    python -I clocked_hook.py FIGURES CONFIG

Each fork, one for a push, writes the seconds of its parts to FIGURES as JSON when it ends. A part
that is entered from another one (an import from a request) counts for itself alone. Functions of
the standard library are wrapped, none of ours.
"""

import builtins
import sys
import time
from collections.abc import Callable
from typing import Any


class Clock:
    """The seconds of each part; only the innermost part runs at a time."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew, in the part that is none of the others."""
        self.seconds = {"computing": 0.0}
        self._parts = ["computing"]
        self._since = time.perf_counter()

    def turn(self) -> None:
        """Add what has passed to the part that runs."""
        now = time.perf_counter()
        part = self._parts[-1]
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added to a part."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.turn()
            self._parts.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self.turn()
                self._parts.pop()

        return wrapped


def main() -> None:
    """Be the process that stays ready."""
    import json
    import os
    import runpy

    figures = sys.argv.pop(1)
    clock = Clock()
    end = os._exit

    def end_clocked(status: int) -> None:
        clock.turn()
        with open(f"{figures}.new", "w") as out:
            json.dump(clock.seconds, out)
        os.replace(f"{figures}.new", figures)
        end(status)

    builtins.__import__ = clock.timed("imports", builtins.__import__)
    wrap_edges(clock)
    os.register_at_fork(after_in_child=clock.restart)
    os._exit = end_clocked  # type: ignore[assignment]
    runpy.run_module("mlreef_hooks.cli.worker", run_name="__main__", alter_sys=True)


def wrap_edges(clock: Clock) -> None:
    """Time the functions that wait for something else; they are imported by the program anyway."""
    import http.client
    import os
    import sqlite3
    import subprocess

    edges: tuple[tuple[str, Any, str], ...] = (
        ("git", subprocess.Popen, "__init__"),
        ("git", subprocess.Popen, "communicate"),
        ("git", subprocess.Popen, "wait"),
        ("registry", http.client.HTTPConnection, "request"),
        ("registry", http.client.HTTPConnection, "getresponse"),
        ("registry", http.client.HTTPResponse, "read"),
        ("disk", os, "fsync"),
    )
    for part, owner, name in edges:
        setattr(owner, name, clock.timed(part, getattr(owner, name)))
    execute = clock.timed("disk", sqlite3.Connection.execute)
    connection = type("Connection", (sqlite3.Connection,), {"execute": execute})
    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **kw: connect(*args, factory=connection, **kw)


if __name__ == "__main__":
    main()

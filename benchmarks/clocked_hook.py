"""Our hook's process with a clock at its edges: what it waits for, and what it computes.

    python -I clocked_hook.py FIGURES --config FILE post-receive < ref updates

Runs what the hook runs, and writes the seconds of each part to FIGURES as JSON. A part that is
entered from another one (an import from a request) counts for itself alone. Functions of the
standard library are wrapped, none of ours.
"""

import builtins
import sys
import time
from collections.abc import Callable
from typing import Any


class Clock:
    """The seconds of each part; only the innermost part runs at a time."""

    def __init__(self) -> None:
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
    """Run the hook and write the figures."""
    clock = Clock()
    builtins.__import__ = clock.timed("imports", builtins.__import__)
    import json
    import runpy

    wrap_edges(clock)
    figures = sys.argv.pop(1)
    sys.argv[0] = "mlreef_hooks"
    try:
        runpy.run_module("mlreef_hooks", run_name="__main__", alter_sys=True)
    finally:
        clock.turn()
        with open(figures, "w") as out:
            json.dump(clock.seconds, out)


def wrap_edges(clock: Clock) -> None:
    """Time the functions that wait for something else; they are imported by the hook anyway."""
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

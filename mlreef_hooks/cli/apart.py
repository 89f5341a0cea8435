"""Runs the checks of `doctor`: each in a process and a time of its own, as the account of the hook.

A check that hangs (a disk of the network, an engine that is silent) or breaks ends alone, and what
it found until then counts.
"""

import json
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NoReturn

from mlreef_hooks.account import become
from mlreef_hooks.doctor.finding import Check, Finding, Visit, fault
from mlreef_hooks.errors import PublishError

_END = b"\n"  # an empty line: the check came to its end
_PIECE = 1 << 16
_ROOTS_OWN = ("XDG_CONFIG_HOME", "DOCKER_CONFIG", "GIT_CONFIG_GLOBAL")


def examine(visit: Visit, checks: Mapping[str, Check], *, seconds: float) -> Iterator[Finding]:
    """All that was looked at, in the order of the checks, none of which takes longer."""
    if os.geteuid() not in (0, visit.account.user):
        message = f"runs as uid {os.geteuid()}, and the hook as uid {visit.account.user}"
        yield fault("doctor-account", "doctor", message)
    for name, check in checks.items():
        yield from _apart(name, check, visit, seconds)


def _apart(name: str, check: Check, visit: Visit, seconds: float) -> Iterator[Finding]:
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _report(name, check, visit, writing)
    os.close(writing)
    with suppress(OSError):
        os.setpgid(process, process)  # as it does itself: whoever comes first
    try:
        yield from _received(name, reading, seconds)
    finally:
        os.close(reading)
        _end(process)


def _report(name: str, check: Check, visit: Visit, descriptor: int) -> NoReturn:
    """Do the check in this process, and write what it finds."""
    try:
        os.setpgid(0, 0)
        with os.fdopen(descriptor, "wb", buffering=0) as out:
            for finding in _findings(name, check, visit):
                out.write(json.dumps(vars(finding)).encode() + b"\n")
            out.write(_END)
    finally:
        os._exit(0)


def _findings(name: str, check: Check, visit: Visit) -> Iterator[Finding]:
    if os.geteuid() == 0 and visit.account.user != 0:
        become(visit.account)
        for variable in _ROOTS_OWN:
            os.environ.pop(variable, None)
    try:
        yield from check(visit)
    except PublishError as error:
        yield fault("check-failed", name, error.message).but(hint=error.hint)
    except Exception as error:
        yield fault("check-failed", name, f"{type(error).__name__}: {error}")


def _received(name: str, descriptor: int, seconds: float) -> Iterator[Finding]:
    """What the process writes until its time is over, each as it comes."""
    deadline, rest = time.monotonic() + seconds, b""
    while True:
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            yield fault("check-late", name, f"did not come to its end within {seconds:g} s")
            return
        piece = os.read(descriptor, _PIECE)
        if not piece:
            yield fault("check-failed", name, "its process was ended")
            return
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if not line:
                return
            yield Finding(**json.loads(line))


def _end(process: int) -> None:
    """Kill the process with all that it started. One that the disk does not let go is left."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(process, signal.SIGKILL)
    deadline = time.monotonic() + 1
    while os.waitpid(process, os.WNOHANG)[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.001)

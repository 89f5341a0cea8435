"""Processes that work on the same files at the same time, and are killed."""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlreef_hooks.errors import PublishError

PASSING, REFUSED, BROKEN = 2, 3, 4


def _fork(work: Callable[[], object]) -> int:
    """The id of a fork that does `work`. It ends with 0, or by what was raised: with `PASSING` or
    `REFUSED` for a PublishError that may pass or not, else with `BROKEN`.
    """
    pid = os.fork()
    if pid:
        return pid
    status = BROKEN
    try:
        work()
        status = 0
    except PublishError as error:
        status = PASSING if error.passing else REFUSED
    except BaseException as error:
        print(repr(error), file=sys.stderr)
    finally:
        os._exit(status)


def run_all(*work: Callable[[], object]) -> list[int]:
    """The exit statuses of processes that work at the same time; a signal's number as negative."""
    pids = [_fork(each) for each in work]
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


@contextmanager
def child(work: Callable[[], object]) -> Iterator[int]:
    """The id of a process that works, and is killed at the end."""
    pid = _fork(work)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def ends_within(pid: int, seconds: float) -> bool:
    """True where the process ends by itself in that time."""
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)

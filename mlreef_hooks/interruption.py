"""A job that is cancelled, or takes too long: a signal that ends what the main thread is at."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_GRACE_SECONDS = 20.0  # to clean up in; what is left then is as after a kill
_SIGNALS = (signal.SIGTERM, signal.SIGALRM)


class Cancelled(BaseException):
    """Somebody wants the job no more. Not an `Exception`: nobody may catch it on the way."""


class OutOfTime(BaseException):
    """The job took longer than it may."""


@contextmanager
def interruptible(seconds: float) -> Iterator[None]:
    """Raise `Cancelled` where SIGTERM comes, and `OutOfTime` once `seconds` are over."""
    before = [signal.getsignal(number) for number in _SIGNALS]
    signal.signal(signal.SIGTERM, _cancel)
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def go_through() -> None:
    """Let nothing interrupt what comes now, up to the end of the job."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _cancel(number: int, frame: FrameType | None) -> NoReturn:
    _leave_in_time()
    raise Cancelled


def _end(number: int, frame: FrameType | None) -> NoReturn:
    _leave_in_time()
    raise OutOfTime


def _leave_in_time() -> None:
    """Cleaning up is not interrupted, but ends: with the process, where it takes too long."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, _GRACE_SECONDS)

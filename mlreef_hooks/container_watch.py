"""What ends a container from outside: its time is over, or it has written too much.

Nothing in the container is asked, for what runs there may be hostile. Engines bound a disk only on
some file systems, so that it is looked at again and again what was written.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from mlreef_hooks.container import Run, byte_count
from mlreef_hooks.engine_api import FAILURES, Client, Container, bytes_in, bytes_written

_PAUSE = 0.3  # seconds between two looks
_PATIENCE = 9  # times as long as a look takes is waited for the next one


@dataclass
class Verdict:
    """Why a container was ended."""

    late: bool = False
    out_of_disk: bool = False


@contextlib.contextmanager
def watched(client: Client, run: Run, container: Container, output: Any) -> Iterator[Verdict]:
    """End the container and its output where it goes beyond its bounds, and say why."""
    verdict, over = Verdict(), threading.Event()

    def kill_late() -> None:
        verdict.late = True
        _kill(container, output)

    def watch_disk() -> None:
        pause = _PAUSE
        while not over.wait(pause):
            begin = monotonic()
            if _is_out_of_disk(client, run, str(container.id)):
                verdict.out_of_disk = True
                return _kill(container, output)
            pause = max(_PAUSE, _PATIENCE * (monotonic() - begin))
        return None

    timer = threading.Timer(run.seconds or 0, kill_late)
    watch = threading.Thread(target=watch_disk, daemon=True)
    timer.daemon = True
    if run.seconds:
        timer.start()
    if run.disk:
        watch.start()
    try:
        yield verdict
    finally:
        over.set()
        timer.cancel()
        if run.disk:
            watch.join()


def _is_out_of_disk(client: Client, run: Run, container: str) -> bool:
    """True where it has written more than it may; False too where the engine does not tell."""
    with contextlib.suppress(*FAILURES):
        left = byte_count(run.disk or "0k") - bytes_written(client, container)
        if run.private is None or left < 0:
            return left < 0
        return bytes_in(client, container, run.private, left) > left
    return False


def _kill(container: Container, output: Any) -> None:
    with contextlib.suppress(*FAILURES):
        container.kill()
    with contextlib.suppress(OSError, AttributeError):
        output.close()  # an engine that hangs would not end it

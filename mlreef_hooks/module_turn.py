"""The turn to publish a module: of all processes, one has it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from mlreef_hooks.durable_files import locked, make_folder, turn_taken


def module_turn(
    locks: Path, namespace: str, name: str, on_wait: Callable[[], None]
) -> AbstractContextManager[None]:
    """The turn, waited for: of two pushes of one version, only one gives it an image.

    `locks` is the site's folder of locks. PublishError that may pass where it cannot be written.
    """
    return turn_taken(locks, turn_of(namespace, name), on_wait)


@contextmanager
def free_turn(locks: Path, namespace: str, name: str) -> Iterator[bool]:
    """Whether nobody has the turn; then whoever wants it waits until the end of this."""
    make_folder(locks, 0o700)
    with ExitStack() as lock:
        try:
            lock.enter_context(locked(locks / f"{turn_of(namespace, name)}.lock", wait=False))
        except BlockingIOError:
            yield False
            return
        yield True


def turn_of(namespace: str, name: str) -> str:
    """The name of the lock of who publishes a module."""
    return hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:32]

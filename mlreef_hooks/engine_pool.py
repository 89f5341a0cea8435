"""The container engines of a site: which one does the next piece of work, and which is left alone.

Processes share them by locks on files, which one that is killed lets go of.
"""

import hashlib
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mlreef_hooks.durable_files import locked, replace_file, turn_taken, unwritable
from mlreef_hooks.errors import EngineGoneError, PublishError

if TYPE_CHECKING:
    from mlreef_hooks.engine import Engine

REST = 30.0  # seconds for which an engine that failed is left alone
_PAUSE = 0.2  # seconds between two looks for room
_LOOKS = int(REST / _PAUSE)  # until it is asked again which engines answer
_KNOCK_SECONDS = 5
_Result = TypeVar("_Result")
_Ready = Sequence[tuple[int, "Engine"]]


class NoEngineError(PublishError):
    """None of the engines answers."""


@dataclass(frozen=True, kw_only=True)
class EnginePool:
    """The engines at `addresses`, which `open_engine` opens; `slots` builds at once in each.

    `locks` is a folder for lock files; `say` tells the pusher what takes a while.
    """

    addresses: Sequence[str]
    open_engine: "Callable[[str], Engine]"
    slots: int
    locks: Path
    say: Callable[[str], None]

    def do(
        self,
        work: "Callable[[Engine], _Result]",
        readiness: "Callable[[Engine], int]" = lambda engine: 0,
        *,
        wait: bool = True,
    ) -> _Result:
        """What `work` gives in an engine with a free slot: in the readiest of those that answer,
        and of equals in the least busy. Without `wait` it needs no slot where none is free.

        Where the engine dies, the next one does all of it again. NoEngineError where none answers,
        EngineGoneError where the last one died.
        """
        left, gone = list(self.addresses), None
        while True:
            with ExitStack() as held:
                try:
                    engine = self._choose(left, readiness, held, wait=wait)
                except NoEngineError as error:
                    raise gone or error from None
                if gone:
                    self.say(f"another engine goes on: {gone.message}")
                try:
                    return work(engine)
                except EngineGoneError as error:
                    gone = error
            left.remove(engine.url)
            self._leave_alone(engine.url)
            if not left:
                raise gone

    def reach(self, address: str) -> "Engine | None":
        """The engine at one address, None where it does not answer."""
        try:
            return self._open(address)
        except PublishError:
            return None

    def _choose(
        self,
        addresses: Sequence[str],
        readiness: "Callable[[Engine], int]",
        held: ExitStack,
        *,
        wait: bool,
    ) -> "Engine":
        """The engine to work in; `held` lets go of it, and of its slot."""
        said = False
        while True:
            ready = self._ready(addresses, readiness, held)
            engine = self._take_slot(ready, held)
            if engine is None and not wait:
                engine = max(ready, key=itemgetter(0))[1]
            elif engine is None:
                if not said:
                    self.say("all engines are busy; waiting for one")
                said = True
                engine = self._wait_for_slot(ready, held)
            for _, other in ready:
                if other is not engine:
                    other.close()
            if engine is not None:
                return engine

    def _ready(
        self, addresses: Sequence[str], readiness: "Callable[[Engine], int]", held: ExitStack
    ) -> _Ready:
        """The engines that answer, and how ready each is; those that failed lately only where no
        other one answers.
        """
        resting = [address for address in addresses if self._rests(address)]
        errors: list[PublishError] = []
        for asked in ([each for each in addresses if each not in resting], resting):
            ready: list[tuple[int, Engine]] = []
            for address in asked:
                try:
                    engine = self._open(address)
                    held.callback(engine.close)
                    ready.append((readiness(engine) if len(addresses) > 1 else 0, engine))
                except PublishError as error:
                    errors.append(error)
                    self._leave_alone(address)
            if ready:
                return ready
        raise NoEngineError(errors[0].message, errors[0].hint, passing=True) from errors[0]

    def _open(self, address: str) -> "Engine":
        """The engine at an address; that nobody listens is told before the SDK is loaded."""
        path = address.removeprefix("unix://")
        if path != address:
            try:
                with socket.socket(socket.AF_UNIX) as door:
                    door.settimeout(_KNOCK_SECONDS)
                    door.connect(path)
            except OSError as error:
                raise EngineGoneError(
                    f"the container engine at {address} failed: {error.strerror or error}",
                    "the administrator finds out more with mlreef-hooks doctor",
                    passing=True,
                ) from error
        return self.open_engine(address)

    # slots

    def _wait_for_slot(self, ready: _Ready, held: ExitStack) -> "Engine | None":
        """As `_take_slot`, once one is free; None after a while, for others may answer by then."""
        for _ in range(_LOOKS):
            time.sleep(_PAUSE)
            engine = self._take_slot(ready, held)
            if engine is not None:
                return engine
        return None

    def _take_slot(self, ready: _Ready, held: ExitStack) -> "Engine | None":
        """The readiest and least busy engine, with a slot of it in `held`; None without any.

        Only one process at a time looks, for looking is trying.
        """
        with turn_taken(self.locks, "engines", lambda: None):
            try:
                free = [(rank, self._free_slots(engine.url), engine) for rank, engine in ready]
                roomy = [each for each in free if each[1]]
                if not roomy:
                    return None
                _, slots, engine = max(roomy, key=lambda each: (each[0], len(each[1])))
                held.enter_context(locked(slots[0], wait=False))
            except OSError as error:
                raise unwritable(self.locks, error) from error
            return engine

    def _free_slots(self, address: str) -> list[Path]:
        paths = [self._file(address, f"{number}.lock") for number in range(self.slots)]
        return [path for path in paths if _is_free(path)]

    # what failed

    def _leave_alone(self, address: str) -> None:
        """Note when an engine failed, where there are others; nothing is lost without the note."""
        if len(self.addresses) > 1:
            with suppress(OSError):
                replace_file(self._file(address, "failed"), str(time.monotonic()).encode(), 0o600)

    def _rests(self, address: str) -> bool:
        """True where an engine failed lately, by the clock that starts at boot and never jumps."""
        try:
            since = time.monotonic() - float(self._file(address, "failed").read_bytes())
        except (OSError, ValueError):
            return False
        return 0 <= since < REST

    def _file(self, address: str, name: str) -> Path:
        return self.locks / f"engine-{hashlib.sha256(address.encode()).hexdigest()[:16]}-{name}"


def _is_free(path: Path) -> bool:
    """True where nobody holds the lock."""
    try:
        with locked(path, wait=False):
            return True
    except BlockingIOError:
        return False

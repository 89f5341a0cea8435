"""Where the time of a publish goes: ours and the floor, each with a clock at its edges."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from benchmarks.publish_peers import FloorPeer, OurPeer, Peer, Place
from benchmarks.scenarios import FLOOR, OURS, PLAIN, changed_code
from mlreef_hooks.cli.hand_over import SOCKET
from tests.support.processes import wait_until

_HOOK = Path(__file__).parent / "clocked_hook.py"
# The interpreter that the hook starts, and that of the floor, with what they import.
_PYTHON = {
    OURS: ["-I", "-S", "-c", "import _socket"],
    FLOOR: ["-I", "-S", "-c", "import hashlib, socket"],
}
PUSH, PYTHON, REST = "a push without a hook", "start of Python", "shell, exit and the rest"


class Publishing(Protocol):
    """What publishes at a peer: see `publish.Bench`."""

    place: Place

    def prepare(self, peer: str, project: str) -> None:
        """Publish a project for the first time."""

    def publish(self, peer: str, project: str, files: Mapping[str, str]) -> float:
        """The seconds of a push."""


def figures_file(place: Place, peer: str) -> Path:
    """Where a clocked peer writes its seconds."""
    return place.folder / f"{peer}-figures.json"


class ClockedPeer(OurPeer):
    """Ours, whose process that stays ready is `clocked_hook.py`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, "clocked", stay_ready=False)
        figures = str(figures_file(place, OURS))
        command = [sys.executable, "-I", str(_HOOK), figures, str(self.site.config)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd="/")
        wait_until((self.site.state / SOCKET).exists)

    def close(self) -> None:
        """End that process."""
        self._process.kill()
        self._process.wait()


def clocked_floor(place: Place) -> Peer:
    """The floor, telling its seconds."""
    return FloorPeer(place, "clocked-floor", str(figures_file(place, FLOOR)))


CLOCKED: Mapping[str, Callable[[Place], Peer]] = {
    "clocked": ClockedPeer,
    "clocked-floor": clocked_floor,
}


def measure_parts(bench: Publishing, rounds: int) -> dict[str, dict[str, list[float]]]:
    """The seconds of each part of a publish of changed code, of ours and of the floor."""
    parts: dict[str, dict[str, list[float]]] = {OURS: {}, FLOOR: {}}
    for turn in range(-1, rounds):
        for way, peer in zip(parts, CLOCKED, strict=True):
            bench.prepare(PLAIN, "S")
            bench.prepare(peer, "S")
            if turn < 0:
                taken(figures_file(bench.place, way))
            alone = bench.publish(PLAIN, "S", changed_code(turn))
            whole = bench.publish(peer, "S", changed_code(turn))
            inside = taken(figures_file(bench.place, way))
            found = {PUSH: alone, PYTHON: python_start(_PYTHON[way]), **inside}
            found |= {REST: whole - sum(found.values()), "all": whole}
            for part, seconds in found.items() if turn >= 0 else ():
                parts[way].setdefault(part, []).append(seconds)
    return parts


def taken(figures: Path) -> dict[str, float]:
    """The seconds that a file holds once it is there; it is removed."""
    wait_until(figures.exists)
    seconds: dict[str, float] = json.loads(figures.read_text())
    figures.unlink()
    return seconds


def python_start(words: list[str]) -> float:
    """The seconds that an interpreter takes which does nothing; the median of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)

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

_HOOK = Path(__file__).parent / "clocked_hook.py"
# An interpreter that does nothing; that of the floor imports what it needs.
_PYTHON = {OURS: ["-I", "-c", ""], FLOOR: ["-I", "-S", "-c", "import hashlib, socket"]}
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


def clocked_ours(place: Place) -> Peer:
    """A site of its own whose hook runs `clocked_hook.py`."""
    peer = OurPeer(place, "clocked")
    hook = peer.repository / "hooks" / "post-receive"
    text = hook.read_text()
    clocked = f"-I {_HOOK} {figures_file(place, OURS)} --config"
    assert "-I -m mlreef_hooks --config" in text
    hook.unlink()
    hook.write_text(text.replace("-I -m mlreef_hooks --config", clocked))
    hook.chmod(0o755)
    return peer


def clocked_floor(place: Place) -> Peer:
    """The floor, telling its seconds."""
    return FloorPeer(place, "clocked-floor", str(figures_file(place, FLOOR)))


CLOCKED: Mapping[str, Callable[[Place], Peer]] = {
    "clocked": clocked_ours,
    "clocked-floor": clocked_floor,
}


def measure_parts(bench: Publishing, rounds: int) -> dict[str, dict[str, list[float]]]:
    """The seconds of each part of a publish of changed code, of ours and of the floor."""
    parts: dict[str, dict[str, list[float]]] = {OURS: {}, FLOOR: {}}
    for turn in range(-1, rounds):
        for way, peer in zip(parts, CLOCKED, strict=True):
            bench.prepare(peer, "S")
            bench.prepare(PLAIN, "S")
            alone = bench.publish(PLAIN, "S", changed_code(turn))
            whole = bench.publish(peer, "S", changed_code(turn))
            inside = json.loads(figures_file(bench.place, way).read_text())
            found = {PUSH: alone, PYTHON: python_start(_PYTHON[way]), **inside}
            found |= {REST: whole - sum(found.values()), "all": whole}
            for part, seconds in found.items() if turn >= 0 else ():
                parts[way].setdefault(part, []).append(seconds)
    return parts


def python_start(words: list[str]) -> float:
    """The seconds that an interpreter takes which does nothing; the median of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)

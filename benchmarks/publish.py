"""What publishing costs, from `git push` to a readable index entry, against the peers, in turn.

    .cache/test-venv/bin/python -m benchmarks.publish [--rounds 5] [--only M-code ...] [--json FILE]

Ours is measured with the process that stays ready, and loading the program for each push. Peers:
clone + `docker build` + push with a good Dockerfile (the engine's classic builder), the
same with BuildKit, repo2docker with that Dockerfile, MLReef's order of a Dockerfile, a floor and a
push without a hook. All images end in the same registry. Projects: S is one script and one small
package; M requires numpy, pandas and scikit-image; L has 20,000 files of 300 MB. The base image is
there at the beginning, for all. A peer that fails is named, and the others go on.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import lines, part_lines, rows
from benchmarks.machine import machine
from benchmarks.publish_parts import CLOCKED, measure_parts
from benchmarks.publish_peers import PEERS, Peer, Place, make_peer_base, write_json
from benchmarks.scenarios import SCENARIOS, Scenario, make_project
from tests.support.engine import import_base, local_registry, private_engine
from tests.support.git import Author, GitError

Seconds = dict[str, list[float]]


class PeerError(Exception):
    """A peer did not publish; the message is what the push said."""


FAILURES = (PeerError, GitError, OSError, subprocess.SubprocessError)


@dataclass(kw_only=True)
class Bench:
    """The peers and authors of one run, made when they are needed; how often they published."""

    place: Place
    peers: dict[str, Peer] = field(default_factory=dict)
    authors: dict[tuple[str, str], Author] = field(default_factory=dict)
    published: int = 0

    def peer(self, name: str) -> Peer:
        """The peer of a name."""
        if name not in self.peers:
            self.peers[name] = {**PEERS, **CLOCKED}[name](self.place)
        return self.peers[name]

    def prepare(self, peer: str, project: str) -> None:
        """Publish a project at a peer for the first time, unless that was done."""
        key = peer, project
        if key not in self.authors:
            folder = self.place.folder / "authors" / peer.replace(" ", "-") / project
            self.authors[key] = Author(folder, self.peer(peer).repository)
            self.publish(peer, project, make_project(project))
            self.peer(peer).wait_ready()

    def close(self) -> None:
        """End what the peers left running."""
        for peer in self.peers.values():
            peer.close()

    def publish(self, peer: str, project: str, files: Mapping[str, str]) -> float:
        """The seconds of a push that publishes a commit with these files."""
        author = self.authors[peer, project]
        self.published += 1
        tag = f"publish/1.{self.published}"
        author.commit(files)
        author.tag(tag)
        began = time.perf_counter()
        said = author.push("--force", f"master:{project}", "master", tag)
        seconds = time.perf_counter() - began
        if self.peer(peer).says not in said:
            raise PeerError(said)
        return seconds


def main() -> int:
    """Print the tables; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=[*SCENARIOS])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, private_engine(Path(name, "engine")) as engine:
        import_base(engine)
        registry_folder = Path(name, "registry")
        registry_folder.mkdir()
        with local_registry(registry_folder) as registry:
            place = Place(folder=Path(name), engine=engine, registry=registry)
            make_peer_base(place)
            with closing(Bench(place=place)) as bench:
                facts = measure_all(bench, options.only, options.rounds)
    if options.json:
        write_json(options.json, facts)
    return 0


def measure_all(bench: Bench, names: list[str], rounds: int) -> dict[str, Any]:
    """All single values and where they come from; printed as they come."""
    facts: dict[str, Any] = {"machine": machine(), "seconds": {}, "failures": {}, "parts": {}}
    for name in names:
        seconds, failures = measure(bench, SCENARIOS[name], rounds)
        facts["seconds"][name], facts["failures"][name] = seconds, failures
        print(*lines(rows(name, seconds)), sep="\n")
        for peer, message in failures.items():
            print(f"{name:<15}{peer:<14} failed: {message.strip()}")
        print(flush=True)
    if "S-code" in names:
        facts["parts"] = measure_parts(bench, rounds)
        print("S-code: where the time goes", *part_lines(facts["parts"]), sep="\n", flush=True)
    return facts


def measure(bench: Bench, scenario: Scenario, rounds: int) -> tuple[Seconds, dict[str, str]]:
    """Seconds of each push of a scenario, by peer, who take turns in going first; and what those
    peers said that failed, and then took no further part.
    """
    seconds: Seconds = {peer: [] for peer in scenario.peers}
    failures: dict[str, str] = {}
    for turn in range(-1, min(rounds, scenario.rounds)):  # the first one prepares
        for place in range(len(scenario.peers)):
            peer = scenario.peers[(turn + place) % len(scenario.peers)]
            if peer in failures:
                continue
            try:
                seconds[peer] += one_turn(bench, scenario, peer, turn)
            except FAILURES as error:
                failures[peer] = str(error)
    return seconds, failures


def one_turn(bench: Bench, scenario: Scenario, peer: str, turn: int) -> list[float]:
    """The seconds of one push; none where the peer was only prepared."""
    if turn < 0:
        bench.prepare(peer, scenario.project)
        return []
    if scenario.first:
        bench.peer(peer).forget()
    return [bench.publish(peer, scenario.project, scenario.change(turn))]


if __name__ == "__main__":
    sys.exit(main())

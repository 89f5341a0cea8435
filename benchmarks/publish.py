"""What publishing costs, from `git push` to a readable index entry, against the peers, in turn.

    .cache/test-venv/bin/python -m benchmarks.publish [--rounds 5] [--only M-code ...] [--json FILE]

Peers: clone + `docker build` + push with a good Dockerfile (the engine's classic builder), the same
with BuildKit, MLReef's order of a Dockerfile, a floor and a push without a hook. All images end in
the same registry. Projects: S is one script and one small package; M requires numpy, pandas and
scikit-image; L has 20,000 files of 300 MB. The base image is there at the beginning, for all.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.publish_peers import Peer, Place, make_peers, write_json
from tests.support.engine import import_base, local_registry, private_engine
from tests.support.git import Author

MAIN = """\
import argparse

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    print(parser.parse_args())
"""
TOML = """\
[module]
kind = "data-operation"
entry_point = "main.py"
inputs = ["ANY"]
outputs = ["ANY"]
"""
M_REQUIREMENTS = "numpy==2.1.0\npandas==2.2.2\nscikit-image==0.24.0\n"
SMALL = tuple(f"idna==3.{minor}\n" for minor in (4, 6, 7, 8, 9, 10))  # a small package, changing
L_FILES, L_BYTES = 20_000, 15_000
ENGINES = ("mlreef-hooks", "docker", "buildkit", "mlreef")
QUICK = ("mlreef-hooks", "docker", "buildkit", "floor", "plain push")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What one round does: `change` gives the files to commit; `first` begins with empty caches;
    `rounds` are at most so many, for those that take minutes.
    """

    project: str
    peers: Sequence[str]
    change: Callable[[int], Mapping[str, str]]
    first: bool = False
    rounds: int = 100


def changed_code(turn: int) -> Mapping[str, str]:
    """The script with another comment."""
    return {"main.py": f"{MAIN}# {turn} {os.urandom(4).hex()}\n"}


def changed_requirement(turn: int) -> Mapping[str, str]:
    """A small package more, another version each time."""
    return {"requirements.txt": M_REQUIREMENTS + SMALL[turn % len(SMALL)]}


def changed_deep(turn: int) -> Mapping[str, str]:
    """One file deep in a large tree."""
    return {"data/d7/e3/f11.bin": os.urandom(L_BYTES // 2).hex()}


SCENARIOS: Mapping[str, Scenario] = {
    "S-code": Scenario(project="S", peers=QUICK, change=changed_code),
    "S-nothing": Scenario(project="S", peers=QUICK[:3], change=lambda turn: {}),
    "M-code": Scenario(project="M", peers=QUICK, change=changed_code),
    "M-mlreef": Scenario(
        project="M", peers=("mlreef-hooks", "mlreef"), change=changed_code, rounds=3
    ),
    "M-requirement": Scenario(
        project="M", peers=ENGINES[:3], change=changed_requirement, rounds=3
    ),
    "M-first": Scenario(
        project="M", peers=ENGINES[:3], change=changed_code, first=True, rounds=3
    ),
    "L-code": Scenario(project="L", peers=ENGINES[:3], change=changed_code, rounds=3),
    "L-deep": Scenario(project="L", peers=ENGINES[:3], change=changed_deep, rounds=3),
}  # fmt: skip


@dataclass(kw_only=True)
class Bench:
    """The authors of one run, one for each peer and project, and how often each has published."""

    folder: Path
    peers: Mapping[str, Peer]
    authors: dict[tuple[str, str], Author] = field(default_factory=dict)
    published: int = 0

    def author(self, peer: str, project: str) -> Author:
        """The author of a project at a peer, who has published it once."""
        key = peer, project
        if key not in self.authors:
            place = self.folder / "authors" / peer.replace(" ", "-") / project
            self.authors[key] = Author(place, self.peers[peer].repository)
            self.publish(key, make_project(project))
        return self.authors[key]

    def publish(self, key: tuple[str, str], files: Mapping[str, str]) -> float:
        """The seconds of a push that publishes a commit with these files."""
        author = self.authors[key]
        self.published += 1
        author.commit(files)
        author.tag(f"publish/1.{self.published}")
        began = time.perf_counter()
        said = author.push("--force", f"master:{key[1]}", "master", f"publish/1.{self.published}")
        seconds = time.perf_counter() - began
        assert key[0] != "mlreef-hooks" or "success: " in said, said
        assert "error" not in said.lower(), said
        return seconds


def make_project(name: str) -> dict[str, str]:
    """The files of a project."""
    requirements = {"S": "six==1.17.0\n", "M": M_REQUIREMENTS, "L": "six==1.17.0\n"}[name]
    files = {"main.py": f"{MAIN}# {os.urandom(4).hex()}\n", "mlreef.toml": TOML}
    files["requirements.txt"] = requirements
    for number in range(L_FILES if name == "L" else 0):
        place = f"data/d{number % 10}/e{number // 10 % 20}/f{number // 200}.bin"
        files[place] = os.urandom(L_BYTES // 2).hex()
    return files


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=[*SCENARIOS])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, private_engine(Path(name, "engine")) as engine:
        folder = Path(name)
        import_base(engine)
        (folder / "registry").mkdir()
        with local_registry(folder / "registry") as registry:
            place = Place(folder=folder, engine=engine, registry=registry)
            bench = Bench(folder=folder, peers=make_peers(place))
            results = {each: measure(bench, each, options.rounds) for each in options.only}
    if options.json:
        write_json(options.json, results)
    return 0


def measure(bench: Bench, name: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each push of a scenario, by peer, who take turns in going first."""
    scenario = SCENARIOS[name]
    seconds: dict[str, list[float]] = {peer: [] for peer in scenario.peers}
    for peer in scenario.peers:
        bench.author(peer, scenario.project)
    for turn in range(min(rounds, scenario.rounds)):
        for place in range(len(scenario.peers)):
            peer = scenario.peers[(turn + place) % len(scenario.peers)]
            if scenario.first:
                bench.peers[peer].forget()
            key = peer, scenario.project
            seconds[peer].append(bench.publish(key, scenario.change(turn)))
    print_rows(name, seconds)
    return seconds


def print_rows(name: str, seconds: Mapping[str, list[float]]) -> None:
    """Medians in seconds, and how often ours fits into each."""
    ours = statistics.median(seconds["mlreef-hooks"])
    for peer, times in seconds.items():
        median = statistics.median(times)
        spread = f"{min(times):.3f}-{max(times):.3f}"
        print(f"{name:<15}{peer:<14}{median:>9.3f} s{median / ours:>8.1f}x  {spread}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

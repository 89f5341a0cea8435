"""How a publish grows: its time with the size of the repository, and the disk with its number.

    .cache/test-venv/bin/python -m benchmarks.publish_growth [--sizes 1000 200000] [--ssh]

One file of the same size changes each time, in a tree of ever more files of 1.5 kB, 100 in a
folder. The sizes take turns. The same commit goes to a repository without a hook as well, which
tells how much of the growth is git's. All pushes go over a path, or over ssh to this machine.
Everything ends in a registry of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.publish_peers import disk_usage, write_json
from benchmarks.pushes import Push, import_commit, timed_push
from benchmarks.scenarios import MAIN, OURS, PLAIN, S_REQUIREMENTS, TOML, changed_code
from tests.support.engine import BASE_IMAGE, local_registry, store_base
from tests.support.git import Author, make_bare
from tests.support.servers import SshServer, ssh_server
from tests.support.site import GitSite

FILE = os.urandom(750).hex()
REMOTES = {OURS: "origin", PLAIN: "plain"}
Seconds = dict[int, dict[str, list[float]]]


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 20_000, 200_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--publishes", type=int, default=100, help="for the disk they take")
    parser.add_argument("--ssh", action="store_true", help="push over ssh, not over a path")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "registry").mkdir()
        with (
            local_registry(folder / "registry") as registry,
            ssh_server() if options.ssh else nullcontext() as sshd,
        ):
            site = make_site(folder, registry, max(options.sizes))
            with ending(site):
                growth = Growth(site, options.sizes, sshd)
                site.wait_ready()
                seconds = growth.measure(options.rounds)
                print_times(seconds)
                disk = growth.measure_disk(options.publishes)
    if options.json:
        first = {size: {way: vars(each) for way, each in ways.items()}
                 for size, ways in growth.first.items()}  # fmt: skip
        facts = {"machine": machine(), "first": first, "seconds": seconds, "disk": disk}
        write_json(options.json, facts)
    return 0


def make_site(folder: Path, registry: str, largest: int) -> GitSite:
    """A site that builds without an engine, and takes as many files."""
    settings = {
        "registry": {"prefix": f"{registry}/growth"},
        "builder": {"use": "layers", "layers": {"start": "never"}},
        "limits": {"files": max(250_000, largest + 1000)},
        "worker": {"stay": True},
    }
    site = GitSite(folder / "site", base_image=BASE_IMAGE, settings=settings)
    store_base(site.state / "images")
    return site


@contextmanager
def ending(site: GitSite) -> Iterator[None]:
    """The process that stays for the next push is ended at last."""
    try:
        yield
    finally:
        site.end_ready()


class Growth:
    """A project of each size, each published once, and what happens to them from then on."""

    def __init__(self, site: GitSite, sizes: list[int], sshd: SshServer | None) -> None:
        self._site = site
        self._sshd = sshd
        self._turns = dict.fromkeys(sizes, 0)
        self.first: dict[int, dict[str, Push]] = {}
        self._authors = {size: self._make_author(size) for size in sizes}

    def _make_author(self, size: int) -> Author:
        author = self._site.author(f"growth/files{size}")
        ours = Path(author.git("remote", "get-url", "origin"))
        plain = make_bare(self._site.folder / f"plain{size}.git")
        author.git("remote", "add", "plain", str(plain))
        if self._sshd:
            author.environment |= self._sshd.environment
            author.git("remote", "set-url", "origin", self._sshd.url(ours))
            author.git("remote", "set-url", "plain", self._sshd.url(plain))
        commit(author, 0, dict(project(size)))
        self.first[size] = {way: push(author, way, 0) for way in REMOTES}
        print_first(size, self.first[size])
        for repository in (ours, plain):
            subprocess.run(["git", "-C", str(repository), "repack", "-adq"], check=True)
        return author

    def publish(self, size: int) -> dict[str, Push]:
        """What one publish of changed code took, and a plain push of the same commit."""
        self._turns[size] += 1
        turn, author = self._turns[size], self._authors[size]
        commit(author, turn, changed_code(turn))
        order = [OURS, PLAIN] if turn % 2 else [PLAIN, OURS]
        return {way: push(author, way, turn) for way in order}

    def measure(self, rounds: int) -> Seconds:
        """Seconds of each push of a change of the same size, by the number of files and by way."""
        seconds: Seconds = {size: {OURS: [], PLAIN: []} for size in self._authors}
        for turn in range(rounds + 1):
            for size in self._authors:
                for way, took in self.publish(size).items():
                    if turn:  # the first one after a repack only warms up
                        seconds[size][way].append(took.seconds)
        return seconds

    def measure_disk(self, publishes: int) -> list[int]:
        """The bytes that the site's state and its registry take before and after publishes."""
        size = next(iter(self._authors))
        places = (self._site.state, self._site.folder.parent / "registry")
        before = sum(map(disk_usage, places))
        for _ in range(publishes):
            self.publish(size)
        after = sum(map(disk_usage, places))
        each = (after - before) / max(publishes, 1)
        print(f"{publishes} publishes of code: {each / 1024:.0f} KiB each, all copies together")
        return [before, after]


def project(size: int) -> Iterator[tuple[str, str]]:
    """The paths and texts of a project with so many files of data."""
    yield from {"main.py": MAIN, "mlreef.toml": TOML, "requirements.txt": S_REQUIREMENTS}.items()
    for number in range(size):
        folder = f"data/d{number // 5000}/e{number // 100 % 50}"
        yield f"{folder}/f{number}.txt", f"{number} {FILE}"


def commit(author: Author, turn: int, files: Mapping[str, str]) -> None:
    """Commit files and tag them as the next version."""
    import_commit(author, turn, files)
    author.git("tag", f"publish/0.{turn}", "master")


def push(author: Author, way: str, turn: int) -> Push:
    """What the push of a version took."""
    expect = "success: " if way == OURS else ""
    return timed_push(author, REMOTES[way], "master", f"publish/0.{turn}", expect=expect)


def print_first(size: int, first: Mapping[str, Push]) -> None:
    """What the first push of a size took."""
    for way, took in first.items():
        peak = f"first push, largest process {took.peak / 2**20:.0f} MiB"
        print(f"{size:>8} files {way:<14}{took.seconds:>8.3f} s  {peak}", flush=True)


def print_times(seconds: Mapping[int, Mapping[str, list[float]]]) -> None:
    """Medians of each way and of what the hook adds, and how often the smallest fits into each."""
    smallest: dict[str, float] = {}
    for size, ways in seconds.items():
        added = [ours - plain for ours, plain in zip(ways[OURS], ways[PLAIN], strict=True)]
        for way, times in {**ways, "hook adds": added}.items():
            median = statistics.median(times)
            ratio = median / smallest.setdefault(way, median)
            print(f"{size:>8} files {way:<14}{median:>8.3f} s {ratio:>6.2f}x", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""How a publish grows: its time with the size of the repository, and the disk with its number.

    .cache/test-venv/bin/python -m benchmarks.publish_growth [--sizes 1000 200000] [--json FILE]

One file of the same size changes each time, in a tree of ever more files of 1.5 kB. The sizes take
turns. Everything ends in a registry of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.publish_peers import disk_usage, write_json
from benchmarks.scenarios import MAIN, TOML, changed_code
from tests.support.engine import BASE_IMAGE, local_registry, store_base
from tests.support.git import Author
from tests.support.site import GitSite

FILE = os.urandom(750).hex()


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 20_000, 200_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--publishes", type=int, default=100, help="for the disk they take")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "registry").mkdir()
        with local_registry(folder / "registry") as registry:
            site = make_site(folder, registry)
            authors = {size: make_author(site, size) for size in options.sizes}
            seconds = measure(authors, options.rounds)
            print_times(seconds)
            disk = measure_disk(site, authors[options.sizes[0]], options.publishes)
    if options.json:
        write_json(options.json, {"seconds": seconds, "disk": disk})
    return 0


def make_site(folder: Path, registry: str) -> GitSite:
    """A site that builds without an engine."""
    settings = {
        "registry": {"prefix": f"{registry}/growth"},
        "builder": {"use": "layers", "layers": {"start": "never"}},
    }
    site = GitSite(folder / "site", base_image=BASE_IMAGE, settings=settings)
    store_base(site.state / "images")
    return site


def make_author(site: GitSite, size: int) -> Author:
    """The author of a project of so many files, who has published it once."""
    author = site.author(f"growth/files{size}")
    files = {"main.py": MAIN, "mlreef.toml": TOML, "requirements.txt": "six==1.17.0\n"}
    for number in range(size):
        files[f"data/d{number // 5000}/e{number // 100 % 50}/f{number}.txt"] = f"{number} {FILE}"
    for path, text in files.items():
        (author.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (author.folder / path).write_text(text)
    author.commit({})
    publish(author, 0)
    remote = author.git("remote", "get-url", "origin")
    subprocess.run(["git", "-C", remote, "repack", "-adq"], check=True)
    return author


def publish(author: Author, turn: int) -> float:
    """The seconds of a push that publishes."""
    author.tag(f"publish/0.{turn}")
    began = time.perf_counter()
    said = author.push("master", f"publish/0.{turn}")
    seconds = time.perf_counter() - began
    assert "success: " in said, said
    return seconds


def measure(authors: dict[int, Author], rounds: int) -> dict[int, list[float]]:
    """Seconds of each publish of a change of the same size, by the number of files."""
    seconds: dict[int, list[float]] = {size: [] for size in authors}
    for turn in range(1, rounds + 2):
        for size, author in authors.items():
            author.commit(changed_code(turn))
            took = publish(author, turn)
            if turn > 1:  # the first one after a repack only warms up
                seconds[size].append(took)
    return seconds


def print_times(seconds: dict[int, list[float]]) -> None:
    """Medians, and how often the smallest fits into each."""
    first = statistics.median(next(iter(seconds.values())))
    for size, times in seconds.items():
        median = statistics.median(times)
        print(f"{size:>8} files {median:>8.3f} s {median / first:>6.2f}x", flush=True)


def measure_disk(site: GitSite, author: Author, publishes: int) -> list[int]:
    """The bytes that the site's state and its registry take after each publish of code."""
    places = (site.state, site.folder.parent / "registry")
    taken = []
    for turn in range(publishes + 1):
        if turn:
            author.commit(changed_code(turn))
            publish(author, 1000 + turn)
        if turn in (0, publishes):
            taken.append(sum(map(disk_usage, places)))
    each = (taken[-1] - taken[0]) / max(publishes, 1)
    print(f"{publishes} publishes of code: {each / 1024:.0f} KiB each, all copies together")
    return taken


if __name__ == "__main__":
    sys.exit(main())

"""What the hook adds to an ordinary push: with and without it, in turn, over a path and over ssh.

    .cache/test-venv/bin/python -m benchmarks.push_overhead [--rounds 15] [--json FILE]

Each round makes one commit and pushes it to a repository without a hook, to one with a hook that
does nothing (`exit 0`: what any hook costs), to one with ours, and to one with the gate as well, in
an order that changes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.git import Author, make_bare, write_hook
from tests.support.servers import ssh_server
from tests.support.site import GitSite

KINDS = ("no hook", "empty hook", "mlreef-hooks", "with the gate")


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ssh_server() as sshd:
        repositories = make_repositories(Path(folder))
        over_path = {kind: str(path) for kind, path in repositories.items()}
        over_ssh = {kind: sshd.url(path) for kind, path in repositories.items()}
        results = {
            "path": measure(Path(folder, "path"), over_path, {}, options.rounds),
            "ssh": measure(Path(folder, "ssh"), over_ssh, sshd.environment, options.rounds),
        }
    print_table(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def make_repositories(folder: Path) -> dict[str, Path]:
    """A bare repository of each kind."""
    bare = make_bare(folder / "bare.git")
    empty = make_bare(folder / "empty.git")
    write_hook(empty, "post-receive", "#!/bin/sh\nexit 0\n")
    site = GitSite(folder / "site")
    ours, gated = site.repository("speed/ours"), site.repository("speed/gated")
    site.command("install", "--repo", gated, "--gate")
    return dict(zip(KINDS, (bare, empty, ours, gated), strict=True))


def measure(
    folder: Path, urls: Mapping[str, str], environment: Mapping[str, str], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each push, by kind; the kinds take turns in going first."""
    branch = folder.name
    authors = {
        kind: Author(folder / kind.replace(" ", "-"), url, environment=environment)
        for kind, url in urls.items()
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in urls}
    for turn in range(rounds + 1):
        for place in range(len(KINDS)):
            kind = KINDS[(turn + place) % len(KINDS)]
            authors[kind].commit({"counter.txt": f"{turn}\n"})
            began = time.perf_counter()
            authors[kind].push(f"master:{branch}")
            if turn:  # the first push of each only warms up
                seconds[kind].append(time.perf_counter() - began)
    return seconds


def print_table(results: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Medians in milliseconds, and what each hook adds to a push without one."""
    print(f"{'push over':<10}{'kind':<15}{'median ms':>10}{'adds ms':>9}{'ratio':>7}")
    for transport, seconds in results.items():
        floor = statistics.median(seconds[KINDS[0]])
        for kind in KINDS:
            median = statistics.median(seconds[kind])
            added, ratio = (median - floor) * 1000, median / floor
            print(f"{transport:<10}{kind:<15}{median * 1000:>10.1f}{added:>9.1f}{ratio:>7.2f}")


if __name__ == "__main__":
    sys.exit(main())

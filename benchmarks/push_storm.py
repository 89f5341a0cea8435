"""Ordinary pushes beside 100 pushes at once that publish, over ssh, from 10 repositories.

    .cache/test-venv/bin/python -m benchmarks.push_storm [--rounds 3] [--tags 10] [--json FILE]

Each round measures ordinary pushes (a commit, no tag) one after the other: while nothing else goes
on, beside as many pushes of tags that publish nothing, and beside pushes of publish tags. What ssh
and git themselves cost in a crowd is in the second figure; what publishing adds is the third one
divided by it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.git import Author
from tests.support.killing import end_all
from tests.support.servers import SshServer, ssh_server
from tests.support.site import GitSite
from tests.support.storm import make_authors, outcomes, start_storm
from tests.support.tiny_site import make_site

REPOSITORIES = 10
ALONE, PLAIN, PUBLISHING = "nothing else", "beside plain pushes", "beside publishing pushes"
_PAUSE = 0.1  # seconds between two ordinary pushes


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tags", type=int, default=10, help="of each repository in a round")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {ALONE: [], PLAIN: [], PUBLISHING: []}
    with tempfile.TemporaryDirectory() as folder, ssh_server() as sshd:
        site = make_site(
            Path(folder, "site"), images={"path": ""}, builder={"layers": {"start": "never"}},
            worker={"stay": True},
        )  # fmt: skip
        try:
            for turn in range(options.rounds):
                measure(site, sshd, turn, options.tags, seconds)
        finally:
            end_all(site)
    print_table(seconds)
    if options.json:
        options.json.write_text(json.dumps(seconds, indent=1) + "\n")
    return 0


def measure(
    site: GitSite, sshd: SshServer, turn: int, count: int, seconds: dict[str, list[float]]
) -> None:
    """Add the seconds of the ordinary pushes of one round."""
    remote = sshd.url(site.repository(f"plain/ordinary{turn}"))
    ordinary = Author(site.folder / f"ordinary{turn}", remote, environment=sshd.environment)
    repositories = [f"team{number % 3}/round{turn}-{number}" for number in range(REPOSITORIES)]
    names = [f"{number}" for number in range(count)]
    crowds = {
        PLAIN: [f"plain/{name}" for name in names],
        PUBLISHING: [f"publish/{name}" for name in names],
    }
    authors = make_authors(site, sshd, repositories, [*crowds[PLAIN], *crowds[PUBLISHING]])
    push(ordinary)
    seconds[ALONE] += [push(ordinary) for _ in range(2 * count)]
    for kind, tags in crowds.items():
        began = time.perf_counter()
        crowd = start_storm(authors, tags)
        while any(each.poll() is None for each in crowd):
            seconds[kind].append(push(ordinary))
            time.sleep(_PAUSE)
        found = {what or "pushed": len(said) for what, said in outcomes(crowd).items() if said}
        print(f"{kind}: {time.perf_counter() - began:.1f} s, {found}")


def push(author: Author) -> float:
    """The seconds of an ordinary push."""
    author.commit({"README.md": str(time.time())})
    began = time.perf_counter()
    author.push()
    return time.perf_counter() - began


def print_table(seconds: dict[str, list[float]]) -> None:
    """One line for each crowd: how many pushes, their median, 90th percentile and maximum."""
    print(f"{'ordinary push':26}{'pushes':>8}{'median':>9}{'90 %':>9}{'most':>9}")
    for kind, each in seconds.items():
        most = sorted(each)
        figures = (statistics.median(each), most[len(each) * 9 // 10], most[-1])
        print(f"{kind:26}{len(each):8}" + "".join(f"{1000 * figure:6.0f} ms" for figure in figures))
    for kind in (ALONE, PLAIN):
        ratio = statistics.median(seconds[PUBLISHING]) / statistics.median(seconds[kind])
        print(f"{PUBLISHING}: {ratio:.2f} times as long as {kind}")


if __name__ == "__main__":
    sys.exit(main())

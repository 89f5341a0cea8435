"""Publishes that are killed at any moment: what is on disk is whole, and the next one completes it.

A site is killed again and again, another one publishes the same undisturbed. In the end both hold
the same files.
"""

import random
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.bases import RootImage, import_root
from mlreef_hooks.oci import MANIFEST
from mlreef_hooks.oci_layout import OciLayouts
from tests.support.killing import NEVER, WatchedPush, end_ready_process, watched_push
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.publishing import project
from tests.support.site import PROJECT, GitSite
from tests.support.wholeness import (
    cached,
    check_whole,
    digests,
    finished_jobs,
    garbage,
    kept_files,
)
from tests.test_bases import LIBC, layer

KILLS = 10  # of one site, on which nothing was published before
OF_FIRST = 0.35  # how many of them are of publishes with new requirements
FINISHED = 0.15  # after how many of them everything is finished at once
MODULE = "text/upper"
BASE = "tiny-base:1"
BASE_FILES: Mapping[str, bytes] = {
    "usr/bin/python3.11": b"", "usr/lib/python3.11/site-packages/pip/__init__.py": b"",
    "lib/x86_64-linux-gnu/libc.so.6": LIBC,
}  # fmt: skip


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index with a large and a small wheel for each publish with new requirements."""
    with package_index() as found:
        for number in range(20 * KILLS):
            for name, modules in {f"large{number}": 40, f"small{number}": 2}.items():
                text = {f"{name}/m{x}.py": f"NAME = {name!r}\n" * 50 for x in range(modules)}
                found.add(make_wheel(name, "1.0", {f"{name}/__init__.py": "", **text}))
        yield found


class Sites:
    """A site whose publishes are killed, and one with the same publishes that is left alone."""

    def __init__(self, folder: Path, seed: int, **settings: Any) -> None:
        self.killed = make_site(folder / "killed", **settings)
        self.calm = make_site(folder / "calm", **settings)
        self.author = self.killed.author(MODULE)
        self.calm.repository(MODULE)
        self.chance = random.Random(seed)
        self.lengths = {True: 0.0, False: 0.0}  # of undisturbed publishes: first ones, code alone
        self.tags: list[str] = []
        self.unfinished: list[str] = []

    def push(self, site: GitSite, *refs: str, kill_after: float = NEVER) -> WatchedPush:
        """A push to the repository of a site."""
        return watched_push(self.author, site, MODULE, refs, kill_after=kill_after)

    def publish(self, site: GitSite, tag: str) -> float:
        """How long an undisturbed publish of a tag took."""
        push = self.push(site, "master", tag)
        assert "is published (" in push.said, push.said
        return push.seconds

    def commit(self, files: Mapping[str, str]) -> str:
        """The tag of a new commit, which publishes the next version."""
        self.tags.append(tag := f"publish/{len(self.tags)}")
        self.author.commit(files)
        self.author.tag(tag)
        return tag

    def commit_change(self, *, first: bool) -> str:
        """The tag of a change: of requirements that no publish had, or of code alone."""
        number = len(self.tags)
        code = {"upper.py": f"# {number}\n{PROJECT['upper.py']}"}
        wanted = project(f"large{number}==1.0\nsmall{number}==1.0\n")
        return self.commit({**wanted, **code} if first else code)

    def kill(self, tag: str, *, first: bool) -> bool:
        """True where the publish of a tag was killed, False where it was over by then."""
        moment = self.chance.uniform(0, self.lengths[first])
        branch = f"{tag}^{{commit}}:refs/heads/master"
        push = self.push(self.killed, branch, tag, kill_after=moment)
        print(f"{tag}: {'killed' if push.killed else 'over'} after {push.seconds:.3f} s")
        self.unfinished.append(tag)
        if not push.killed:
            assert "is published (" in push.said, push.said
            self.lengths[first] = push.seconds
        return push.killed

    def finish(self) -> None:
        """Do what administrators and authors do: kept jobs again, and tags that are no job anew."""
        self.killed.command("retry", "--all")
        assert {state for _, _, state, _ in finished_jobs(self.killed)} == {"published"}
        published = digests(self.killed, MODULE)
        lost = [tag for tag in self.unfinished if tag.rpartition("/")[2] not in published]
        if lost:
            self.push(self.killed, *(f":{tag}" for tag in lost))
            self.push(self.killed, *lost)
        self.unfinished.clear()


def make_site(folder: Path, **settings: Any) -> GitSite:
    """A site with nothing but a base image."""
    site = GitSite(folder, "unix:///nowhere", BASE, settings, "layers")
    root = RootImage(environment=("PATH=/usr/bin",), architecture="amd64")
    import_root(OciLayouts(site.state / "images"), layer(BASE_FILES), BASE, root)
    (folder / "tmp").mkdir()
    return site


def disturb(sites: Sites) -> None:
    """Kill publishes, each followed by another one that is not."""
    first, second = sites.commit_change(first=True), sites.commit_change(first=False)
    sites.lengths[True] = sites.publish(sites.calm, first)
    sites.lengths[False] = sites.publish(sites.calm, second)
    kills = int(sites.kill(first, first=True))
    check_whole(sites.killed)
    sites.publish(sites.killed, second)
    while kills < KILLS:
        is_first = sites.chance.random() < OF_FIRST
        kills += sites.kill(sites.commit_change(first=is_first), first=is_first)
        check_whole(sites.killed)
        seconds = sites.publish(sites.killed, sites.commit({"README.md": f"{len(sites.tags)}"}))
        if not is_first:
            sites.lengths[False] = seconds
        if sites.chance.random() < FINISHED:
            sites.finish()
    sites.finish()


def check_same(sites: Sites) -> None:
    """Both sites have published the same, and nothing stands on the disk of one alone."""
    assert digests(sites.killed, MODULE) == digests(sites.calm, MODULE)
    assert len(digests(sites.killed, MODULE)) == len(sites.tags)
    assert finished_jobs(sites.killed) == finished_jobs(sites.calm)
    assert {state for _, _, state, _ in finished_jobs(sites.killed)} == {"published"}
    assert kept_files(sites.killed) == kept_files(sites.calm)
    assert cached(sites.killed) == cached(sites.calm)
    assert garbage(sites.killed) == set()


def test_a_push_whose_hook_was_over_before_it_was_seen_was_not_killed(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    author = site.author(MODULE)
    author.commit({"README.md": "no publish tag: the hook starts nothing"})

    push = watched_push(author, site, MODULE, ["master"], kill_after=0)

    assert not push.killed
    assert push.seconds > 0
    assert "master -> master" in push.said


@pytest.mark.parametrize(
    ("goal", "stay", "seed"),
    [
        ("layout", False, 1), ("layout", True, 2), ("layout", True, 3),
        ("registry", False, 4), ("registry", True, 5),
    ],
)  # fmt: skip
def test_publishes_that_are_killed_leave_what_undisturbed_ones_leave(
    tmp_path: Path,
    index: PackageIndex,
    request: pytest.FixtureRequest,
    goal: str,
    stay: bool,
    seed: int,
) -> None:
    registry = request.getfixturevalue("registry") if goal == "registry" else ""
    sites = Sites(
        tmp_path, seed, pip={"index_url": index.url}, images={"path": ""},
        registry={"prefix": f"{registry}/kills/{seed}" if registry else "mlreef"},
        builder={"layers": {"start": "never"}}, worker={"stay": stay},
    )  # fmt: skip
    try:
        disturb(sites)
        last = sites.commit({"README.md": "the end"})
        sites.push(sites.calm, "master", "--tags")
        sites.publish(sites.killed, last)
        check_whole(sites.killed)
        check_same(sites)
        if registry:
            check_registry(f"http://{registry}/v2/kills/{seed}/{MODULE}", sites.killed)
    finally:
        end_ready_process(sites.killed)
        end_ready_process(sites.calm)


def check_registry(url: str, site: GitSite) -> None:
    """The registry has every version under its tag, with the index's digest."""
    for version, (_, digest) in digests(site, MODULE).items():
        question = urllib.request.Request(
            f"{url}/manifests/{version}", method="HEAD", headers={"Accept": MANIFEST}
        )
        with urllib.request.urlopen(question) as answer:
            assert answer.headers["Docker-Content-Digest"] == digest

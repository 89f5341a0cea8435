"""A disk that is full, at each write of a publish: what is said is true, nothing is half there, and
what was pushed is published once there is room, without another push.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlreef_hooks import report
from mlreef_hooks.job import BUILDING, PUBLISHED, QUEUED
from mlreef_hooks.waiting_room import MARK
from tests.support.git import Author, GitError, remote_lines
from tests.support.killing import end_all, frozen
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.publishing import jobs, project
from tests.support.site import PROJECT, GitSite
from tests.support.small_disk import SmallDisk, own_mounts
from tests.support.tiny_site import make_site
from tests.support.wholeness import check_whole, digests

MODULE = "text/upper"
MOST = 120  # pages or files; a publish has room by then


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder of a site, and what there is too little room for: `pages` or `files`."""

    path: str
    bound: str = "pages"
    stay: bool = False


PLACES = (
    Place(path="state"), Place(path="state", bound="files", stay=True),
    Place(path="state/images", stay=True), Place(path="state/index"), Place(path="state/logs"),
    Place(path=f"repositories/{MODULE}.git"), Place(path="tmp", stay=True),
)  # fmt: skip


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """A package index with a wheel for each publish."""
    with package_index() as found:
        for number in range(MOST):
            text = {f"small{number}.py": f"NAME = {number}\n" * 500}
            found.add(make_wheel(f"small{number}", "1.0", text))
        yield found


def make_author(folder: Path, tags: int) -> Author:
    """An author with a tag for each push, each of new requirements and other code."""
    author = Author(folder, folder / "nowhere")
    for number in range(tags):
        code = {"upper.py": f"# {number}\n{PROJECT['upper.py']}"}
        author.commit({**project(f"small{number}==1.0\n"), **code})
        author.tag(f"publish/{number}")
    return author


class SmallSite:
    """A site one of whose folders is a file system of its own."""

    def __init__(self, folder: Path, place: Place, author: Author, index: PackageIndex) -> None:
        self._place = place
        self._author = author
        self._disk = SmallDisk(folder / place.path)
        self._site = make_site(
            folder, pip={"index_url": index.url}, images={"path": ""},
            builder={"layers": {"start": "never"}}, worker={"stay": place.stay, "retry_seconds": 2},
        )  # fmt: skip
        self._remote = self._site.repository(MODULE)
        self._refused: set[str] = set()
        self._tried: list[str] = []
        author.git("push", "--quiet", str(self._remote), "master")
        author.git("remote", "set-url", "origin", str(self._remote))
        author.environment["TMPDIR"] = str(folder / "tmp")

    def fill(self, stride: int) -> int:
        """How many pushes it took until one had room for everything; there is more each time."""
        for number in range(MOST // stride):
            self._tried.append(str(number))
            self._disk.leave(**{self._place.bound: number * stride})
            said = self._push(str(number))
            with frozen(self._site):
                full = self._disk.is_full
                self._disk.leave()
                self._check_words(str(number), said)
                check_whole(self._site)
            self._check_kept(said)
            if not self._place.stay:
                self.end()
            if "success: " in said and not full:
                return number
        raise AssertionError("a publish does not need so much room")

    def _push(self, version: str) -> str:
        try:
            return "\n".join(remote_lines(self._author.push(f"publish/{version}")))
        except GitError as error:  # git itself cannot write, and says so
            self._refused.add(version)
            return str(error)

    def _check_words(self, version: str, said: str) -> None:
        """What an author was told is so."""
        print(self._place, version, said, sep="\n")
        there = version in self._site.versions(MODULE)
        published = bool(re.search(rf"\b{version} is published", said))
        half = (self._site.index / ".pending").exists()  # of which the next writer knows
        assert there if published else not there or half
        if version in self._refused:
            assert "[remote rejected]" in said
        elif not published:
            assert re.search("^error:", said, re.MULTILINE)
            assert report.STORED in said
        if "it is not forgotten" in said:
            assert f"refs/tags/publish/{version}\n" in (self._remote / MARK).read_text()

    def _check_kept(self, said: str) -> None:
        """Jobs that are said to be kept are there, if they are not published by now."""
        kept = {int(number) for number in re.findall(r"job (\d+) is kept", said)}
        states = dict(jobs(self._site)) if kept else {}
        assert all(states[number] in (QUEUED, BUILDING, PUBLISHED) for number in kept)

    def finish(self, calm: GitSite) -> None:
        """Do what a timer does, and what an administrator does who has made room; then everything
        is published, as elsewhere.
        """
        self._site.command("sweep")
        self._site.command("retry", "--all")  # what failed often waits for long
        check_whole(self._site)
        images = digests(self._site, MODULE)
        assert images.keys() == {*self._tried} - self._refused
        assert images.items() <= digests(calm, MODULE).items()
        assert {state for _, state in jobs(self._site)} == {PUBLISHED}

    def end(self) -> None:
        """End its processes."""
        end_all(self._site)


def publish_all(site: GitSite, author: Author, count: int) -> None:
    """Publish the first tags where nothing is in the way."""
    remote = str(site.repository(MODULE))
    author.git("push", "--quiet", remote, "master", *(f"publish/{n}" for n in range(count)))


@pytest.mark.parametrize(
    "stride", [16, pytest.param(1, marks=[pytest.mark.long, pytest.mark.engine])]
)
def test_a_full_disk(tmp_path: Path, index: PackageIndex, stride: int) -> None:
    author = make_author(tmp_path / "clone", MOST // stride)
    with own_mounts(), ExitStack() as ends:
        sites = []
        most = 0
        for number, place in enumerate(PLACES):
            site = SmallSite(tmp_path / f"site{number}", place, author, index)
            ends.callback(site.end)
            sites.append(site)
            pushes = site.fill(stride if place.bound == "pages" else max(1, stride // 2))
            print(place, "full in", pushes, "pushes")
            most = max(most, pushes + 1)
        calm = make_site(
            tmp_path / "calm", pip={"index_url": index.url}, images={"path": ""},
            builder={"layers": {"start": "never"}}, worker={"stay": False},
        )  # fmt: skip
        publish_all(calm, author, most)
        for site in sites:
            site.finish(calm)

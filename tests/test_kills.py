"""Everything that takes part in a publish is killed at any moment, again and again: hook, worker,
builder, registry, engine. What is on disk is whole each time, what was published stays as it was,
and whatever was pushed is published without another push.

A site is killed, another one publishes the same undisturbed. In the end both hold the same files.
"""

import random
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from mlreef_hooks.oci import MANIFEST
from tests.support.engine import (
    KillableEngine,
    KillableRegistry,
    import_base,
)
from tests.support.git import PUSH_SECONDS
from tests.support.killing import BUILDER, HOOK, WORKER, end_all, frozen, kill, processes_of
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.processes import find_program
from tests.support.publishing import project
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import make_site
from tests.support.wholeness import (
    cached,
    check_whole,
    digests,
    finished_jobs,
    garbage,
    kept_files,
)

REPOSITORIES = [f"text/upper{place}" for place in range(3)]
AT_ONCE = 4  # pushes that go on
KILLED = 0.5  # of the rounds, at least; in the others all was over by then
FINISHED_AFTER = 8  # kills; a job that ten processes died of would be given up
REGISTRY, ENGINE = "registry", "engine"


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index with a large and a small wheel for each publish with new requirements."""
    with package_index() as found:
        for number in range(200):
            for name, modules in {f"large{number}": 40, f"small{number}": 2}.items():
                text = {f"{name}/m{x}.py": f"NAME = {name!r}\n" * 50 for x in range(modules)}
                found.add(make_wheel(name, "1.0", {f"{name}/__init__.py": "", **text}))
        yield found


class Sites:
    """A site whose publishes are killed, and one with the same publishes that is left alone."""

    def __init__(
        self, make: Callable[[str], GitSite], rounds: int, seed: int, *, of_first: float = 0.35
    ) -> None:
        self.killed, self.calm = make("killed"), make("calm")
        self.chance = random.Random(seed)
        self.authors = {name: self.killed.author(name) for name in REPOSITORIES}
        for name in REPOSITORIES:
            self.calm.repository(name)
        self.tags = [*self._commit(rounds, of_first)]
        self.published: dict[str, Any] = {}
        self.pushes: list[subprocess.Popen[bytes]] = []

    def _commit(self, rounds: int, of_first: float) -> Iterator[tuple[str, str]]:
        """Modules and their tags, of commits that both sites have by then: so many of them have new
        requirements, the others change code alone.
        """
        for number in range(rounds):
            name = REPOSITORIES[number % len(REPOSITORIES)]
            wanted = f"large{number}==1.0\nsmall{number}==1.0\n"
            first = self.chance.random() < of_first
            files = project(wanted) if first else {**PROJECT} if number < 3 else {}
            self.authors[name].commit({**files, "upper.py": f"# {number}\n{PROJECT['upper.py']}"})
            self.authors[name].tag(f"publish/{number}")
            yield name, f"publish/{number}"
        for name, author in self.authors.items():
            author.push("master")
            author.git("push", "--quiet", str(self.calm.repositories / f"{name}.git"), "master")

    def push(self, site: GitSite, name: str, what: str) -> "subprocess.Popen[bytes]":
        """A push of a tag, or of all, which goes on; the folder `tmp` is the server's `TMPDIR`."""
        author = self.authors[name]
        return subprocess.Popen(
            [find_program("git"), "push", "--quiet", site.repositories / f"{name}.git", what],
            cwd=author.folder, env={**author.environment, "TMPDIR": str(site.folder / "tmp")},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def kill_one(self, kind: str) -> bool:
        """True where a process of the site was killed, of this kind where there was one."""
        found = processes_of(self.killed)
        kinds = [kind, *(each for each in found if each != kind)]
        living = [process for each in kinds for process in found[each]]
        alone = self.chance.random() < 0.5
        return any(kill(process, with_children=not alone) for process in living[:1])

    def check(self) -> None:
        """What is on disk is whole, and nothing is lost or changed that was published before."""
        with frozen(self.killed):
            check_whole(self.killed)
            now = self.all_published(self.killed)
        assert now.items() >= self.published.items()
        self.published = now

    def all_published(self, site: GitSite) -> dict[str, Any]:
        """The commit and the digest of every version of every module."""
        return {name + v: each for name in REPOSITORIES for v, each in digests(site, name).items()}

    def disturb(self, deaths: Mapping[str, Callable[[], None]]) -> int:
        """Kill something while each tag is published; how often that was. `deaths` are of what is
        none of the site's own, one of which comes in every fifth round.
        """
        killed, seconds = 0, 0.5
        for number, (name, tag) in enumerate(self.tags):
            self.pushes.append(self.push(self.killed, name, tag))
            sleep(self.chance.uniform(0, seconds))
            if deaths and number % 5 == 4:
                self.chance.choice([*deaths.values()])()
                killed += 1
            else:
                killed += self.kill_one(self.chance.choice((HOOK, WORKER, BUILDER)))
            self.check()
            if len(self.pushes) == AT_ONCE:
                self.pushes.pop(0).wait(PUSH_SECONDS)
            if number % FINISHED_AFTER == FINISHED_AFTER - 1:
                self.killed.command("sweep", *(["--no-follow"] if deaths else []))
        return killed

    def finish(self) -> None:
        """Do what a timer does, in the end; everything that was pushed is published then."""
        for push in self.pushes:
            push.wait(PUSH_SECONDS)
        self.killed.command("sweep")
        self.killed.command("retry", "--all")  # what failed so often that it is not due yet
        for name in REPOSITORIES:
            assert self.push(self.calm, name, "--tags").wait(PUSH_SECONDS) == 0

    def end(self) -> None:
        """Leave no process behind."""
        end_all(self.killed)
        end_all(self.calm)


def check_same(sites: Sites) -> None:
    """Both sites have published the same, and nothing stands on the disk of one alone."""
    sites.check()
    assert sites.all_published(sites.killed) == sites.all_published(sites.calm)
    assert len(sites.published) == len(sites.tags)
    assert finished_jobs(sites.killed) == finished_jobs(sites.calm)
    assert {state for _, _, state, _ in finished_jobs(sites.killed)} == {"published"}
    assert said_to_be_published(sites.killed) <= 1


def said_to_be_published(site: GitSite) -> int:
    """How often a job said at most that it has published its version."""
    said: dict[str, int] = {}
    for log in site.state.glob("logs/job-*.log"):
        job = log.name.rpartition("-")[0]
        said[job] = said.get(job, 0) + log.read_text().count(" is published (")
    return max(said.values())


def check_same_files(sites: Sites) -> None:
    """Nothing stands on the disk of one site alone."""
    assert kept_files(sites.killed) == kept_files(sites.calm)
    assert cached(sites.killed) == cached(sites.calm)
    assert garbage(sites.killed) == set()


LONG = [pytest.mark.long, pytest.mark.engine]


@pytest.mark.parametrize(
    ("goal", "stay", "seed", "rounds"),
    [
        ("layout", False, 1, 16), ("layout", True, 2, 16), ("registry", True, 3, 16),
        pytest.param("layout", False, 4, 200, marks=LONG),
        pytest.param("layout", True, 2, 200, marks=LONG),
        pytest.param("registry", True, 5, 200, marks=LONG),
    ],
)  # fmt: skip
def test_whatever_is_killed_everything_is_published_once(
    tmp_path: Path, index: PackageIndex, goal: str, stay: bool, seed: int, rounds: int
) -> None:
    with ExitStack() as ends:
        folder = tmp_path / "registry"
        folder.mkdir()
        registry = ends.enter_context(KillableRegistry(folder)) if goal == "registry" else None

        def make(name: str) -> GitSite:
            prefix = f"{registry.address}/{name}" if registry else "mlreef"
            return make_site(
                tmp_path / name, pip={"index_url": index.url}, images={"path": ""},
                registry={"prefix": prefix}, builder={"layers": {"start": "never"}},
                worker={"stay": stay, "retry_seconds": 2},
            )  # fmt: skip

        sites = Sites(make, rounds, seed)
        ends.callback(sites.end)
        killed = sites.disturb({REGISTRY: registry.die} if registry else {})
        print(f"{killed} kills")
        sites.finish()
        check_same(sites)
        check_same_files(sites)
        assert killed > rounds * KILLED
        if registry:
            check_registry(f"http://{registry.address}/v2/killed", sites)


def check_registry(url: str, sites: Sites) -> None:
    """The registry has every version under its tag, with the index's digest."""
    for name in REPOSITORIES:
        for version, (_, digest) in digests(sites.killed, name).items():
            question = urllib.request.Request(
                f"{url}/{name}/manifests/{version}", method="HEAD", headers={"Accept": MANIFEST}
            )
            with urllib.request.urlopen(question) as answer:
                assert answer.headers["Docker-Content-Digest"] == digest


@pytest.mark.engine
@pytest.mark.parametrize("rounds", [10, pytest.param(40, marks=LONG)])
def test_an_engine_that_is_killed_loses_nothing(tmp_path: Path, rounds: int) -> None:
    with KillableEngine(tmp_path / "engine") as engine, ExitStack() as ends:
        base = import_base(engine.url)

        def make(name: str) -> GitSite:
            settings = {"registry": {"prefix": name}, "worker": {"stay": True, "retry_seconds": 2}}
            site = GitSite(tmp_path / name, engine.url, base, settings)
            (site.folder / "tmp").mkdir()
            return site

        sites = Sites(make, rounds, seed=4, of_first=0.0)
        ends.callback(sites.end)
        assert sites.disturb({ENGINE: engine.die}) > rounds * KILLED
        sites.finish()
        check_same(sites)

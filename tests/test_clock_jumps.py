"""A clock that is set back or forward, between jobs and while they are built."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlreef_hooks.cli.background import open_repository
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.job import PUBLISHED, QUEUED, delay_after
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.sweep import sweep
from mlreef_hooks.work import work_off
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.publishing import project, push_without_hook
from tests.support.site import GitSite
from tests.support.tiny_site import make_site
from tests.support.wholeness import check_whole

MODULE = "text/upper"
DAY, YEARS = 86_400.0, 30 * 365 * 86_400.0
JUMPS = [-YEARS, -DAY, -1800.0, DAY, YEARS]
LOOK = 5.0  # seconds between two looks of a worker


@dataclass
class Clock:
    """The time, which jumps to and fro by `jump` each time that it is asked for."""

    now: float = 1_800_000_000.0
    jump: float = 0.0

    def __call__(self) -> float:
        """Seconds since 1970."""
        self.now += self.jump
        self.jump = -self.jump
        return self.now


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """A package index with a package."""
    with package_index() as found:
        found.add(make_wheel("six", "1.0", {"six.py": ""}))
        yield found


@pytest.fixture
def site(tmp_path: Path, index: PackageIndex) -> GitSite:
    """A site whose repository has a publish tag that no hook has heard of."""
    site = make_site(
        tmp_path / "site", pip={"index_url": index.url}, images={"path": ""},
        builder={"layers": {"start": "never"}},
    )  # fmt: skip
    push_without_hook(site, MODULE, project("six==1.0\n"))
    return site


def ask(site: GitSite, clock: Clock, say: Callable[[str], None]) -> Site:
    """The site by that clock, with a job for the tag."""
    config = load_config(str(site.config))
    opened = replace(
        open_site(config, say),
        jobs=Jobs(config.state_path / "jobs.sqlite", clock, config.worker),
        clock=lambda: datetime.fromtimestamp(clock(), UTC),
    )
    path = site.repositories / f"{MODULE}.git"
    with closing(GitRepository(path)) as repository:
        sweep(opened.server.repository_name(path, {}), repository, opened)
    return opened


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_during_a_job_changes_nothing(site: GitSite, jump: float) -> None:
    said: list[str] = []
    opened = ask(site, Clock(jump=jump), said.append)
    work_off(opened, open_repository)
    assert opened.jobs.figures().counts[PUBLISHED] == 1
    took = re.findall(r"is published \((.*) s\)", "\n".join(said))
    assert [0 < float(seconds) < 600 for seconds in took] == [True]
    check_whole(site)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_keeps_no_job_longer(
    site: GitSite, index: PackageIndex, jump: float
) -> None:
    clock = Clock()
    index.refusal = 401  # by which a job is put off, and which uv does not ask again for
    opened = ask(site, clock, print)
    work_off(opened, open_repository)
    assert [job.put_off for job in opened.jobs.newest(9, QUEUED)] == [True]
    index.refusal = 0
    clock.now += jump
    for _ in range(int(delay_after(1, 10) / LOOK)):
        work_off(opened, open_repository)
        clock.now += LOOK
    work_off(opened, open_repository)
    assert opened.jobs.figures().counts[PUBLISHED] == 1
    assert site.versions(MODULE) == ["1.0.0"]
    check_whole(site)

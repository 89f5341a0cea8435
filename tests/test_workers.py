"""Many processes that build at once: each job is built by one of them, once."""

import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.job import PUBLISHED
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.sweep import sweep
from tests.support.killing import end_all
from tests.support.processes import wait_until
from tests.support.publishing import logs
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import make_site
from tests.support.wholeness import check_whole

REPOSITORIES = [f"team{place % 3}/upper{place}" for place in range(10)]
TAGS = 3  # of each
BUILD = """\
import sys, time
from mlreef_hooks.cli.background import open_repository
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.work import work_off
site = open_site(load_config(sys.argv[1]), print)
print("ready", flush=True)
sys.stdin.readline()
while any(job.state != "published" for job in site.jobs.newest(1000)):
    work_off(site, open_repository)
    time.sleep(0.05)
"""


def push_without_hooks(site: GitSite) -> None:
    """Repositories with publish tags that no hook has heard of."""
    for name in REPOSITORIES:
        author = site.author(name)
        (site.repositories / f"{name}.git/hooks/post-receive").unlink()
        for number in range(TAGS):
            author.commit({**PROJECT, "README.md": f"{number}"})
            author.tag(f"publish/{number}")
        author.push("master", "--tags")


def ask_for_all(site: GitSite, opened: Site) -> None:
    """Write the jobs down; nobody builds them yet."""
    for name in REPOSITORIES:
        path = site.repositories / f"{name}.git"
        with closing(GitRepository(path)) as repository:
            sweep(opened.server.repository_name(path, {}), repository, opened)


def start_builder(site: GitSite) -> "subprocess.Popen[str]":
    """A process that builds until everything is published, once it is told to."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, site.config],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("count", [2, 10])
def test_many_builders_build_each_job_once(tmp_path: Path, count: int) -> None:
    site = make_site(
        tmp_path / "site", images={"path": ""}, builder={"layers": {"start": "never"}},
        worker={"stay": True, "builds": count},
    )  # fmt: skip
    push_without_hooks(site)
    opened = open_site(load_config(str(site.config)), print)
    ask_for_all(site, opened)
    with ExitStack() as ends:
        ends.callback(end_all, site)
        builders = [ends.enter_context(start_builder(site)) for _ in range(count)]
        worker = subprocess.Popen(
            [sys.executable, "-m", "mlreef_hooks", "--config", site.config, "worker"]
        )
        ends.enter_context(worker)
        ends.callback(worker.kill)
        for builder in builders:
            assert builder.stdout
            assert builder.stdout.readline() == "ready\n"
        for builder in builders:
            print("go", file=builder.stdin, flush=True)
        jobs = opened.jobs
        wait_until(lambda: jobs.figures().counts[PUBLISHED] == len(REPOSITORIES) * TAGS)
        said = [builder.communicate()[0] for builder in builders]
    check_whole(site)
    assert {job.attempts for job in jobs.newest(1000)} == {1}
    assert logs(site).count(" is published (") == len(REPOSITORIES) * TAGS
    for name in REPOSITORIES:
        assert sorted(site.versions(name)) == [str(number) for number in range(TAGS)]
    assert sum("is published (" in each for each in said) > 1

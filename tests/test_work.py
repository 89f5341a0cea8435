"""Jobs that outlive their pushes: followed, let go, cancelled, tried again, found by a sweep."""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mlreef_hooks.process import process_of
from tests.support.git import Author, remote_lines
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.processes import INTERRUPTIBLE, find_program, is_dead, wait_until
from tests.support.publishing import project, unwrapped
from tests.support.site import GitSite
from tests.support.tiny_site import make_site as make_tiny_site

MODULE = "text/upper"
MakeSite = Callable[..., GitSite]


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """A package index that keeps all who ask waiting while it is not `awake`."""
    with package_index() as found:
        found.add(make_wheel("six", "1.0", {"six.py": ""}))
        yield found


@pytest.fixture(params=[False, True], ids=["loading", "staying"])
def make_site(
    tmp_path: Path, index: PackageIndex, request: pytest.FixtureRequest
) -> Iterator[MakeSite]:
    """Makes a site without an engine; with a worker that stays, one that has started."""
    with ExitStack() as ends:

        def make(**worker: Any) -> GitSite:
            site = make_tiny_site(
                tmp_path / "site", pip={"index_url": index.url}, images={"path": ""},
                builder={"layers": {"start": "never"}}, worker={"stay": request.param, **worker},
            )  # fmt: skip
            ends.callback(site.end_ready)
            ends.callback(index.awake.set)
            if request.param:
                first = site.author("text/first")
                first.commit(project(""))
                first.tag("publish/1")
                assert "success: first 1 is published" in first.push("master", "publish/1")
                site.wait_ready()
            return site

        yield make


@pytest.fixture
def site(make_site: MakeSite) -> GitSite:
    return make_site()


def author_of(site: GitSite) -> Author:
    """An author whose next push publishes what requires a package."""
    author = site.author(MODULE)
    author.commit(project("six==1.0\n"))
    author.tag("publish/1.0")
    return author


def start_push(author: Author, *words: str) -> "subprocess.Popen[str]":
    """A push of branch and tag that goes on, in a process group of its own."""
    return subprocess.Popen(
        [*INTERRUPTIBLE, find_program("git"), "push", *words, "origin", "master", "publish/1.0"],
        cwd=author.folder, env=author.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip


def jobs(site: GitSite) -> dict[str, dict[str, Any]]:
    """The jobs of a site by module and version."""
    if not site.state.joinpath("jobs.sqlite").exists():
        return {}
    said = json.loads(site.command("status", "--format", "json").stdout)
    return {f"{job['repository']} {job['version']}": job for job in said}


def state(site: GitSite) -> str:
    """The state of the job of the module."""
    return str(jobs(site).get(f"{MODULE} 1.0", {"state": "none"})["state"])


def builder(site: GitSite) -> int | None:
    """The process that builds the job of the module, None where there is none."""
    with closing(sqlite3.connect(site.state / "jobs.sqlite")) as connection:
        question = "SELECT holder FROM jobs WHERE repository = ? AND state = 'building'"
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
        found = connection.execute(question, (MODULE,)).fetchone() if tables else None
    return process_of(found[0]) if found else None


def wait_building(site: GitSite) -> int:
    """The process that builds the job of the module, once it does."""
    wait_until(lambda: site.state.joinpath("jobs.sqlite").exists() and builder(site) is not None)
    process = builder(site)
    assert process is not None
    return process


def test_a_push_lets_a_long_build_go(make_site: MakeSite, index: PackageIndex) -> None:
    site = make_site(follow_seconds=1)
    author = author_of(site)
    index.awake.clear()
    lines = remote_lines(author.push("master", "publish/1.0"))
    number = jobs(site)[f"{MODULE} 1.0"]["id"]
    assert lines[-2:] == [
        f"mlreef: job {number} goes on in the background",
        f"hint: mlreef-hooks logs -f {number} on the server shows how",
    ]
    assert state(site) == "building"
    index.awake.set()
    said = site.command("logs", "-f", str(number)).stdout
    assert "success: upper 1.0 is published" in said
    assert said.startswith("mlreef: publishing upper 1.0 (publish/1.0, ")
    assert site.versions(MODULE) == ["1.0"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_a_pusher_who_goes_away_gets_the_version(
    site: GitSite, index: PackageIndex, number: int
) -> None:
    index.awake.clear()
    push = start_push(author_of(site))
    wait_building(site)
    os.killpg(push.pid, number)
    push.communicate()
    assert state(site) == "building"
    index.awake.set()
    wait_until(lambda: state(site) == "published")
    assert site.versions(MODULE) == ["1.0"]


def test_a_reader_who_does_not_read_keeps_nobody_waiting(site: GitSite) -> None:
    author = author_of(site)
    (site.repositories / f"{MODULE}.git/hooks/post-receive").rename(site.folder / "hook")
    author.push("master", "publish/1.0")
    read, write = os.pipe()
    os.set_blocking(write, False)
    while True:
        try:
            os.write(write, bytes(4096))
        except BlockingIOError:
            break
    os.set_blocking(write, True)
    line = f"{'0' * 40} {author.git('rev-parse', 'HEAD')} refs/tags/publish/1.0\n"
    hook = subprocess.run(
        [site.folder / "hook"], cwd=site.repositories / f"{MODULE}.git", input=line.encode(),
        stdout=write, check=False, timeout=60,
    )  # fmt: skip
    assert hook.returncode == 0
    wait_until(lambda: state(site) == "published")
    os.close(read)
    os.close(write)


def test_a_pusher_need_not_wait(site: GitSite, index: PackageIndex) -> None:
    author = author_of(site)
    allow_options(site)
    index.awake.clear()
    said = author.push("master", "publish/1.0", options=["mlreef.async", "mlreef.asinc"])
    assert "the push option mlreef.asinc means nothing" in said
    assert "did you mean mlreef.async?" in said
    assert "goes on in the background" in said
    index.awake.set()
    wait_until(lambda: state(site) == "published")


def test_a_pusher_may_want_no_publish(site: GitSite) -> None:
    author = author_of(site)
    allow_options(site)
    said = author.push("master", "publish/1.0", options=["mlreef.skip"])
    assert remote_lines(said)[0] == "mlreef: publish/1.0 is not published, as you asked"
    assert jobs(site)[f"{MODULE} 1.0"]["message"] == "its pusher wanted no publish"
    assert "0 jobs to build" in site.command("sweep").stdout
    assert site.versions(MODULE) == []
    author.push(":publish/1.0")
    assert "success: upper 1.0 is published" in author.push("publish/1.0")


def test_a_pusher_may_want_a_plan(site: GitSite) -> None:
    author = author_of(site)
    allow_options(site)
    lines = remote_lines(author.push("master", "publish/1.0", options=["mlreef.plan"]))
    assert lines[0].startswith("mlreef: publishing upper 1.0 (publish/1.0, ")
    assert lines[2:5] == [
        "  plan    dependencies to be found and installed, on base default",
        "  plan    mlreef/text/upper:1.0",
        "mlreef: upper 1.0 could be published; it was not",
    ]
    assert state(site) == "cancelled"
    assert site.versions(MODULE) == []
    author.push(":publish/1.0")
    assert "success: upper 1.0 is published" in author.push("publish/1.0")
    author.tag("publish/1.1")
    again = author.push("publish/1.1", options=["mlreef.plan"])
    assert "dependencies reused, on base default" in again
    author.commit({"requirements.txt": "six\n"})
    author.tag("publish/1.2")
    wrong = author.push("master", "publish/1.2", options=["mlreef.plan"])
    assert "six is not pinned" in wrong
    assert "error: not published because of 1 error" in wrong
    assert site.versions(MODULE) == ["1.0"]


def allow_options(site: GitSite) -> None:
    """Let pushes to the module's repository have options."""
    repository = site.repositories / f"{MODULE}.git"
    words = ["config", "receive.advertisePushOptions", "true"]
    subprocess.run([find_program("git"), "-C", repository, *words], check=True)


def test_a_build_that_is_cancelled_stops(site: GitSite, index: PackageIndex) -> None:
    index.awake.clear()
    push = start_push(author_of(site))
    process = wait_building(site)
    number = str(jobs(site)[f"{MODULE} 1.0"]["id"])
    began = monotonic()
    done = site.command("cancel", number)
    assert done.stdout == f"job {number} is cancelled\n"
    assert monotonic() - began < 10
    index.awake.set()
    assert "publish/1.0 was cancelled" in push.communicate()[1]
    wait_until(lambda: builder(site) != process)
    assert site.versions(MODULE) == []
    assert "is cancelled already" in site.command("cancel", number, expect=1).stdout
    assert "it is cancelled" in site.command("retry", number, expect=1).stdout
    author = Author(site.folder / "again", site.repositories / f"{MODULE}.git")
    author.git("fetch", "--quiet", "origin", "refs/tags/*:refs/tags/*")
    author.push(":publish/1.0")
    assert "success: upper 1.0" in author.push("publish/1.0")


def test_a_build_whose_process_is_ended_goes_on_in_another(
    site: GitSite, index: PackageIndex
) -> None:
    """As when the machine goes down: nobody has cancelled the job."""
    index.awake.clear()
    push = start_push(author_of(site))
    process = wait_building(site)
    os.kill(process, signal.SIGTERM)
    wait_until(lambda: is_dead(process))
    index.awake.set()
    assert "cancelled" not in push.communicate()[1]
    site.command("sweep")
    wait_until(lambda: state(site) == "published")
    assert site.versions(MODULE) == ["1.0"]


def test_a_tag_that_is_deleted_while_it_is_built_is_not_published(
    site: GitSite, index: PackageIndex
) -> None:
    index.awake.clear()
    author = author_of(site)
    push = start_push(author)
    wait_building(site)
    assert "publish/1.0 is deleted and will not be published" in author.push(":publish/1.0")
    index.awake.set()
    push.communicate()
    assert state(site) == "cancelled"
    assert site.versions(MODULE) == []


def test_a_job_may_take_only_so_long(make_site: MakeSite, index: PackageIndex) -> None:
    site = make_site(job_seconds=2)
    index.awake.clear()
    author = author_of(site)
    said = author.push("master", "publish/1.0")
    assert "error: it took longer than the 2 s that a job may take" in said
    assert state(site) == "failed"
    index.awake.set()
    number = str(jobs(site)[f"{MODULE} 1.0"]["id"])
    assert "success: upper 1.0 is published" in site.command("retry", number).stdout


def test_a_job_whose_process_is_killed_is_built_by_another(
    site: GitSite, index: PackageIndex
) -> None:
    index.awake.clear()
    push = start_push(author_of(site))
    process = wait_building(site)
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: builder(site) not in (None, process))
    index.awake.set()
    push.communicate()
    wait_until(lambda: state(site) == "published")
    assert site.versions(MODULE) == ["1.0"]
    assert jobs(site)[f"{MODULE} 1.0"]["tries"] >= 2


def test_what_was_away_is_tried_again(make_site: MakeSite, index: PackageIndex) -> None:
    site = make_site(retry_seconds=2)
    index.refusal = 503
    said = author_of(site).push("master", "publish/1.0")
    number = jobs(site)[f"{MODULE} 1.0"]["id"]
    assert f"hint: job {number} is kept and tried again in 2 s" in said
    job = jobs(site)[f"{MODULE} 1.0"]
    assert (job["state"], job["tries"]) == ("queued", 1)
    assert job["due_at"] > job["updated_at"]
    assert f"{number}" in site.command("status", "--state", "queued").stdout
    index.refusal = 0
    wait_until(lambda: state(site) == "published")
    assert jobs(site)[f"{MODULE} 1.0"]["tries"] == 2


def test_a_sweep_does_not_wait_for_what_is_tried_later(
    make_site: MakeSite, index: PackageIndex
) -> None:
    site = make_site(retry_seconds=3600)
    index.refusal = 503
    author_of(site).push("master", "publish/1.0")
    assert "0 jobs to build" in site.command("sweep").stdout
    assert state(site) == "queued"


def test_tags_that_no_hook_saw_are_found(site: GitSite) -> None:
    author = author_of(site)
    author.tag("publish/2.0", "A note\n")
    author.tag("publish/none")
    hook = site.repositories / f"{MODULE}.git/hooks/post-receive"
    hook.rename(site.folder / "hook")
    author.push("master", "--tags")
    said = site.command("sweep").stdout
    assert "2 jobs to build" in said
    assert "tag-version-invalid" in said
    assert site.versions(MODULE) == ["2.0", "1.0"]
    assert "0 jobs to build" in site.command("sweep").stdout
    document = site.document(MODULE)
    assert document
    assert document["versions"][0]["notes"] == "A note"
    assert {version["published_by"] for version in document["versions"]} == {"sweep"}
    author.tag("publish/3.0")
    author.push("publish/3.0")
    site.command("sweep", "--no-follow")
    wait_until(lambda: site.versions(MODULE) == ["3.0", "2.0", "1.0"])


def test_jobs_beyond_the_limit_wait_for_their_turn(
    make_site: MakeSite, index: PackageIndex
) -> None:
    site = make_site(builds=1)
    index.awake.clear()
    first = start_push(author_of(site))
    wait_building(site)
    other = site.author("other/upper")
    other.commit(project(""))
    other.tag("publish/1.0")
    second = start_push(other)
    wait_until(lambda: jobs(site).get("other/upper 1.0", {}).get("state") == "queued")
    index.awake.set()
    assert "success: upper 1.0 is published" in first.communicate()[1]
    said = second.communicate()[1]
    assert "waits for 1 job before it" in said
    assert "success: upper 1.0 is published" in said


def test_several_tags_of_a_push_are_all_published(site: GitSite) -> None:
    author = author_of(site)
    for number in range(2, 5):
        author.commit({"README.md": str(number)})
        author.tag(f"publish/{number}.0")
    said = author.push("master", "--tags")
    assert said.count("success: upper ") == 4
    assert site.versions(MODULE) == ["4.0", "3.0", "2.0", "1.0"]


def test_programs_are_told_what_happened(site: GitSite) -> None:
    author_of(site).push("master", "publish/1.0")
    lines = (site.state / "logs/events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines if MODULE in line]
    assert [event["event"] for event in events] == ["asked", "started", "published"]
    metrics = site.state / "metrics.prom"
    said = f'mlreef_hooks_jobs{{state="published"}} {len(jobs(site))}'
    wait_until(lambda: metrics.exists() and said in metrics.read_text())


def test_an_image_may_be_only_so_large(make_site: MakeSite) -> None:
    site = make_site()
    site.config.write_text(site.config.read_text() + "[limits]\nimage_bytes = 1000\n")
    said = author_of(site).push("master", "publish/1.0")
    said = unwrapped("\n".join(remote_lines(said)))
    assert "than an image may be (1000 bytes)" in said or "and 1.0 kB are allowed" in said
    assert state(site) == "failed"
    assert site.versions(MODULE) == []

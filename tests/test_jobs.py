"""The job table: every transition, one claim among many processes, processes that die."""

import os
import random
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mlreef_hooks.config import Worker
from mlreef_hooks.errors import PublishError
from mlreef_hooks.job import (
    BUILDING,
    CANCELLED,
    FAILED,
    PARKED,
    PUBLISHED,
    QUEUED,
    SUPERSEDED,
    Job,
    delay_after,
)
from mlreef_hooks.jobs import DEATHS, Jobs
from mlreef_hooks.process import process_of
from mlreef_hooks.push import PublishRequest, RepositoryName
from tests.forks import BROKEN, child, ends_within, run_all
from tests.index_entries import make_entry

GIT_DIR = Path("/srv/git/vision/add-noise.git")
REQUEST = make_entry().request


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """An empty table; its clock counts on with each look."""
    return open_jobs(tmp_path)


def open_jobs(folder: Path) -> Jobs:
    """The table in a folder."""
    seconds = iter(range(1_000_000))
    return Jobs(folder / "state" / "jobs.sqlite", lambda: float(next(seconds)))


def state_of(jobs: Jobs, job_id: int) -> str:
    """The state of a job."""
    job = jobs.get(job_id)
    assert job is not None
    return job.state


def claim_and_die(jobs: Jobs, job_id: int, *, reaped: bool = True) -> int:
    """The id of a process that claimed the job and was killed; a zombie where it is not reaped."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, b"1" if jobs.claim(job_id) else b"0")
        signal.pause()
    assert os.read(read, 1) == b"1"
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | (0 if reaped else os.WNOWAIT))
    os.close(read)
    os.close(write)
    return pid


def reach(jobs: Jobs, state: str) -> Job:
    """A job that got into `state` by the ways that there are."""
    job = jobs.submit(REQUEST, GIT_DIR, PARKED if state == PARKED else QUEUED)
    if state in (BUILDING, PUBLISHED, FAILED):
        assert jobs.claim(job.id)
    if state in (PUBLISHED, FAILED, CANCELLED):
        jobs.end(job.id, state, message="said", name="add-noise" if state == PUBLISHED else "")
    if state == SUPERSEDED:
        jobs.submit(replace(REQUEST, commit="5" * 40), GIT_DIR, QUEUED)
    assert state_of(jobs, job.id) == state
    return job


@pytest.mark.parametrize(
    ("before", "submitted", "after"),
    [
        (PARKED, QUEUED, QUEUED), (PARKED, PARKED, PARKED), (QUEUED, QUEUED, QUEUED),
        (QUEUED, PARKED, PARKED), (BUILDING, QUEUED, BUILDING), (BUILDING, PARKED, BUILDING),
        (PUBLISHED, QUEUED, PUBLISHED), (PUBLISHED, PARKED, PUBLISHED), (FAILED, QUEUED, QUEUED),
        (FAILED, PARKED, PARKED), (CANCELLED, QUEUED, QUEUED), (SUPERSEDED, QUEUED, QUEUED),
    ],
)  # fmt: skip
def test_submitting_again(jobs: Jobs, before: str, submitted: str, after: str) -> None:
    job = reach(jobs, before)
    again = jobs.submit(replace(REQUEST, pusher="eve", notes="new"), Path("/moved"), submitted)
    assert (again.id, again.state) == (job.id, after)
    kept = after in (BUILDING, PUBLISHED)
    assert again.request == (REQUEST if kept else replace(REQUEST, pusher="eve", notes="new"))
    assert again.git_dir == (GIT_DIR if kept else Path("/moved"))
    assert again.message == ("said" if after == PUBLISHED else "")


@pytest.mark.parametrize(
    ("state", "claimed"),
    [
        (PARKED, False), (QUEUED, True), (BUILDING, False), (PUBLISHED, False), (FAILED, False),
        (CANCELLED, False), (SUPERSEDED, False),
    ],
)  # fmt: skip
def test_only_what_is_queued_can_be_claimed(jobs: Jobs, state: str, claimed: bool) -> None:
    job = reach(jobs, state)
    assert (jobs.claim(job.id) is not None) == claimed
    assert state_of(jobs, job.id) == (BUILDING if claimed else state)
    assert not jobs.claim(job.id)


@pytest.mark.parametrize(
    ("state", "superseded"),
    [
        (PARKED, True), (QUEUED, True), (BUILDING, False), (PUBLISHED, False), (FAILED, False),
        (CANCELLED, False),
    ],
)  # fmt: skip
def test_a_moved_tag_supersedes_what_is_not_built_yet(
    jobs: Jobs, state: str, superseded: bool
) -> None:
    job = reach(jobs, state)
    other = jobs.submit(replace(REQUEST, commit="5" * 40), GIT_DIR, QUEUED)
    assert other.id != job.id
    assert state_of(jobs, job.id) == (SUPERSEDED if superseded else state)
    assert state_of(jobs, other.id) == QUEUED


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, tag="publish/other/1.2.0"),
        make_entry(repository="vision/other").request,
    ],
    ids=["another tag", "another repository"],
)
def test_other_tags_and_repositories_are_left_alone(jobs: Jobs, other: PublishRequest) -> None:
    job = reach(jobs, QUEUED)
    assert jobs.submit(replace(other, commit="5" * 40), GIT_DIR, QUEUED).id != job.id
    assert state_of(jobs, job.id) == QUEUED


def test_a_job_says_what_became_of_it(jobs: Jobs) -> None:
    job = jobs.submit(REQUEST, GIT_DIR, QUEUED)
    assert (job.id, job.request, job.git_dir, job.state) == (1, REQUEST, GIT_DIR, QUEUED)
    assert (job.message, job.module_name, job.holder, job.attempts) == ("", "", None, 0)
    held = jobs.claim(job.id)
    assert held
    assert (held.state, held.attempts) == (BUILDING, 1)
    assert process_of(held.holder) == os.getpid()
    jobs.put_off(held, "the engine is away", 10)
    waits = jobs.get(job.id)
    assert waits
    assert (waits.state, waits.message, waits.put_off) == (QUEUED, "the engine is away", True)
    jobs.submit(REQUEST, GIT_DIR, QUEUED)  # asked for again: at once
    assert jobs.claim(job.id)
    jobs.end(job.id, PUBLISHED, name="add-noise")
    done = jobs.get(job.id)
    assert done
    assert (done.state, done.message, done.module_name) == (PUBLISHED, "", "add-noise")
    assert (done.holder, done.attempts, done.put_off) == (None, 2, False)
    assert jobs.get(7) is None
    assert not jobs.claim(7)


def test_jobs_are_listed_by_repository_and_state(jobs: Jobs) -> None:
    requests = [replace(REQUEST, tag=f"publish/{number}") for number in range(4)]
    ids = [jobs.submit(request, GIT_DIR, QUEUED).id for request in requests]
    elsewhere = jobs.submit(make_entry(repository="vision/other").request, GIT_DIR, QUEUED)
    jobs.end(ids[0], PUBLISHED)
    jobs.end(ids[2], FAILED)
    jobs.end(ids[3], CANCELLED)

    def listed(*states: str) -> list[int]:
        return [job.id for job in jobs.of_repository(REQUEST.repository.key, *states)]

    assert listed(QUEUED) == [ids[1]]
    assert listed(PUBLISHED, FAILED, CANCELLED) == [ids[0], ids[2], ids[3]]
    assert listed(PARKED) == listed() == []
    assert [job.id for job in jobs.waiting()] == [ids[1], elsewhere.id]


def test_one_of_eight_processes_gets_the_claim(jobs: Jobs) -> None:
    for number in range(5):
        job = jobs.submit(replace(REQUEST, tag=f"publish/{number}"), GIT_DIR, QUEUED)
        statuses = run_all(*[partial(claim_and_publish, jobs, job.id)] * 8)
        assert sorted(statuses) == [0] + [BROKEN] * 7
        assert state_of(jobs, job.id) == PUBLISHED


def claim_and_publish(jobs: Jobs, job_id: int) -> None:
    """Claim a job and end it; AssertionError where somebody else has it."""
    assert jobs.claim(job_id)
    jobs.end(job_id, PUBLISHED)


def test_eight_processes_make_the_table_at_once(tmp_path: Path) -> None:
    for number in range(5):
        jobs = open_jobs(tmp_path / str(number))
        submit = partial(jobs.submit, REQUEST, GIT_DIR, QUEUED)
        assert run_all(*[submit] * 8) == [0] * 8
        assert [job.id for job in jobs.waiting()] == [1]


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "zombie"])
def test_the_claim_of_a_killed_process_is_taken_back(jobs: Jobs, reaped: bool) -> None:
    job = jobs.submit(REQUEST, GIT_DIR, QUEUED)
    pid = claim_and_die(jobs, job.id, reaped=reaped)
    assert [lost.id for lost in jobs.waiting()] == [job.id]
    assert jobs.claim(job.id)
    assert jobs.waiting() == []
    if not reaped:
        os.waitpid(pid, 0)


def test_a_moved_tag_supersedes_what_a_killed_process_built(jobs: Jobs) -> None:
    job = jobs.submit(REQUEST, GIT_DIR, QUEUED)
    claim_and_die(jobs, job.id)
    jobs.submit(replace(REQUEST, commit="5" * 40), GIT_DIR, QUEUED)
    assert state_of(jobs, job.id) == SUPERSEDED


def test_what_a_killed_process_built_can_be_parked(jobs: Jobs) -> None:
    job = jobs.submit(REQUEST, GIT_DIR, QUEUED)
    claim_and_die(jobs, job.id)
    assert jobs.submit(REQUEST, GIT_DIR, PARKED).state == PARKED


@pytest.mark.parametrize("holder", ["{pid}:1", "{pid}:", "{pid}", "", "x:y", "999999999:5", None])
def test_a_process_with_the_same_id_is_not_the_holder(
    jobs: Jobs, tmp_path: Path, holder: str | None
) -> None:
    job = jobs.submit(REQUEST, GIT_DIR, QUEUED)
    assert jobs.claim(job.id)
    with sqlite3.connect(tmp_path / "state" / "jobs.sqlite") as connection:
        forged = holder and holder.format(pid=os.getpid())
        connection.execute("UPDATE jobs SET holder = ?", (forged,))
    connection.close()
    assert jobs.claim(job.id)


def submit_on_and_on(jobs: Jobs, seed: int) -> None:
    """Submit, claim and end jobs without an end."""
    chance = random.Random(seed)
    while True:
        request = replace(REQUEST, tag=f"publish/{chance.randrange(100)}")
        jobs.submit(request, GIT_DIR, chance.choice([QUEUED, PARKED]))
        if held := jobs.claim_next():
            jobs.end(held.id, chance.choice([FAILED, QUEUED, CANCELLED]), "x" * 5000)


def test_processes_that_are_killed_leave_a_whole_table(jobs: Jobs, tmp_path: Path) -> None:
    chance = random.Random(1)
    first = jobs.submit(REQUEST, GIT_DIR, PARKED)
    for round_ in range(20):
        with child(partial(submit_on_and_on, jobs, round_)) as writer:
            assert not ends_within(writer, chance.uniform(0.001, 0.03))
        assert jobs.get(first.id) == first
        assert jobs.of_repository(REQUEST.repository.key, BUILDING) == []
        connection = sqlite3.connect(tmp_path / "state" / "jobs.sqlite")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    assert jobs.of_repository(REQUEST.repository.key, QUEUED, FAILED, CANCELLED)


def test_bytes_of_any_kind_are_kept(jobs: Jobs) -> None:
    path = Path(os.fsdecode(b"/srv/caf\xe9/\xe2\x98\x83.git"))
    odd = replace(REQUEST, notes="a\0b \N{SNOWMAN}'\"", tag="publish/$(x);'", module="\u202e")
    job = jobs.submit(odd, path, QUEUED)
    assert (job.git_dir, job.request) == (path, odd)


def test_the_table_is_for_its_owner_alone(jobs: Jobs, tmp_path: Path) -> None:
    jobs.waiting()
    files = list((tmp_path / "state").iterdir())
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    jobs.close()
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["jobs.sqlite"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_what_root_does_belongs_to_the_owner_of_the_folder(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 65534, 65534)
    jobs.submit(REQUEST, GIT_DIR, QUEUED)
    assert (tmp_path / "state" / "jobs.sqlite").stat().st_uid == 65534


def _a_file_above(path: Path) -> None:
    path.parent.write_text("")


def _a_folder_there(path: Path) -> None:
    path.mkdir(parents=True)


def _no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("no database at all, but long enough to look at" * 100)


def _another_table(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE jobs (id INTEGER)")
    connection.close()


@pytest.mark.parametrize("spoil", [_a_file_above, _a_folder_there, _no_database, _another_table])
def test_a_table_that_cannot_be_written_passes(
    jobs: Jobs, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "state" / "jobs.sqlite")
    with pytest.raises(PublishError, match=r"the job table .* cannot be written") as refused:
        jobs.submit(REQUEST, GIT_DIR, QUEUED)
    assert refused.value.passing


# whose turn it is


def asked(jobs: Jobs, *repositories: str) -> list[int]:
    """The numbers of jobs of these repositories, all queued."""
    requests = [
        replace(REQUEST, repository=repository_name(name), tag=f"publish/{number}")
        for number, name in enumerate(repositories)
    ]
    return [jobs.submit(request, GIT_DIR, QUEUED).id for request in requests]


def repository_name(key: str) -> RepositoryName:
    """The repository of a folder and a name."""
    namespace, _, name = key.partition("/")
    return RepositoryName(key=key, namespace=namespace, name=name)


def next_ids(jobs: Jobs) -> list[int]:
    """The numbers of the jobs that can be built at once, in the order of their turns."""
    found = []
    while job := jobs.claim_next():
        found.append(job.id)
    return found


def limited(folder: Path, *, builds: int = 4, queue: int = 1000) -> Jobs:
    """An empty table with limits."""
    seconds = iter(range(1_000_000))
    limits = Worker(builds=builds, queue=queue)
    return Jobs(folder / "jobs.sqlite", lambda: float(next(seconds)), limits)


def test_so_many_jobs_are_built_at_once(tmp_path: Path) -> None:
    jobs = limited(tmp_path, builds=2)
    ids = asked(jobs, "a/x", "b/x", "c/x")
    assert next_ids(jobs) == ids[:2]
    jobs.end(ids[0], PUBLISHED)
    assert next_ids(jobs) == ids[2:]


def test_a_namespace_that_builds_less_comes_first(tmp_path: Path) -> None:
    jobs = limited(tmp_path, builds=3)
    ids = asked(jobs, "busy/a", "busy/b", "busy/c", "calm/a")
    assert next_ids(jobs) == [ids[0], ids[3], ids[1]]


def test_a_repository_builds_one_job_at_a_time(jobs: Jobs) -> None:
    ids = asked(jobs, "a/x", "a/x", "a/y")
    assert next_ids(jobs) == [ids[0], ids[2]]
    jobs.end(ids[0], PUBLISHED)
    assert next_ids(jobs) == [ids[1]]


def test_only_the_job_whose_turn_it_is_can_be_claimed(jobs: Jobs) -> None:
    first, second = asked(jobs, "a/x", "b/x")
    assert not jobs.claim(second)
    assert jobs.claim(first)
    assert jobs.claim(second)


def test_ten_workers_build_each_of_a_hundred_jobs_once(tmp_path: Path) -> None:
    jobs = limited(tmp_path, builds=10)
    ids = asked(jobs, *(f"n{number % 7}/r{number % 13}" for number in range(100)))
    done = tmp_path / "done"

    def work() -> None:
        while any(jobs.waiting()):
            if job := jobs.claim_next():
                with done.open("a") as out:
                    out.write(f"{job.id}\n")
                jobs.end(job.id, PUBLISHED)

    jobs.close()
    assert run_all(*[work] * 10) == [0] * 10
    assert sorted(map(int, done.read_text().split())) == ids
    assert jobs.figures().counts[PUBLISHED] == 100


# what waits


def at(seconds: float, folder: Path) -> Jobs:
    """The table in a folder at a time."""
    return Jobs(folder / "jobs.sqlite", lambda: seconds)


def test_a_job_that_was_put_off_is_tried_later_and_later(tmp_path: Path) -> None:
    now = 1_000_000.0
    (id_,) = asked(at(now, tmp_path), "a/x")
    for attempt in range(1, 12):
        job = at(now, tmp_path).claim_next()
        assert job
        assert job.attempts == attempt
        at(now, tmp_path).put_off(job, "the registry is away", delay_after(attempt, 10))
        assert at(now + delay_after(attempt, 10) - 0.1, tmp_path).claim_next() is None
        now += delay_after(attempt, 10)
    assert delay_after(1, 10) == 10
    assert delay_after(11, 10) == delay_after(5000, 10) == 3600
    assert at(now, tmp_path).claim(id_)


@pytest.mark.parametrize("jump", [-1e9, -3601, 3601, 1e9])
def test_a_clock_that_jumps_keeps_no_job_waiting(tmp_path: Path, jump: float) -> None:
    now = 1.5e9
    (id_,) = asked(at(now, tmp_path), "a/x")
    job = at(now, tmp_path).claim_next()
    assert job
    assert at(now + jump, tmp_path).claim_next() is None  # it is built, whatever the clock says
    at(now, tmp_path).put_off(job, "away", 3600)
    assert at(now + jump, tmp_path).claim(id_)


def test_a_job_that_kills_who_builds_it_is_given_up(jobs: Jobs) -> None:
    (id_,) = asked(jobs, "a/x")
    for _ in range(DEATHS - 1):
        claim_and_die(jobs, id_)
        assert [job.id for job in jobs.waiting()] == [id_]
    claim_and_die(jobs, id_)
    assert jobs.waiting() == []
    job = jobs.get(id_)
    assert job
    assert (job.state, job.message) == (FAILED, "the processes that built it died, 10 times")
    asked(jobs, "a/x")  # its tag is pushed again
    assert jobs.claim(id_)


def test_no_more_jobs_wait_than_may(tmp_path: Path) -> None:
    jobs = limited(tmp_path, queue=2)
    asked(jobs, "a/x", "b/x")
    with pytest.raises(PublishError, match="2 jobs wait already") as error:
        asked(jobs, "c/x")
    assert error.value.passing
    assert asked(jobs, "a/x", "b/x") == [1, 2]  # those may be asked for again
    assert next_ids(jobs) == [1, 2]
    assert asked(jobs, "c/x")


# what is cancelled


@pytest.mark.parametrize("state", [PARKED, QUEUED, BUILDING, PUBLISHED, FAILED, SUPERSEDED])
def test_what_has_not_ended_can_be_cancelled(jobs: Jobs, state: str) -> None:
    job = reach(jobs, state)
    before = jobs.cancel(job.id, "enough")
    assert before.state == state
    unfinished = state in (PARKED, QUEUED, BUILDING)
    assert state_of(jobs, job.id) == (CANCELLED if unfinished else state)


def test_a_cancelled_build_is_held_until_it_has_stopped(jobs: Jobs) -> None:
    (id_,) = asked(jobs, "a/x")
    job = jobs.claim_next()
    assert job
    assert jobs.cancel(id_, "enough").holder == job.holder
    held = jobs.get(id_)
    assert held
    assert (held.state, held.holder) == (CANCELLED, job.holder)
    jobs.end(id_, FAILED, "it was interrupted")
    ended = jobs.get(id_)
    assert ended
    assert (ended.state, ended.message, ended.holder) == (CANCELLED, "enough", None)


def test_who_was_cancelled_does_not_end_what_another_process_builds(jobs: Jobs) -> None:
    (id_,) = asked(jobs, "a/x")
    assert jobs.claim_next()
    jobs.cancel(id_, "enough")
    asked(jobs, "a/x")
    read, write = os.pipe()

    def build() -> None:
        assert jobs.claim(id_)
        os.write(write, b"1")
        signal.pause()

    jobs.close()
    with child(build):
        assert os.read(read, 1) == b"1"
        jobs.end(id_, FAILED, "interrupted")
        assert state_of(jobs, id_) == BUILDING


def test_a_table_of_an_older_version_gets_its_columns(tmp_path: Path) -> None:
    jobs = limited(tmp_path)
    asked(jobs, "a/x")
    jobs.close()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        for column in ("attempts", "deaths", "due_at"):
            connection.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
    connection.close()
    job = jobs.claim_next()
    assert job
    assert job.attempts == 1


def test_figures_count_seconds_and_what_waits(tmp_path: Path) -> None:
    assert at(0, tmp_path).figures().oldest_waiting == 0
    asked(at(100, tmp_path), "a/x", "b/x")
    job = at(101, tmp_path).claim_next()
    assert job
    at(107, tmp_path).end(job.id, PUBLISHED)
    figures = at(130, tmp_path).figures()
    assert (figures.counts[PUBLISHED], figures.counts[QUEUED], figures.counts[FAILED]) == (1, 1, 0)
    assert (figures.seconds, figures.last_published, figures.oldest_waiting) == (7, 107, 30)

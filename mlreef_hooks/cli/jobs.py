"""Commands about jobs: what waits, what is built, what became of it."""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from mlreef_hooks.cli.background import follow_background
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.options import form_option
from mlreef_hooks.cli.relay import Relayed, asker, check_own, may_see
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.columns import columns, cut
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import timestamp
from mlreef_hooks.job import BUILDING, PUBLISHED, QUEUED, STATES, UNFINISHED, Job
from mlreef_hooks.job_log import LogReader, log_path
from mlreef_hooks.plain_text import plain
from mlreef_hooks.process import kill_process, process_of, stop_process
from mlreef_hooks.receive import retry as retry_job
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site

_SHOWN = 20  # jobs, where nobody says how many
_LOOKED_AT = 10_000  # jobs, for those that one may see
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 5.0  # for a build that was asked to stop
_job_ids = click.argument("job_ids", metavar="JOBS", type=int, nargs=-1)
_count = click.option("-n", "count", type=click.IntRange(1), default=_SHOWN, show_default=True,
                      help="How many, the newest.")  # fmt: skip


def open_own(config_file: str | None) -> Site:
    """The site, where its state is this process's; PublishError where it is a service's."""
    config = load_config(config_file)
    check_own(config)
    return open_site(config, click.echo)


def _jobs(site: Site, numbers: Iterable[int]) -> list[Job]:
    """The jobs of these numbers; PublishError where there is none such, or not for who asks."""
    found = []
    for number in numbers:
        job = site.jobs.get(number)
        if job is None or not may_see(job.git_dir):
            hint = "its number is in the output of the push, and in mlreef-hooks status"
            raise PublishError(f"there is no job {number}", hint)
        found.append(job)
    return found


def _newest(site: Site, count: int, *states: str) -> list[Job]:
    """The newest jobs that are for who asks to see."""
    if asker() is None:
        return site.jobs.newest(count, *states)
    jobs = site.jobs.newest(_LOOKED_AT, *states)
    seen = {git_dir: may_see(git_dir) for git_dir in {job.git_dir for job in jobs}}
    return [job for job in jobs if seen[job.git_dir]][-count:]


@click.command("status", cls=Relayed)
@_job_ids
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these.")
@_count
@form_option
@click.pass_obj
def status(
    config_file: str | None,
    job_ids: tuple[int, ...],
    states: tuple[str, ...],
    count: int,
    form: str,
) -> None:
    """Show jobs: the newest, those in a state, or those of these numbers."""
    site = open_own(config_file)
    jobs = _jobs(site, job_ids) if job_ids else _newest(site, count, *states)
    if form == "json":
        click.echo(json.dumps([_facts(job) for job in jobs], indent=2))
    else:
        click.echo("\n".join(_table(jobs)))


@click.command("watch", cls=Relayed)
@_count
@click.pass_obj
def watch(config_file: str | None, count: int) -> None:
    """Show jobs as they change, until it is interrupted."""
    site = open_own(config_file)
    shown: list[str] = []
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            lines = _table(_newest(site, count))
            if lines != shown:
                click.clear()
                click.echo("\n".join(lines))
            shown = lines
            time.sleep(_LOOK_SECONDS)


def _facts(job: Job) -> dict[str, Any]:
    request = job.request
    return {
        "id": job.id,
        "state": job.state,
        "repository": request.repository.key,
        "namespace": request.repository.namespace,
        "module": job.module_name or request.module or request.repository.name,
        "version": request.release,
        "tag": request.tag if request.version else None,
        "branch": None if request.version else request.asked_by,
        "commit": request.commit,
        "pusher": plain(request.pusher),
        "message": plain(job.message),
        "tries": job.attempts,
        "due_at": timestamp(int(job.due_at)) if job.put_off else None,
        "created_at": timestamp(int(job.created_at)),
        "updated_at": timestamp(int(job.updated_at)),
    }


def _table(jobs: Sequence[Job]) -> list[str]:
    if not jobs:
        return ["there are no jobs"]
    rows = [("job", "state", "module", "version", "since", "")]
    for job in jobs:
        facts = _facts(job)
        module = cut(f"{facts['namespace']}/{facts['module']}", 40)
        since = datetime.fromtimestamp(job.updated_at, UTC).strftime("%m-%d %H:%M:%S")
        rows.append((str(job.id), _state(job), module, facts["version"], since, facts["message"]))
    widths = [max(columns(row[place]) for row in rows) for place in range(5)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _state(job: Job) -> str:
    return f"{job.state}, tried {job.attempts}" if job.put_off else job.state


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for text, width in zip(row, widths, strict=False):
        yield text + " " * (width - columns(text))
    yield row[-1]


@click.command("logs", cls=Relayed)
@click.argument("job_id", metavar="JOB", type=int)
@click.option("-f", "--follow", "follows", is_flag=True, help="Until the job has ended.")
@click.pass_obj
def logs(config_file: str | None, job_id: int, follows: bool) -> None:
    """Show what was said of a job, in its last try."""
    site = open_own(config_file)
    attempt, log = 0, None
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            (job,) = _jobs(site, [job_id])
            if job.attempts > attempt:
                attempt = job.attempts
                log = LogReader(log_path(site.config.state_path, job_id, attempt))
            said = 0
            for said, line in enumerate(log.lines() if log else (), start=1):  # noqa: B007
                click.echo(line)
            unfinished = job.state in (QUEUED, BUILDING)
            if not said and not (follows and unfinished):
                break
            time.sleep(0 if said else _LOOK_SECONDS)
    if not attempt:
        click.echo(f"job {job_id} is {job.state}, and was not tried yet", err=True)


@click.command("cancel")
@_job_ids
@click.pass_obj
def cancel(config_file: str | None, job_ids: tuple[int, ...]) -> int:
    """Let jobs not be built: those that wait, and those that are being built.

    Exit status 1 where one had ended already.
    """
    if not job_ids:
        raise click.UsageError("name jobs by their numbers")
    site = open_own(config_file)
    done = [_cancel(job, site) for job in _jobs(site, job_ids)]  # each of them
    return int(not all(done))


def _cancel(job: Job, site: Site) -> bool:
    before = site.jobs.cancel(job.id, "it was cancelled")
    if before.state not in UNFINISHED:
        click.echo(f"error: job {job.id} is {before.state} already")
        return False
    stop_process(before.holder)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while _is_built(job.id, site):
        if time.monotonic() > deadline:
            kill_process(before.holder)
            break
        time.sleep(_LOOK_SECONDS / 10)
    (after,) = _jobs(site, [job.id])
    click.echo(f"job {job.id} is {after.state}")
    return after.state != PUBLISHED


def _is_built(job_id: int, site: Site) -> bool:
    (job,) = _jobs(site, [job_id])
    return process_of(job.holder) is not None


@click.command("retry")
@_job_ids
@click.option("--all", "everything", is_flag=True, help="Every job that waits.")
@click.pass_obj
def retry(config_file: str | None, job_ids: tuple[int, ...], everything: bool) -> int:
    """Build jobs again that failed, or wait because engine, disk or registry was away.

    Exit status 1 where one is not published in the end.
    """
    if not job_ids and not everything:
        raise click.UsageError("name jobs by their numbers, or --all")
    site = open_own(config_file)
    chosen = [*(site.jobs.waiting() if everything else ()), *_jobs(site, job_ids)]
    asked = [_ask_again(job, site) for job in chosen]
    follow_all([job for job in asked if job], site)
    return int(any(job.state != PUBLISHED for job in _jobs(site, [job.id for job in chosen])))


def _ask_again(job: Job, site: Site) -> Job | None:
    try:
        with contextlib.closing(GitRepository(job.git_dir)) as repository:
            return retry_job(job, repository, site)
    except PublishError as error:
        click.echo(f"error: job {job.id}: {plain(error.message)}")
        return None


def follow_all(jobs: Sequence[Job], site: Site) -> None:
    """Have jobs built, and show how; who interrupts that ends only the showing."""
    with contextlib.suppress(KeyboardInterrupt):
        for _ in follow_background(jobs, site, lambda: True) if jobs else ():
            pass

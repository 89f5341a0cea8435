"""What was asked for and is not done: tags that no job knows, jobs that failed or wait."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.doctor.finding import Finding, Visit, fault
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import ask_git
from mlreef_hooks.job_records import JobRecord, read_records
from mlreef_hooks.jobs import BUILDING, FAILED, PARKED, QUEUED
from mlreef_hooks.plain_text import counted, plain
from mlreef_hooks.push import read_tag
from mlreef_hooks.servers.table import SERVERS
from mlreef_hooks.waiting_room import MARK, kept_updates

_RECENT_SECONDS = 7 * 86_400
_PATIENCE_SECONDS = 900  # beside the time that a build may take
_SHOWN = 60  # characters of what a job says
_TAGS = ("for-each-ref", "--format=%(objecttype) %(*objecttype) %(refname:lstrip=2)", "refs/tags/")


def jobs_path(config: Config) -> Path:
    """Where the job table is."""
    return config.state_path / "jobs.sqlite"


def look_at_jobs(visit: Visit) -> Iterator[Finding]:
    """Whether the table can be read, and what in it is not as anybody wants it."""
    path = jobs_path(visit.config)
    try:
        records = read_records(path)
    except PublishError as error:
        yield fault("jobs-unreadable", path, error.message)
        return
    ahead = max((record.changed for record in records), default=0) - visit.now
    if ahead > _PATIENCE_SECONDS:
        yield fault("clock-wrong", "clock", f"a job was changed {ahead / 3600:.1f} hours from now")
    yield from _failed(visit, records)
    patience = visit.config.builder.docker.build_seconds + _PATIENCE_SECONDS
    waiting = [each for each in records if each.state in (QUEUED, BUILDING)]
    late = [each for each in waiting if visit.now - each.changed > patience]
    if late:
        waits = "1 job waits" if len(late) == 1 else f"{len(late)} jobs wait"
        yield fault("jobs-waiting", path, f"{waits} for long; the first: {_shown(late[0])}")


def _failed(visit: Visit, records: Sequence[JobRecord]) -> Iterator[Finding]:
    recent = [each for each in records if visit.now - each.changed < _RECENT_SECONDS]
    failed = [each for each in recent if each.state == FAILED]
    if not failed:
        return
    last = failed[-1]
    said = f"{counted(len(failed), 'job')} failed within a week; the last: {_shown(last)}"
    hint = f"mlreef-hooks logs {last.id} says why, mlreef-hooks retry {last.id} runs it again"
    yield fault("jobs-failed", jobs_path(visit.config), said).but(hint=hint)


def _shown(record: JobRecord) -> str:
    said = f": {record.message[:_SHOWN]}" if record.message else ""
    return plain(f"job {record.id} ({record.repository}, {record.tag}){said}")


def look_at_tags(visit: Visit) -> Iterator[Finding]:
    """Of each repository the publish tags that no job knows, and what its mark says."""
    try:
        records = read_records(jobs_path(visit.config))
    except PublishError:
        return  # told of by the check of the jobs
    for git_dir in visit.git_dirs:
        with suppress(OSError, PublishError):  # told of by the check of its hook
            own = _records_of(git_dir, visit, records)
            yield from _unseen(git_dir, visit.config, {record.tag for record in own})
            yield from _mark(git_dir, [each for each in own if each.state == PARKED])


def _records_of(git_dir: Path, visit: Visit, records: Sequence[JobRecord]) -> list[JobRecord]:
    server = SERVERS["plain"](visit.config, visit.account.user)
    try:
        key = server.repository_name(git_dir, {}).key
    except PublishError:
        key = ""
    return [each for each in records if each.git_dir == git_dir or each.repository == key]


def _unseen(git_dir: Path, config: Config, known: Collection[str]) -> Iterator[Finding]:
    lines = os.fsdecode(ask_git(git_dir, *_TAGS).stdout).splitlines()
    tags = [line.split(" ", 2) for line in lines]
    published = [
        tag for kind, inner, tag in tags
        if "commit" in (kind, inner) and tag.isprintable() and tag not in known
    ]  # fmt: skip
    found = [(tag, read_tag(tag, config.publish.patterns)) for tag in published]
    unseen = [tag for tag, read in found if read and read.version]
    if unseen:
        said = f"no job knows {counted(len(unseen), 'publish tag')}, such as {plain(unseen[0])}"
        yield fault("tags-unseen", git_dir, said)


def _mark(git_dir: Path, parked: Sequence[JobRecord]) -> Iterator[Finding]:
    marked = (git_dir / MARK).exists()
    kept = kept_updates(git_dir)
    if parked and not marked:
        said = f"{plain(parked[0].tag)} is parked, and no push of a branch will look for it"
        yield fault("mark-missing", git_dir, said)
    if kept:
        waits = "1 ref update waits" if len(kept) == 1 else f"{len(kept)} ref updates wait"
        yield fault("updates-kept", git_dir, f"{waits} in {MARK}")
    elif marked and not parked:
        yield fault("mark-without-jobs", git_dir, f"{MARK} is there, and no tag is parked")

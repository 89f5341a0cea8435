"""What was asked for and is not done: tags that no job knows, jobs that failed or wait."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.doctor.finding import Finding, Visit, fault
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import ask_git
from mlreef_hooks.job import BUILDING, FAILED, PARKED, QUEUED
from mlreef_hooks.job_records import JobRecord, read_records
from mlreef_hooks.plain_text import counted, plain
from mlreef_hooks.push import read_tag
from mlreef_hooks.servers.table import open_server
from mlreef_hooks.waiting_room import MARK, WaitingRoom

_RECENT_SECONDS = 7 * 86_400
_PATIENCE_SECONDS = 4000  # beside the time that a job may take: it may be put off for an hour
_AHEAD_SECONDS = 900
_FIELDS = "%(objecttype) %(*objecttype) %(objectname) %(*objectname) %(refname:lstrip=2)"
_TAGS = ("for-each-ref", f"--format={_FIELDS}", "refs/tags/")
_SHOWN = 60  # characters of what a job says


def look_at_jobs(visit: Visit) -> Iterator[Finding]:
    """Whether the table can be read, and what in it is not as anybody wants it."""
    path = visit.config.state_folder.jobs
    try:
        records = read_records(path)
    except PublishError as error:
        yield fault("jobs-unreadable", path, error.message)
        return
    ahead = max((record.changed for record in records), default=0) - visit.now
    if ahead > _AHEAD_SECONDS:
        yield fault("clock-wrong", "clock", f"a job was changed {ahead / 3600:.1f} hours from now")
    yield from _failed(visit, records)
    patience = visit.config.worker.job_seconds + _PATIENCE_SECONDS
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
    yield fault("jobs-failed", visit.config.state_folder.jobs, said).but(hint=hint)


def _shown(record: JobRecord) -> str:
    said = f": {record.message[:_SHOWN]}" if record.message else ""
    return plain(f"job {record.id} ({record.repository}, {record.tag}){said}")


def look_at_tags(visit: Visit) -> Iterator[Finding]:
    """Of each repository the publish tags that no job knows, and what its mark says."""
    try:
        records = read_records(visit.config.state_folder.jobs)
    except PublishError:
        return  # told of by the check of the jobs
    known: dict[str, list[JobRecord]] = {}
    for record in records:
        for place in {record.repository, str(record.git_dir)}:
            known.setdefault(place, []).append(record)
    for git_dir in visit.git_dirs:
        with suppress(OSError, PublishError):  # told of by the check of its hook
            own = [each for place in _names(git_dir, visit) for each in known.get(place, ())]
            yield from _unseen(git_dir, visit.config, {(each.tag, each.commit) for each in own})
            yield from _mark(git_dir, [each for each in own if each.state == PARKED])


def _names(git_dir: Path, visit: Visit) -> Iterator[str]:
    """What jobs call a repository: its place, and what its server calls it."""
    yield str(git_dir)
    with suppress(PublishError):
        yield open_server(visit.config, visit.account.user).repository_name(git_dir, {}).key


def _unseen(git_dir: Path, config: Config, known: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """The finding that `sweep` would find tags; those that nobody could publish do not count."""
    unseen = []
    for line in os.fsdecode(ask_git(git_dir, *_TAGS).stdout).splitlines():
        kind, inner, id_, peeled, tag = line.split(" ", 4)
        read = read_tag(tag, config.publish.patterns) if tag.isprintable() else None
        if "commit" in (kind, inner) and read and read.version:
            unseen += [] if (tag, peeled or id_) in known else [tag]
    if unseen:
        said = f"no job knows {counted(len(unseen), 'publish tag')}, such as {plain(unseen[0])}"
        yield fault("tags-unseen", git_dir, said)


def _mark(git_dir: Path, parked: Sequence[JobRecord]) -> Iterator[Finding]:
    marked = (git_dir / MARK).exists()
    kept = WaitingRoom().kept(git_dir)
    if parked and not marked:
        said = f"{plain(parked[0].tag)} is parked, and no push of a branch will look for it"
        yield fault("mark-missing", git_dir, said)
    if kept:
        waits = "1 ref update waits" if len(kept) == 1 else f"{len(kept)} ref updates wait"
        yield fault("updates-kept", git_dir, f"{waits} in {MARK}")
    elif marked and not parked:
        yield fault("mark-without-jobs", git_dir, f"{MARK} is there, and no tag is parked")

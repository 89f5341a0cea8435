"""What a push does: publish tags are published, parked or yanked; what was parked goes on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mlreef_hooks import jobs as states
from mlreef_hooks import report
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, find_version
from mlreef_hooks.intake import main_branch, publish_tags, read_request
from mlreef_hooks.jobs import Job
from mlreef_hooks.problems import Problem
from mlreef_hooks.publish import publish
from mlreef_hooks.push import PublishRequest, PublishTag, PushEvent, RefUpdate
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.waiting_room import (
    drop_updates,
    is_marked,
    keep_updates,
    kept_updates,
    mark_waiting,
    unmark,
)

TAG_DELETED = "the publish tag was deleted"


def receive(event: PushEvent, repository: GitRepository, site: Site) -> None:
    """Do what a push asks for; what goes wrong with one tag does not hold up the others.

    ExceptionGroup where it was by a mistake of ours.
    """
    branch = main_branch(repository, site.config)
    waited = _waited(repository, site)
    event = replace(event, updates=(*_still_so(waited, repository), *event.updates))
    kept: set[RefUpdate] = set()
    bugs: list[Exception] = []
    for update, tag in publish_tags(event, site.config):
        try:
            _receive_tag(update, tag, event, repository, branch, site)
        except PublishError as error:
            # What became a job is kept by the job table, and told of by whoever runs it.
            if error.passing and keep_updates(repository.git_dir, [update]):
                kept.add(update)
            site.tell(report.failed(error, waits=update in kept))
        except Exception as error:
            bugs.append(error)
    drop_updates(repository.git_dir, {*waited} - kept)
    if not kept:
        release_parked(event, repository, branch, site)
    if bugs:
        raise ExceptionGroup("publishing failed", bugs)


def _waited(repository: GitRepository, site: Site) -> tuple[RefUpdate, ...]:
    """What earlier pushes could not work off; none where that cannot be read, and it is told."""
    try:
        return kept_updates(repository.git_dir)
    except PublishError as error:
        site.tell(report.failed(error))
        return ()


def _still_so(waited: Iterable[RefUpdate], repository: GitRepository) -> Iterator[RefUpdate]:
    """Of the updates that earlier pushes could not work off, those that still are as they say."""
    now: dict[str, str] | None = None
    for update in waited:
        now = repository.refs("refs/tags/") if now is None else now
        if now.get(update.ref) == (None if update.deleted else update.new):
            yield update


def _receive_tag(
    update: RefUpdate,
    tag: PublishTag,
    event: PushEvent,
    repository: GitRepository,
    branch: str,
    site: Site,
) -> None:
    if update.deleted:
        withdraw(event.repository.key, tag.tag, repository, site)
        return
    request = read_request(update, tag, event, repository)
    if isinstance(request, Problem):
        site.tell([*report.findings([request]), report.STORED])
    elif repository.is_on_branch(request.commit, branch):
        submit(request, repository, site)
    else:
        park(request, repository, branch, site)


def submit(request: PublishRequest, repository: GitRepository, site: Site) -> None:
    """Make the request a job and run it, unless it is published or being built already."""
    job = site.jobs.submit(request, repository.git_dir, states.QUEUED)
    if job.state == states.PUBLISHED and _published(job, site) is None:
        site.jobs.reopen(job.id)  # the index lost it: the same commit makes the same version
        run(job, repository, site)
    elif job.state == states.PUBLISHED:
        restore(job, repository, site)
    else:
        run(job, repository, site)


def park(request: PublishRequest, repository: GitRepository, branch: str, site: Site) -> None:
    """Keep the request until the main branch contains its commit."""
    job = site.jobs.submit(request, repository.git_dir, states.PARKED)
    if job.state == states.PUBLISHED:
        restore(job, repository, site)
        return
    mark_waiting(repository.git_dir)
    site.tell(report.parked(request, branch))


def release_parked(event: PushEvent, repository: GitRepository, branch: str, site: Site) -> None:
    """Publish the parked requests whose commits the main branch contains by now."""
    if not is_marked(repository.git_dir):
        return
    for job in site.jobs.of_repository(event.repository.key, states.PARKED):
        try:
            arrived = repository.is_on_branch(job.request.commit, branch)
        except PublishError as error:  # the commit is gone; the other jobs are not
            site.jobs.end(job.id, states.CANCELLED, error.message)
            continue
        if arrived:
            submit(job.request, repository, site)
    if not site.jobs.of_repository(event.repository.key, states.PARKED):
        unmark(repository.git_dir)


def withdraw(key: str, tag: str, repository: GitRepository, site: Site) -> None:
    """Yank what a deleted tag published, and cancel what it still asks for."""
    unfinished = (states.PARKED, states.QUEUED, states.BUILDING)
    for job in site.jobs.of_repository(key, states.PUBLISHED, *unfinished):
        if job.request.tag != tag:
            continue
        if job.state in unfinished:
            site.jobs.end(job.id, states.CANCELLED, TAG_DELETED)
            site.tell(report.cancelled(job.request))
        elif (version := _published(job, site) or {}).get("tag") == tag:  # and no alias of it
            if not version["yanked"]:  # what an administrator yanked, no tag brings back
                _set_yanked(job, repository, site, TAG_DELETED)
            site.tell(report.yanked(job.request, job.module_name))


def restore(job: Job, repository: GitRepository, site: Site) -> None:
    """Say that a version is published; one whose tag had been deleted is no longer yanked."""
    version = _published(job, site)
    back = bool(version and version["yank_reason"] == TAG_DELETED)
    if back:
        _set_yanked(job, repository, site, None)
    site.tell(report.already_published(job.request, job.module_name, back=back))


def _published(job: Job, site: Site) -> Document | None:
    """The version that a job published, as the index has it; None where it has none."""
    document = site.index.find(job.request.repository.namespace, job.module_name)
    return find_version(document, str(job.request.version)) if document else None


def _set_yanked(job: Job, repository: GitRepository, site: Site, reason: str | None) -> None:
    place = (job.request.repository.namespace, job.module_name, str(job.request.version))
    visibility = site.server.visibility(repository.settings(anew=True))
    site.index.yank(*place, reason=reason, visibility=visibility)


def retry(job: Job, repository: GitRepository, site: Site) -> None:
    """Run a job again that failed or was kept; PublishError where nothing asks for it any more."""
    if job.state in (states.CANCELLED, states.SUPERSEDED):
        raise PublishError(f"it is {job.state}: its tag was deleted or moved", "push the tag again")
    branch = main_branch(repository, site.config)
    if repository.is_on_branch(job.request.commit, branch):
        submit(job.request, repository, site)
    else:
        park(job.request, repository, branch, site)


def run(job: Job, repository: GitRepository, site: Site) -> None:
    """Publish one job; whatever happens, the table says how it ended."""
    if not site.jobs.claim(job.id):
        site.tell(report.busy(job.request, job.id))
        return
    try:
        name = publish(job, repository, site)
    except PublishError as error:
        site.jobs.end(job.id, states.QUEUED if error.passing else states.FAILED, error.message)
        site.tell(report.failed(error, job.id))
    except BaseException as error:
        # An interrupt ends the push, not what it asked for; a bug would only come again.
        state = states.FAILED if isinstance(error, Exception) else states.QUEUED
        site.jobs.end(job.id, state, f"{type(error).__name__}: {error}")
        raise
    else:
        if site.jobs.end(job.id, states.PUBLISHED, name=name) == states.CANCELLED:
            # The tag was deleted while its version was being published.
            withdraw(job.request.repository.key, job.request.tag, repository, site)

"""What a push does: publish tags become jobs, are parked or yanked; what was parked goes on.

Where each push of the main branch is to be published, that is a job as well.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from mlreef_hooks import job as states
from mlreef_hooks import report
from mlreef_hooks.audience import repository_visibility
from mlreef_hooks.edge import edge_request, published_edge
from mlreef_hooks.edge_mark import set_edge_mark
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, find_version
from mlreef_hooks.intake import edge_branch, main_branch, publish_tags, read_request
from mlreef_hooks.job import Job
from mlreef_hooks.plan import plan
from mlreef_hooks.problems import Problem
from mlreef_hooks.process import stop_process
from mlreef_hooks.push import HEADS, PublishRequest, PublishTag, PushEvent, RefUpdate
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site

TAG_DELETED = "the publish tag was deleted"
SKIPPED = "its pusher wanted no publish"


def receive(event: PushEvent, repository: GitRepository, site: Site) -> list[Job]:
    """The jobs that a push asks for, each written down by now and to be built.

    What goes wrong with one tag does not hold up the others; the pusher is told of all that is
    settled already.
    """
    site.tell(report.strange(event.strange_options))
    branch = main_branch(repository, site.config)
    waited = _waited(repository, site)
    event = replace(event, updates=(*_still_so(waited, repository), *event.updates))
    kept: set[RefUpdate] = set()
    jobs: list[Job | None] = []
    for update, tag in publish_tags(event, site.config):
        try:
            jobs.append(_receive_tag(update, tag, event, repository, branch, site))
        except PublishError as error:
            # What became a job is kept by the job table, and told of by whoever builds it.
            if error.passing and site.waiting.keep(repository.git_dir, [update]):
                kept.add(update)
            site.tell(report.failed(error, waits=update in kept))
        except Exception as error:
            site.keep_mistake(error)
            site.tell(report.mistaken())
    site.waiting.drop(repository.git_dir, {*waited} - kept)
    if not kept:
        jobs += release_parked(event, repository, branch, site)
    jobs.append(_receive_branch(event, repository, site))
    return [*{job.id: job for job in jobs if job}.values()]


def _waited(repository: GitRepository, site: Site) -> tuple[RefUpdate, ...]:
    """What earlier pushes could not work off; none where that cannot be read, and it is told."""
    try:
        return site.waiting.kept(repository.git_dir)
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
) -> Job | None:
    if update.deleted:
        withdraw(event.repository.key, tag.tag, repository, site)
        return None
    request = read_request(update, tag, event, repository, site.config.publish.signed_tags)
    if isinstance(request, Problem):
        site.tell([*report.findings([request]), report.STORED])
        return None
    if event.plan or event.skip:
        _put_aside(request, event, repository, site)
        return None
    if repository.is_on_branch(request.commit, branch):
        return submit(request, repository, site)
    park(request, repository, branch, site)
    return None


def _put_aside(
    request: PublishRequest, event: PushEvent, repository: GitRepository, site: Site
) -> None:
    """Do not publish what the pusher does not want to be published, and remember that."""
    job = site.jobs.submit(request, repository.git_dir, states.CANCELLED, SKIPPED)
    if job.state == states.PUBLISHED:
        restore(job, repository, site)
    elif event.plan:
        plan(request, repository, site)
    else:
        site.tell(report.skipped(request))


def _receive_branch(event: PushEvent, repository: GitRepository, site: Site) -> Job | None:
    """The job of a push of the main branch, where each of them is to be published."""
    try:
        branch = edge_branch(repository.settings(), site.config)
        with suppress(PublishError):  # doctor tells who can mend it
            set_edge_mark(repository.git_dir, branch)
        if branch and any(update.ref == HEADS + branch for update in event.updates):
            return _submit_branch(event, repository, branch, site)
    except PublishError as error:
        site.tell(report.failed(error, waits=error.passing))
    return None


def _submit_branch(
    event: PushEvent, repository: GitRepository, branch: str, site: Site
) -> Job | None:
    """The job of the newest commit of a branch; None where nothing is to be done.

    Pushes may come close together and their hooks in any order, so that what was pushed may not be
    the newest any more, nor what was asked for.
    """
    job, asked = None, None
    while (commit := repository.commit_of(HEADS + branch)) and commit != asked:
        request, asked = edge_request(event, branch, commit), commit
        if event.plan or event.skip:
            _put_aside(request, event, repository, site)
            return None
        job = submit(request, repository, site)
    if asked is None:
        site.tell(report.edge_stays(branch))
    return job


def submit(request: PublishRequest, repository: GitRepository, site: Site) -> Job | None:
    """The job that the request is now; None where it is published already."""
    job = site.jobs.submit(request, repository.git_dir, states.QUEUED)
    if job.state != states.PUBLISHED:
        site.events.write("asked", job)
        return job
    if _published(job, site) is not None:
        restore(job, repository, site)
        return None
    site.jobs.reopen(job.id)  # the index lost it: the same commit makes the same version
    return site.jobs.get(job.id)


def park(request: PublishRequest, repository: GitRepository, branch: str, site: Site) -> None:
    """Keep the request until the main branch contains its commit."""
    job = site.jobs.submit(request, repository.git_dir, states.PARKED)
    if job.state == states.PUBLISHED:
        restore(job, repository, site)
        return
    site.waiting.mark(repository.git_dir)
    site.tell(report.parked(request, branch))


def release_parked(
    event: PushEvent, repository: GitRepository, branch: str, site: Site
) -> list[Job | None]:
    """The jobs of parked requests whose commits the main branch contains by now."""
    if not site.waiting.is_marked(repository.git_dir):
        return []
    released = []
    for job in site.jobs.of_repository(event.repository.key, states.PARKED):
        try:
            arrived = repository.is_on_branch(job.request.commit, branch)
        except PublishError as error:  # the commit is gone; the other jobs are not
            site.jobs.end(job.id, states.CANCELLED, error.message)
            continue
        if arrived:
            released.append(submit(job.request, repository, site))
    if not site.jobs.of_repository(event.repository.key, states.PARKED):
        site.waiting.unmark(repository.git_dir)
    return released


def withdraw(key: str, tag: str, repository: GitRepository, site: Site) -> None:
    """Yank what a deleted tag published, and cancel what it still asks for."""
    for job in site.jobs.of_repository(key, states.PUBLISHED, *states.UNFINISHED):
        if job.request.tag != tag:
            continue
        if job.state in states.UNFINISHED:
            stop_process(site.jobs.cancel(job.id, TAG_DELETED).holder)
            site.tell(report.cancelled(job.request))
        elif (version := _published(job, site) or {}).get("tag") == tag:  # and no alias of it
            if not version["yanked"]:  # what an administrator yanked, no tag brings back
                _set_yanked(job, repository, site, TAG_DELETED)
            site.tell(report.yanked(job.request, job.module_name))


def retry(job: Job, repository: GitRepository, site: Site) -> Job | None:
    """The job again, to be built at once; None where nothing is to be done.

    PublishError where nothing asks for it any more.
    """
    if job.state in (states.CANCELLED, states.SUPERSEDED):
        what = "tag" if job.request.version else "branch"
        raise PublishError(
            f"it is {job.state}: its {what} was deleted or moved", f"push the {what} again"
        )
    branch = main_branch(repository, site.config)
    if job.request.version is None or repository.is_on_branch(job.request.commit, branch):
        return submit(job.request, repository, site)
    park(job.request, repository, branch, site)
    return None


def restore(job: Job, repository: GitRepository, site: Site) -> None:
    """Say that a version is published; one whose tag had been deleted is no longer yanked."""
    version = _published(job, site)
    back = bool(version and version.get("yank_reason") == TAG_DELETED)
    if back:
        _set_yanked(job, repository, site, None)
    site.tell(report.already_published(job.request, job.module_name, back=back))


def _published(job: Job, site: Site) -> Document | None:
    """The version or edge that a job published, as the index has it; None where it has none."""
    if job.request.version is None:
        return published_edge(job, site)
    document = site.index.find(job.request.repository.namespace, job.module_name)
    return find_version(document, str(job.request.version)) if document else None


def _set_yanked(job: Job, repository: GitRepository, site: Site, reason: str | None) -> None:
    place = (job.request.repository.namespace, job.module_name, str(job.request.version))
    found = repository_visibility(repository, site)
    site.index.yank(*place, reason=reason, visibility=found.word)

"""What no hook saw: pushed while the hook was away, or made on a server's page."""

from collections.abc import Iterable

from mlreef_hooks.intake import edge_branch
from mlreef_hooks.job import STATES, SUPERSEDED, Job
from mlreef_hooks.push import HEADS, PushEvent, RefUpdate, RepositoryName, read_tag
from mlreef_hooks.receive import receive
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site

SWEEPER = "sweep"  # who asked for it: nobody knows who pushed


def sweep(name: RepositoryName, repository: GitRepository, site: Site) -> list[Job]:
    """The jobs of the publish tags of a repository that had none; and of what waits there."""
    updates = (*missed_tags(name, repository, site), *missed_pushes(name, repository, site))
    return receive(PushEvent(repository=name, pusher=SWEEPER, updates=updates), repository, site)


def missed_tags(name: RepositoryName, repository: GitRepository, site: Site) -> Iterable[RefUpdate]:
    """The publish tags that were never asked for at the commits where they are, as ref updates."""
    known = {(job.request.tag, job.request.commit) for job in _jobs(name, site)}
    for ref, (object_id, commit) in repository.tags().items():
        update = RefUpdate(old="0" * len(object_id), new=object_id, ref=ref)
        tag = read_tag(update.tag or "", site.config.publish.patterns)
        if tag and (tag.tag, commit) not in known:
            yield update


def missed_pushes(
    name: RepositoryName, repository: GitRepository, site: Site
) -> Iterable[RefUpdate]:
    """The main branch as a ref update, where each push of it is to be published and its newest
    commit was not asked for.
    """
    branch = edge_branch(repository.settings(), site.config)
    commit = branch and repository.commit_of(HEADS + branch)
    if not branch or not commit:
        return
    asked = [job for job in _jobs(name, site) if job.request.tag == HEADS + branch]
    if not any(job.request.commit == commit and job.state != SUPERSEDED for job in asked):
        yield RefUpdate(old="0" * len(commit), new=commit, ref=HEADS + branch)


def _jobs(name: RepositoryName, site: Site) -> list[Job]:
    return site.jobs.of_repository(name.key, *STATES)

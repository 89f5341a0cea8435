"""The edge: the channel of a module that follows the main branch of its repository."""

from mlreef_hooks import job as states
from mlreef_hooks.index import Document
from mlreef_hooks.job import Job
from mlreef_hooks.push import EDGE, HEADS, PublishRequest, PushEvent
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site

NAMES = ", "  # between the modules of a repository, in the job table


class Overtaken(Exception):  # noqa: N818 - nothing went wrong
    """A commit that edge does not go to any more; the message says why."""


def edge_request(event: PushEvent, branch: str, commit: str) -> PublishRequest:
    """What a push of the branch asks for, which is at a commit now."""
    return PublishRequest(
        repository=event.repository,
        tag=HEADS + branch,
        module=None,
        version=None,
        commit=commit,
        pusher=event.pusher,
        notes="",
    )


def edge_of(document: Document | None) -> Document | None:
    """The edge of a module."""
    found: Document | None = (document or {}).get("channels", {}).get(EDGE)
    return found


def published_edge(job: Job, site: Site) -> Document | None:
    """The edge that a job published, where edge still is there and nothing is about to move it."""
    repository = job.request.repository
    building = site.jobs.of_repository(repository.key, states.BUILDING)
    if any(other.request.version is None for other in building):
        return None
    found = None
    for name in job.module_name.split(NAMES):
        found = edge_of(site.index.find(repository.namespace, name))
        if found is None or found["commit"] != job.request.commit:
            return None
    return found


def check_moves(request: PublishRequest, edge: Document | None, repository: GitRepository) -> None:
    """Overtaken where edge may not go from where it is to a commit.

    It goes forward along the branch as it is now, and from what the branch has left to the branch.
    """
    branch, commit = request.asked_by, request.commit
    if repository.commit_of(HEADS + branch) == commit:
        return  # mostly, and one question to git instead of six
    if not repository.is_on_branch(commit, branch):
        raise Overtaken(f"{branch} does not have it any more")
    before = edge and repository.commit_of(edge["commit"])
    if not before or not repository.is_on_branch(before, branch):
        return
    if not repository.is_ancestor(before, commit):
        raise Overtaken(f"it is at {before[:7]} already")

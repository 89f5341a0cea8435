"""Whether what the site asks tells who may read its repositories."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import counted
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.table import SERVERS
from mlreef_hooks.servers.visibility import RepositoryVisibility
from mlreef_hooks.visibility import Visibility


def look_at_visibility(visit: Visit) -> Iterator[Finding]:
    """What cannot be told of repositories; once a server is away, no other one is asked of."""
    if not visit.config.visibility.ask:
        return
    told = 0
    for git_dir in visit.git_dirs:
        try:
            found = _ask(git_dir, visit)
        except PublishError:  # told of by the check of its hook
            continue
        if found.why:
            yield fault("visibility-untold", git_dir, found.why)
        told += not found.why
        if found.away:
            break
    if told:
        names = ", ".join(visit.config.visibility.ask)
        yield fine("visibility", f"{names} tells it of {counted(told, 'repository')}")


def _ask(git_dir: Path, visit: Visit) -> Visibility:
    server = SERVERS["plain"](visit.config, visit.account.user)
    key = server.repository_name(git_dir, {}).key
    with closing(GitRepository(git_dir)) as repository:
        return RepositoryVisibility(config=visit.config)(key, git_dir, repository.settings())

"""What an administrator says of published versions: that they are yanked or deprecated, and why."""

import contextlib
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.hook_files import git_dir_of
from mlreef_hooks.index import Document
from mlreef_hooks.job import PUBLISHED
from mlreef_hooks.plain_text import plain
from mlreef_hooks.receive import TAG_DELETED
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site

_REASON_LENGTH = 1000


def read_reason(text: str) -> str:
    """The reason as the index holds it, on one line; PublishError where it says nothing.

    By the words of a deleted tag, pushing that tag again would take the yank back.
    """
    reason = plain(text)[:_REASON_LENGTH]
    if not reason or reason == TAG_DELETED:
        raise PublishError(f"{text[:60]!a} is no reason", "say what is wrong and what to use")
    return reason


def set_yank(document: Document, version: str, reason: str | None, site: Site) -> None:
    """Yank a version, or take that back without a reason."""
    place = (document["namespace"], document["name"], version)
    site.index.yank(*place, reason=reason, visibility=_visibility(document, site))


def set_deprecation(
    document: Document, version: str | None, reason: str | None, site: Site
) -> None:
    """Deprecate a version (None: the whole module), or take that back without a reason."""
    place = (document["namespace"], document["name"], version)
    site.index.deprecate(*place, reason=reason, visibility=_visibility(document, site))


def _visibility(document: Document, site: Site) -> str:
    """What the repository is now; where it is gone, the module stays as visible as it is."""
    git_dir = find_repository(document["repository"], site)
    if git_dir is None:
        return str(document["visibility"])
    with contextlib.closing(GitRepository(git_dir)) as repository:
        return site.server.visibility(git_dir, repository.settings(anew=True))


def folder_of(key: str, root: str) -> Path:
    """Where a repository is below the root, by its key: `x` is `x.git`, and `x/` is `x`."""
    return Path(root, key.removesuffix("/") if key.endswith("/") else f"{key}.git")


def find_repository(key: str, site: Site) -> Path | None:
    """The git directory of a repository by its key, below the root or where a push was last seen;
    None where it is gone.
    """
    below = [folder_of(key, site.config.server.root)] if site.config.server.root else []
    seen = [job.git_dir for job in reversed(site.jobs.of_repository(key, PUBLISHED))]
    for path in [*below, *seen]:
        with contextlib.suppress(PublishError):
            git_dir = git_dir_of(path)
            if site.server.repository_name(git_dir, {}).key == key:
                return git_dir
    return None

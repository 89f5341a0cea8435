"""What an administrator says of published versions: that they are yanked or deprecated, and why."""

import contextlib

from mlreef_hooks.audience import find_repository, repository_visibility
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
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
        return repository_visibility(repository, site).word

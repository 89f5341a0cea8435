"""Who may read a repository of Gitea or Forgejo, by their API (`/api/swagger`, "repoGet").

A repository that is not private is read by those to whom its owner is visible.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mlreef_hooks.config_visibility import VisibilitySources
from mlreef_hooks.servers.forge import Forge, check_name, unclear
from mlreef_hooks.servers.web import Web, refused
from mlreef_hooks.visibility import INTERNAL, PRIVATE, PUBLIC, Said

# `limited` is visible to all who have an account, `private` to the members of an organisation.
_OWNERS: Mapping[object, str] = {"public": PUBLIC, "limited": INTERNAL, "private": PRIVATE}


def gitea(settings: VisibilitySources, web: Web) -> Forge:
    """What asks the site's Gitea or Forgejo."""
    return Forge(
        web=web, url=settings.url, token=settings.token, place=_place, login=_login, read=read
    )


def _place(name: str) -> str:
    if not re.fullmatch(r"[^/]+/[^/]+", name):
        raise refused("a repository of Gitea is an owner's, as in vision/add-noise")
    return f"/api/v1/repos/{quote(name)}"


def _login(token: str) -> Mapping[str, str]:
    return {"Authorization": f"token {token}"}


def read(name: str, document: Mapping[str, Any]) -> Said:
    """What Gitea's object of a repository says; PublishError where that is unclear."""
    check_name(document.get("full_name"), name)
    private, owner = document.get("private"), document.get("owner")
    if private is True:
        return Said.of(PRIVATE)
    visibility = owner.get("visibility") if isinstance(owner, dict) else None
    if private is not False or not isinstance(visibility, str) or visibility not in _OWNERS:
        raise unclear()
    return Said.of(_OWNERS[visibility])

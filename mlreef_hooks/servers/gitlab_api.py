"""Who may read a repository of GitLab, by its API ("Retrieve a project":
https://docs.gitlab.com/api/projects/).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mlreef_hooks.config_visibility import VisibilitySources
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.servers.forge import Forge, check_name, unclear
from mlreef_hooks.servers.web import Web
from mlreef_hooks.visibility import PRIVATE, Said

_OF_MEMBERS = ("private", "disabled")  # code that a wider project keeps to its members


def gitlab(settings: VisibilitySources, web: Web) -> Forge:
    """What asks the site's GitLab."""
    return Forge(
        web=web, url=settings.url, token=settings.token, place=_place, login=_login, read=read
    )


def _place(name: str) -> str:
    return f"/api/v4/projects/{quote(name, safe='')}"


def _login(token: str) -> Mapping[str, str]:
    return {"PRIVATE-TOKEN": token}


def read(name: str, document: Mapping[str, Any]) -> Said:
    """What GitLab's object of a project says; PublishError where that is unclear."""
    check_name(document.get("path_with_namespace"), name)
    if document.get("repository_access_level") in _OF_MEMBERS:
        return Said.of(PRIVATE)
    visibility = document.get("visibility")
    if visibility not in VISIBILITIES:
        raise unclear()
    return Said.of(str(visibility))

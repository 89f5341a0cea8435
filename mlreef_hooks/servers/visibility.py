"""Who may read a repository: everything that the site asks, and in which order."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.config_visibility import EXPORT_OK, GITEA, GITLAB, GITOLITE, PROBE
from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.visibility import NOTHING, PRIVATE, PUBLIC, Said, Visibility, decide

SETTING = "mlreef.visibility"
Source = Callable[[str, Path], Said]  # what a repository is called, and its git directory


def _export_ok(config: Config) -> Source:
    """git daemon's own mark (git-daemon(1)): public where it is there, else no word."""

    def ask(name: str, git_dir: Path) -> Said:
        return Said.of(PUBLIC) if os.path.lexists(git_dir / "git-daemon-export-ok") else NOTHING

    return ask


# Each is imported where the site asks it: most sites ask none.


def _gitolite(config: Config) -> Source:
    from mlreef_hooks.servers.gitolite_access import GitoliteAccess

    settings = config.visibility
    return GitoliteAccess(program=settings.gitolite, seconds=settings.seconds)


def _gitea(config: Config) -> Source:
    from mlreef_hooks.servers.gitea_api import gitea
    from mlreef_hooks.servers.web import Web

    settings = config.visibility
    return gitea(settings, Web(ca_bundle=settings.ca_bundle, seconds=settings.seconds))


def _gitlab(config: Config) -> Source:
    from mlreef_hooks.servers.gitlab_api import gitlab
    from mlreef_hooks.servers.web import Web

    settings = config.visibility
    return gitlab(settings, Web(ca_bundle=settings.ca_bundle, seconds=settings.seconds))


def _probe(config: Config) -> Source:
    from mlreef_hooks.servers.anonymous_fetch import AnonymousFetch
    from mlreef_hooks.servers.web import Web

    settings = config.visibility
    web = Web(ca_bundle=settings.ca_bundle, seconds=settings.seconds)
    return AnonymousFetch(web=web, url=settings.probe or config.server.url)


_SOURCES: Mapping[str, Callable[[Config], Source]] = {
    EXPORT_OK: _export_ok,
    GITOLITE: _gitolite,
    GITEA: _gitea,
    GITLAB: _gitlab,
    PROBE: _probe,
}


@dataclass(frozen=True, kw_only=True)
class RepositoryVisibility:
    """Asks everything that the site's configuration names, by what the git server calls a
    repository (`called`). By `absent`, the reason, nothing is asked: all is away.
    """

    config: Config
    called: Callable[[Path], str]
    absent: str = ""

    def __call__(self, git_dir: Path, settings: Mapping[str, str]) -> Visibility:
        """Who may read a repository now. `settings` are its `mlreef.*`, names in lower case.

        Nothing is asked any more once something says that it is private.
        """
        own = said_by(settings)
        if not self.config.visibility.ask:
            return Visibility(word=own.claim or PRIVATE)
        if self.absent:
            return decide([own], away=[self.absent])
        said, unknown, away = [own], list[str](), list[str]()
        for name in self.config.visibility.ask:
            if PRIVATE in (each.at_most for each in said):
                break
            try:
                said.append(_SOURCES[name](self.config)(self.called(git_dir), git_dir))
            except PublishError as error:
                (away if error.passing else unknown).append(error.message)
        return decide(said, unknown=unknown, away=away)


def said_by(settings: Mapping[str, str]) -> Said:
    """What the repository's own setting says; a word that means nothing is private."""
    said = settings.get(SETTING)
    if said is None:
        return NOTHING
    word = said.strip().lower()
    return Said.of(word if word in VISIBILITIES else PRIVATE)

"""The git servers that are known, and which of them keeps a repository."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlreef_hooks.config import Config, Server
from mlreef_hooks.push import RepositoryName
from mlreef_hooks.servers.folders import FolderServer
from mlreef_hooks.servers.forgejo import ForgejoServer
from mlreef_hooks.servers.gitea import GiteaServer
from mlreef_hooks.servers.gitlab import GitlabServer
from mlreef_hooks.servers.gitolite import GitoliteServer
from mlreef_hooks.servers.plain import PlainServer
from mlreef_hooks.servers.soft_serve import SoftServeServer


class GitServer(Protocol):
    """What a git server knows of its repositories."""

    def repository_name(self, git_dir: Path, environ: Mapping[str, str]) -> RepositoryName:
        """What the server calls the repository; without an environment it is the same."""

    def pusher(self, git_dir: Path, environ: Mapping[str, str]) -> str:
        """Who pushed."""

    def called(self, git_dir: Path) -> str:
        """What the server's own rules and pages call the repository, such as `vision/add-noise`."""

    def source(self, repository: RepositoryName) -> str | None:
        """Where the code can be fetched, None where the site does not say."""


# In the order in which they are asked whether they keep a repository.
SERVERS: Mapping[str, type[FolderServer]] = {
    "gitolite": GitoliteServer,
    "forgejo": ForgejoServer,
    "gitea": GiteaServer,
    "soft-serve": SoftServeServer,
    "gitlab": GitlabServer,
    "plain": PlainServer,
}


def kind_by_traces(git_dir: Path) -> str:
    """The kind of server whose traces are in the repository: a key of SERVERS."""
    return next(kind for kind, server in SERVERS.items() if server.keeps(git_dir))


def kind_of(git_dir: Path, settings: Server) -> str:
    """The kind of server that keeps the repository, by the configuration, else by traces."""
    return kind_by_traces(git_dir) if settings.kind == "auto" else settings.kind


def holds_code(git_dir: Path) -> bool:
    """False for a repository that a forge keeps for itself, such as a wiki's."""
    return SERVERS[kind_by_traces(git_dir)].holds_code(git_dir)


@dataclass(frozen=True, kw_only=True)
class AnyServer:
    """The servers of a site: for each repository the one that keeps it."""

    settings: Server
    user_id: int

    def repository_name(self, git_dir: Path, environ: Mapping[str, str]) -> RepositoryName:
        """What its server calls the repository."""
        return self._of(git_dir).repository_name(git_dir, environ)

    def pusher(self, git_dir: Path, environ: Mapping[str, str]) -> str:
        """Who pushed to the repository."""
        return self._of(git_dir).pusher(git_dir, environ)

    def called(self, git_dir: Path) -> str:
        """What its server calls the repository."""
        return self._of(git_dir).called(git_dir)

    def source(self, repository: RepositoryName) -> str | None:
        """Where the code can be fetched, which the site says for all servers."""
        return PlainServer(settings=self.settings, user_id=self.user_id).source(repository)

    def _of(self, git_dir: Path) -> FolderServer:
        kind = SERVERS[kind_of(git_dir, self.settings)]
        return kind(settings=self.settings, user_id=self.user_id)


def open_server(config: Config, user_id: int) -> GitServer:
    """The server of a site; hooks run as the account `user_id`."""
    return AnyServer(settings=config.server, user_id=user_id)

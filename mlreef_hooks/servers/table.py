"""The git servers that are known, and which of them runs a hook."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from mlreef_hooks.config import Config
from mlreef_hooks.push import RepositoryName
from mlreef_hooks.servers.plain import PlainServer


class GitServer(Protocol):
    """What a git server knows of its repositories."""

    def repository_name(self, git_dir: Path, environ: Mapping[str, str]) -> RepositoryName:
        """What the server calls the repository."""

    def pusher(self, environ: Mapping[str, str]) -> str:
        """Who pushed."""

    def source(self, repository: RepositoryName) -> str | None:
        """Where the code can be fetched, None where the site does not say."""


SERVERS: Mapping[str, Callable[[Config, int], GitServer]] = {
    "plain": lambda config, user_id: PlainServer(settings=config.server, user_id=user_id),
}

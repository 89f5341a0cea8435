"""Gitea: `OWNER/NAME.git`, in lower case; `GITEA_*` in the environment.

https://github.com/go-gitea/gitea, modules/repository/hooks.go and env.go.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.servers.folders import FolderServer, check_said

RUNS_OURS = Path("hooks", "post-receive.d")


class GiteaServer(FolderServer):
    """The repositories of a Gitea (its `repository.ROOT`)."""

    pusher_variables = ("GITEA_PUSHER_NAME", "REMOTE_USER")

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True where Gitea's own hook is in the folder of hooks."""
        return os.path.isfile(git_dir / RUNS_OURS / "gitea")

    @classmethod
    def holds_code(cls, git_dir: Path) -> bool:
        """False for a wiki's."""
        return not git_dir.name.endswith(".wiki.git")

    def place(self, path: Path, environ: Mapping[str, str]) -> Path:
        """The owner and the repository, which are the last two parts wherever the root is."""
        place = Path(*path.parts[-2:])
        owner, name = environ.get("GITEA_REPO_USER_NAME"), environ.get("GITEA_REPO_NAME")
        if owner or name:
            said = f"{owner or ''}/{name or ''}".lower()
            check_said("GITEA_REPO_NAME", said, str(place).removesuffix(".git").lower())
        return place

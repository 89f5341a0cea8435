"""Gitea: `OWNER/NAME.git`, in lower case; `GITEA_*` in the environment.

https://github.com/go-gitea/gitea, modules/repository/hooks.go and env.go.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.servers.folders import FolderServer, check_said

OWN_HOOK = Path("post-receive.d", "gitea")  # in the folder of hooks
_READ_BYTES = 65_536
_HOOKS_PATH = re.compile(rb'^\s*hooksPath\s*=\s*"?(/[^"\n]+?)"?\s*$', re.IGNORECASE | re.MULTILINE)


def hooks_of(git_dir: Path) -> Path:
    """The folder of a repository's hooks: its own, or the one of all repositories that Forgejo
    names in their settings since 2025.
    """
    own = git_dir / "hooks"
    try:
        with (git_dir / "config").open("rb") as config:
            said = _HOOKS_PATH.search(config.read(_READ_BYTES))
    except OSError:
        return own
    named = Path(os.fsdecode(said[1])) if said else own
    return named if os.path.isfile(named / OWN_HOOK) else own


class GiteaServer(FolderServer):
    """The repositories of a Gitea (its `repository.ROOT`)."""

    pusher_variables = ("GITEA_PUSHER_NAME", "REMOTE_USER")

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True where Gitea's own hook is in the folder of hooks."""
        return os.path.isfile(hooks_of(git_dir) / OWN_HOOK)

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

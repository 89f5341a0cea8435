"""Forgejo: taken for a Gitea, of which it came, with the same variables and hooks.

https://codeberg.org/forgejo/forgejo, modules/repository/hooks.go: newer ones keep the hooks of all
repositories in one folder.
"""

import os
from pathlib import Path

from mlreef_hooks.servers.gitea import OWN_HOOK, GiteaServer, hooks_of

_READ_BYTES = 4096


class ForgejoServer(GiteaServer):
    """The repositories of a Forgejo."""

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True where Forgejo's own hook is in the folder of hooks, or Gitea's runs forgejo."""
        own = hooks_of(git_dir) / OWN_HOOK
        if os.path.isfile(own.with_name("forgejo")):
            return True
        try:
            with own.open("rb") as hook:
                return b"forgejo" in hook.read(_READ_BYTES)
        except OSError:
            return False

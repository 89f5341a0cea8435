"""Forgejo: taken for a Gitea, of which it came, with the same folders, variables and hooks."""

from pathlib import Path

from mlreef_hooks.servers.gitea import RUNS_OURS, GiteaServer

_READ_BYTES = 4096


class ForgejoServer(GiteaServer):
    """The repositories of a Forgejo."""

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True where Forgejo's own hook is in the folder of hooks, or Gitea's runs forgejo."""
        hooks = git_dir / RUNS_OURS
        if (hooks / "forgejo").is_file():
            return True
        try:
            with (hooks / "gitea").open("rb") as hook:
                return b"forgejo" in hook.read(_READ_BYTES)
        except OSError:
            return False

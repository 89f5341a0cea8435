"""Plain bare repositories, over ssh, smart HTTP or a path: the folder is the name."""

from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.servers.folders import FolderServer, below


class PlainServer(FolderServer):
    """A folder of repositories that nothing but git knows."""

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True for every repository: those of other servers are asked for first."""
        return True

    def place(self, path: Path, environ: Mapping[str, str]) -> Path:
        """The place below `[server] root`, else the folder and the one around it."""
        base = self.base(path)
        return below(path, base) if base else Path(*path.parts[-2:])

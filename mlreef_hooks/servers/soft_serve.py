"""soft-serve: `repos/NAME.git`, `SOFT_SERVE_*` in the environment.

https://github.com/charmbracelet/soft-serve, pkg/hooks/gen.go and pkg/ssh/cmd/git.go.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.servers.folders import FolderServer, below, check_said

_REPOSITORIES = "repos"  # below its SOFT_SERVE_DATA_PATH


class SoftServeServer(FolderServer):
    """The repositories of a soft-serve."""

    pusher_variables = ("SOFT_SERVE_USERNAME", "REMOTE_USER")

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True where soft-serve's own hook is in the folder of hooks."""
        return os.path.isfile(git_dir / "hooks" / "post-receive.d" / "soft-serve")

    def base(self, path: Path) -> Path | None:
        """The site's root where it is below `repos`, else that folder."""
        root = super().base(path)
        called = [folder for folder in reversed(path.parents) if folder.name == _REPOSITORIES]
        if root and (root in called or not called):
            return root
        return called[0] if called else None

    def place(self, path: Path, environ: Mapping[str, str]) -> Path:
        """The path below `repos`."""
        base = self.base(path)
        place = below(path, base) if base else Path(*path.parts[-2:])
        said = environ.get("SOFT_SERVE_REPO_NAME")
        check_said("SOFT_SERVE_REPO_NAME", said, str(place).removesuffix(".git"))
        return place

"""gitolite 3: repositories below `repositories`, `GL_REPO` and `GL_USER` in the environment.

https://gitolite.com/gitolite/dev-notes.html, and the sources of 3.6.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.servers.folders import FolderServer, below, check_said, link_target

_ADMIN = "gitolite-admin.git"  # the repository that each gitolite has, at the top


class GitoliteServer(FolderServer):
    """The repositories of a gitolite (its `GL_REPO_BASE`)."""

    pusher_variables = ("GL_USER", "REMOTE_USER")

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True where gitolite's rules, or its hook, are in the repository."""
        update = link_target(git_dir / "hooks" / "update")
        return os.path.isfile(git_dir / "gl-conf") or "gitolite" in update

    def base(self, path: Path) -> Path | None:
        """gitolite's folder of repositories, else the site's root."""
        return self.found_base(path) or super().base(path)

    @staticmethod
    def found_base(path: Path) -> Path | None:
        """The folder with gitolite's own repository, else the one called `repositories`.

        The outermost one: whoever may make repositories could make another one below.
        """
        around = [*reversed(path.parents)]
        own = [folder for folder in around if os.path.isdir(folder / _ADMIN)]
        called = [folder for folder in around if folder.name == "repositories"]
        return next(iter([*own, *called]), None)

    def place(self, path: Path, environ: Mapping[str, str]) -> Path:
        """The path below gitolite's folder of repositories."""
        base = self.base(path)
        place = below(path, base) if base else Path(*path.parts[-2:])
        check_said("GL_REPO", environ.get("GL_REPO"), str(place).removesuffix(".git"))
        return place

"""GitLab: hashed storage, whose names are in the repository's settings; `GL_*` in the environment.

https://docs.gitlab.com/administration/repository_storage_paths, server_hooks, and gitaly's
internal/gitaly/hook/custom.go, which makes the environment of a hook by itself.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_settings import own_setting, set_own
from mlreef_hooks.servers.folders import (
    HASHED,
    FolderServer,
    below,
    check_said,
    is_hashed,
    link_target,
)

FULL_PATH = "mlreef.fullPath"  # GitLab 16 and later do not write gitlab.fullpath any more
_READ_BYTES = 65_536


class GitlabServer(FolderServer):
    """The repositories of a GitLab (a storage of its gitaly)."""

    pusher_variables = ("GL_USERNAME", "GL_ID", "REMOTE_USER")

    @classmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True in hashed storage, and where GitLab's hooks or settings are in the repository."""
        if is_hashed(git_dir) or "gitlab" in link_target(git_dir / "hooks"):
            return True
        try:
            with (git_dir / "config").open("rb") as config:
                return b"[gitlab]" in config.read(_READ_BYTES)
        except OSError:
            return False

    @classmethod
    def holds_code(cls, git_dir: Path) -> bool:
        """False for those of wikis and designs, and for pools of objects and snippets."""
        own = any(each in HASHED[1:] for each in git_dir.parts)
        return not own and not git_dir.name.endswith((".wiki.git", ".design.git"))

    def place(self, path: Path, environ: Mapping[str, str]) -> Path:
        """The group and the project, by the repository's settings, its folder, or the push.

        What only the push says is written into the settings, where a sweep finds it.
        """
        known = own_setting(path, FULL_PATH) or own_setting(path, "gitlab.fullpath")
        said = environ.get("GL_PROJECT_PATH")
        checked = is_hashed(path) and _is_of_project(path, environ.get("GL_REPOSITORY", ""))
        if not is_hashed(path) and not known:
            base = self.base(path)
            known = str(below(path, base) if base else Path(*path.parts[-2:]))
            known = known.removesuffix(".git")
        if not known and said and checked:
            known = said
            with suppress(PublishError):  # a service may not write there
                set_own(path, FULL_PATH, said)
        if not known:
            raise PublishError(
                f"nothing says which project the repository {path.name} is",
                f"push to it once, or: git -C {path} config {FULL_PATH} GROUP/PROJECT",
            )
        moved = f"where the project was moved, the administrator says so: git -C {path} config"
        check_said("GL_PROJECT_PATH", said, known, f"{moved} {FULL_PATH} GROUP/PROJECT")
        return Path(known)


def _is_of_project(path: Path, repository: str) -> bool:
    """True where the environment names the project of a hashed folder.

    The folder is called by the SHA-256 of the project's number. PublishError where it is another.
    """
    kind, _, number = repository.partition("-")
    if kind != "project" or not number:
        return False
    hashed = hashlib.sha256(number.encode(errors="replace")).hexdigest()
    check_said("GL_REPOSITORY", hashed, path.name.removesuffix(".git"))
    return True

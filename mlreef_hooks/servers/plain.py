"""Plain bare repositories, over ssh, smart HTTP or a path: the folder is the name."""

import hashlib
import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import RESERVED, RepositoryName

_PART_LENGTH = 100
_NAMESPACE_LENGTH = 150  # docker allows 255 for host, namespace and name together


@dataclass(frozen=True, kw_only=True)
class PlainServer:
    """A folder of repositories. `user_id` is that of the process that git runs hooks in."""

    settings: Server
    user_id: int

    def repository_name(self, git_dir: Path, environ: Mapping[str, str]) -> RepositoryName:
        """The repository's place below `[server] root`, or its folder's where there is no root.

        PublishError where it is not below the root, or too deep to be a namespace.
        """
        path = git_dir.resolve()
        path = path.parent if path.name == ".git" else path
        if self.settings.root:
            root = Path(self.settings.root).resolve()
            place, fallback, mark = _below(path, root), root.name, ""
        else:
            # Without a root only the whole path tells repositories apart; it stays on the server.
            mark = "@" + hashlib.sha256(bytes(path)).hexdigest()[:16]
            place, fallback = Path(*path.parts[-2:]), ""
        name = place.name.removesuffix(".git")
        folders = place.parent.parts or (fallback,)
        namespace = "/".join(map(_namespace_part, folders))
        if len(namespace) > _NAMESPACE_LENGTH:
            raise PublishError(
                f"the namespace {namespace[:40]}... of the repository is too long",
                f"the administrator keeps folders at or below {_NAMESPACE_LENGTH} characters",
            )
        return RepositoryName(key=_key(place) + mark, namespace=namespace, name=_slug(name))

    def pusher(self, environ: Mapping[str, str]) -> str:
        """Who pushed: the web server's user, else the account that git runs as."""
        if environ.get("REMOTE_USER"):
            return os.fsencode(environ["REMOTE_USER"]).decode(errors="replace")
        try:
            return pwd.getpwuid(self.user_id).pw_name
        except KeyError:
            return str(self.user_id)

    def source(self, repository: RepositoryName) -> str | None:
        """Where the code can be fetched, None where the site does not say."""
        if not self.settings.url:
            return None
        key = repository.key if self.settings.root else repository.key.rpartition("@")[0]
        return self.settings.url.replace("{repository}", key.rstrip("/"))


def _below(path: Path, root: Path) -> Path:
    if path == root or not path.is_relative_to(root):
        raise PublishError(
            f"the repository {path} is not below {root}",
            "the administrator corrects [server] root in the configuration",
        )
    return path.relative_to(root)


def _key(place: Path) -> str:
    """The place as text. A folder ends with a slash: `x` and `x.git` may stand side by side."""
    path = os.fsencode(place).replace(b"\\", b"\\\\").decode(errors="backslashreplace")
    return path.removesuffix(".git") if place.name.endswith(".git") else path + "/"


def _namespace_part(folder: str) -> str:
    """The folder's slug; one that means something in the index's own folders is changed."""
    slug = _slug(folder)
    return f"{slug}-folder" if slug in RESERVED or slug.endswith(".json") else slug


def _slug(text: str) -> str:
    """The text with what an image reference cannot hold replaced, so that it fits MODULE_NAME."""
    runs = re.sub(r"[^a-z0-9]+", lambda run: run[0] if run[0] in {".", "_"} else "-", text.lower())
    return runs[:_PART_LENGTH].strip("._-") or "unnamed"

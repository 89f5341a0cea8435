"""Plain bare repositories, over ssh, smart HTTP or a path: the folder is the name."""

import hashlib
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_files import RESERVED
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.push import RepositoryName


@dataclass(frozen=True, kw_only=True)
class PlainServer:
    """A folder of repositories. `user_id` is that of the process that git runs hooks in."""

    settings: Server
    user_id: int

    def repository_name(self, git_dir: Path, environ: Mapping[str, str]) -> RepositoryName:
        """The repository's place below `[server] root`, or its folder's where there is no root.

        PublishError where it cannot be a namespace and a name.
        """
        path = git_dir.resolve()
        path = path.parent if path.name == ".git" else path
        root = Path(self.settings.root).resolve() if self.settings.root else None
        if root is None:
            # Without a root only the whole path tells repositories apart; it stays on the server.
            mark = "@" + hashlib.sha256(bytes(path)).hexdigest()[:8]
            parts: tuple[str, ...] = path.parts[-2:]
        elif path.is_relative_to(root) and path != root:
            mark, parts = "", path.relative_to(root).parts
        else:
            raise PublishError(
                f"the repository {path} is not below {root}",
                "the administrator corrects [server] root in the configuration",
            )
        *folders, name = (part.removesuffix(".git") for part in parts)
        key = "/".join((*folders, name)) + mark
        if any(_slug(folder) in RESERVED or folder.endswith(".json") for folder in folders):
            raise PublishError(
                f"a folder of repositories cannot be named {', '.join(RESERVED)} or *.json",
                "the administrator renames it",
            )
        namespace = "/".join(map(_slug, folders)) or _slug(root.name if root else "")
        return RepositoryName(key=key, namespace=namespace or "root", name=_slug(name))

    def pusher(self, environ: Mapping[str, str]) -> str:
        """Who pushed: the web server's user, else the account that git runs as."""
        if environ.get("REMOTE_USER"):
            return environ["REMOTE_USER"]
        try:
            return pwd.getpwuid(self.user_id).pw_name
        except KeyError:
            return str(self.user_id)

    def visibility(self, repository_settings: Mapping[str, str]) -> str:
        """What `git config mlreef.visibility` says in the repository; private without a word."""
        said = repository_settings.get("mlreef.visibility", "").strip().lower()
        return said if said in VISIBILITIES else "private"

    def source(self, repository: RepositoryName) -> str | None:
        """Where the code can be fetched, None where the site does not say."""
        if not self.settings.url:
            return None
        return self.settings.url.replace("{repository}", repository.key.partition("@")[0])


def _slug(text: str) -> str:
    """The text with what an image reference cannot hold replaced, so that it fits MODULE_NAME."""
    text = re.sub(r"[^a-z0-9]+", lambda run: run[0] if run[0] in "._-" else "-", text.lower())
    return text.strip("._-") or "unnamed"

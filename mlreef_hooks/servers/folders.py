"""What all git servers share: repositories in folders, whose places are their names."""

import hashlib
import os
import pwd
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mlreef_hooks.config import Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import RESERVED, RepositoryName

_PART_LENGTH = 100
_NAMESPACE_LENGTH = 150  # docker allows 255 for host, namespace and name together
HASHED = ("@hashed", "@groups", "@pools", "@snippets")  # the tops of GitLab's hashed storage
_FORGED = (
    "the administrator takes it out of AcceptEnv in sshd_config, or corrects root and kind below"
    " [server] in the configuration"
)


@dataclass(frozen=True, kw_only=True)
class FolderServer(ABC):
    """A folder of repositories; a kind of server says what is peculiar to it.

    `user_id` is that of the process that git runs hooks in. `pusher_variables` are those of a
    hook's environment that name the pusher, the best one first.
    """

    settings: Server
    user_id: int
    pusher_variables: ClassVar[tuple[str, ...]] = ("REMOTE_USER",)

    @classmethod
    @abstractmethod
    def keeps(cls, git_dir: Path) -> bool:
        """True where what is on disk shows that a server of this kind keeps the repository.

        What may not be looked at shows nothing.
        """

    @classmethod
    def holds_code(cls, git_dir: Path) -> bool:
        """False for a repository that the server keeps for itself, such as a wiki's."""
        return True

    @abstractmethod
    def place(self, path: Path, environ: Mapping[str, str]) -> Path:
        """What the server calls the repository in a resolved folder: a relative path.

        PublishError where it calls it nothing, or the environment something else.
        """

    def base(self, path: Path) -> Path | None:
        """The folder that the server keeps its repositories below; None where nobody knows."""
        return Path(self.settings.root).resolve() if self.settings.root else None

    def repository_name(self, git_dir: Path, environ: Mapping[str, str]) -> RepositoryName:
        """What the server calls the repository.

        Its key is its place on disk, whatever it is called. PublishError where it is not below
        `[server] root`, is too deep to be a namespace, or the environment contradicts the folder.
        """
        path = repository_folder(git_dir)
        key = _key(path, self.settings.root)
        place, base = self.place(path, environ), self.base(path)
        folders = place.parent.parts or (base.name if base else "",)
        namespace = "/".join(map(_namespace_part, folders))
        if len(namespace) > _NAMESPACE_LENGTH:
            raise PublishError(
                f"the namespace {namespace[:40]}... of the repository is too long",
                f"the administrator keeps folders at or below {_NAMESPACE_LENGTH} characters",
            )
        name = _slug(place.name.removesuffix(".git"))
        return RepositoryName(key=key, namespace=namespace, name=name)

    def called(self, git_dir: Path) -> str:
        """What the server's own rules and pages call the repository, such as `vision/add-noise`."""
        return str(self.place(repository_folder(git_dir), {})).removesuffix(".git")

    def pusher(self, git_dir: Path, environ: Mapping[str, str]) -> str:
        """Who pushed, as the server or the web server says; else the account that git runs as."""
        said = next(filter(None, map(environ.get, self.pusher_variables)), None)
        if said:
            return os.fsencode(said).decode(errors="replace")
        try:
            return pwd.getpwuid(self.user_id).pw_name
        except KeyError:
            return str(self.user_id)

    def source(self, repository: RepositoryName) -> str | None:
        """Where the code can be fetched, None where the site does not say."""
        if not self.settings.url:
            return None
        key = repository.key if self.settings.root else repository.key.rpartition("@")[0]
        if is_hashed(Path(key)):  # GitLab serves it by its name alone
            key = f"{repository.namespace}/{repository.name}"
        return self.settings.url.replace("{repository}", key.rstrip("/"))


def repository_folder(git_dir: Path) -> Path:
    """The folder that is called as the repository: a git directory's, or the one around `.git`."""
    path = git_dir.resolve()
    return path.parent if path.name == ".git" else path


def below(path: Path, base: Path) -> Path:
    """The path seen from a folder; PublishError where it is not below."""
    if path == base or not path.is_relative_to(base):
        raise PublishError(
            f"the repository {path} is not below {base}",
            "the administrator corrects [server] root in the configuration",
        )
    return path.relative_to(base)


def is_hashed(path: Path) -> bool:
    """True for a place in GitLab's hashed storage, which says nothing of the name."""
    return any(each in HASHED for each in path.parts)


def check_said(variable: str, said: str | None, place: str, hint: str = _FORGED) -> None:
    """PublishError where the environment names another repository than the folder.

    Who pushes over ssh may send variables, where the server's `AcceptEnv` takes them.
    """
    if said and said != place:
        raise PublishError(
            f"{variable} names another repository than {place}, which was pushed to", hint
        )


def link_target(link: Path) -> str:
    """Where a link leads, as text; empty where there is none, or none that may be seen."""
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _key(path: Path, root: str) -> str:
    """The place on disk as text. A folder ends with a slash: `x` and `x.git` may be neighbours."""
    if root:
        place, mark = below(path, Path(root).resolve()), ""
    else:
        # Without a root only the whole path tells repositories apart; it stays on the server.
        place = Path(*path.parts[-2:])
        mark = "@" + hashlib.sha256(bytes(path)).hexdigest()[:16]
    text = os.fsencode(place).replace(b"\\", b"\\\\").decode(errors="backslashreplace")
    return (text.removesuffix(".git") if place.name.endswith(".git") else text + "/") + mark


def folder_of(key: str, root: Path) -> Path:
    """Where a repository is below the root, by its key: the reverse of `_key`, for plain names."""
    return root / (key.removesuffix("/") if key.endswith("/") else f"{key}.git")


def _namespace_part(folder: str) -> str:
    """The folder's slug; one that means something in the index's own folders is changed."""
    slug = _slug(folder)
    return f"{slug}-folder" if slug in RESERVED or slug.endswith(".json") else slug


def _slug(text: str) -> str:
    """The text with what an image reference cannot hold replaced, so that it fits MODULE_NAME."""
    runs = re.sub(r"[^a-z0-9]+", lambda run: run[0] if run[0] in {".", "_"} else "-", text.lower())
    return runs[:_PART_LENGTH].strip("._-") or "unnamed"

"""What people may read of a git server's repositories, as it would let them itself.

Answers are by the repositories' keys: of modules of which visibilities somebody is a reader.
"""

import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from mlreef_hooks.account import EXECUTE, READ, Account, user_of
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.servers.folders import folder_of
from mlreef_hooks.visibility import INTERNAL, PUBLIC

Readings = Mapping[str, Collection[str]]
VisibilityOf = Callable[[Path], str]  # of the repository in a git directory, now
_OPEN = frozenset({INTERNAL, PUBLIC})
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._@/+-]*")  # of gitolite's repositories and users
_HEAD, _OBJECTS = "HEAD", "objects"
_SECONDS = 20


def read_by_account(
    config: Config, user: str, keys: Collection[str], visibility: VisibilityOf
) -> Readings:
    """Repositories in folders: an account of the machine (empty: this process's) reads those whose
    files let it, by owner, groups and modes; everybody else what is public or internal now.

    PublishError where the site has no `server.root`, for then a key is no path.
    """
    if not config.server.root:
        raise PublishError(
            "the site does not say where its repositories are",
            "the administrator sets [server] root in the configuration",
        )
    account = _account(user)
    found = {}
    for key in keys:
        git_dir = _git_dir(Path(config.server.root), key)
        if git_dir is None:
            continue
        if account and _lets_read(git_dir, account):
            found[key] = frozenset(VISIBILITIES)
        elif visibility(git_dir) in _OPEN:
            found[key] = _OPEN
    return found


def _account(user: str) -> Account | None:
    try:
        return Account.of(user_of(user) if user else os.geteuid())
    except PublishError:
        return None


def _git_dir(root: Path, key: str) -> Path | None:
    """The git directory of a key, None where it is none any more."""
    if "\\" in key or ".." in key.split("/"):
        return None
    folder = folder_of(key, root)
    return next((each for each in (folder / ".git", folder) if (each / _HEAD).is_file()), None)


def _lets_read(git_dir: Path, account: Account) -> bool:
    wanted = (
        (git_dir, READ | EXECUTE),
        (git_dir / _HEAD, READ),
        (git_dir / _OBJECTS, READ | EXECUTE),
    )
    try:
        return not any(account.obstacle(path, bits) for path, bits in wanted)
    except OSError:
        return False


def read_by_gitolite(
    config: Config, user: str, keys: Collection[str], visibility: VisibilityOf
) -> Readings:
    """gitolite's repositories: what its rules let a user read (`gitolite access`), and no other,
    whatever the index said of them before.

    PublishError where gitolite does not answer.
    """
    asked = [key for key in keys if _NAME.fullmatch(key)]
    if not asked or not _NAME.fullmatch(user):
        return {}
    readable = {*_allowed(user, asked)}
    return {key: frozenset(VISIBILITIES) for key in asked if key in readable}


def _allowed(user: str, keys: Collection[str]) -> Iterator[str]:
    """One process answers for all repositories: `gitolite access % USER R any`."""
    kept = {name: each for name, each in os.environ.items() if name.startswith("GL_")}
    kept |= {name: os.environ[name] for name in ("HOME", "PATH", "USER") if name in os.environ}
    try:
        done = subprocess.run(
            ["gitolite", "access", "%", user, "R", "any"],
            input="".join(f"{key}\n" for key in keys), env=kept, capture_output=True, text=True,
            errors="replace", timeout=_SECONDS, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        message = "gitolite does not say who may read its repositories"
        raise PublishError(message, "tell the administrator", passing=True) from None
    for line in done.stdout.splitlines():
        key, who, said = [*line.split("\t"), "", "", ""][:3]
        if who == user and said and "DENIED" not in said:
            yield key


Access = Callable[[Config, str, Collection[str], VisibilityOf], Readings]
ACCESS: Mapping[str, Access] = {"plain": read_by_account, "gitolite": read_by_gitolite}

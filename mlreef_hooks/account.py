"""What an account of this machine may do with a file, by owner, groups and modes."""

import grp
import os
import pwd
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mlreef_hooks.errors import PublishError

READ, WRITE, EXECUTE = 4, 2, 1  # the bits of one class of a mode
_LINKS = 40  # followed in one path, as Linux does


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user id with all its groups."""

    user: int
    group: int
    groups: tuple[int, ...]

    @classmethod
    def of(cls, user: int) -> Self:
        """The account of a user id; one that has no name is in no group."""
        try:
            entry = pwd.getpwuid(user)
        except KeyError:
            return cls(user=user, group=user, groups=())
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        return cls(user=user, group=entry.pw_gid, groups=tuple(groups))

    @property
    def home(self) -> str:
        """The account's home folder, `/` where it has none."""
        try:
            return pwd.getpwuid(self.user).pw_dir
        except KeyError:
            return "/"

    def for_process(self) -> dict[str, Any]:
        """What makes `subprocess.run` start a program as this account, where we may be another."""
        if os.geteuid() != 0 or self.user == 0:
            return {}
        return {"user": self.user, "group": self.group, "extra_groups": self.groups, "cwd": "/"}

    def may(self, path: Path, wanted: int) -> bool:
        """True where the modes let the account do all that is `wanted` with what is at `path`."""
        found = path.lstat()
        if self.user == 0:
            return not wanted & EXECUTE or stat.S_ISDIR(found.st_mode) or found.st_mode & 0o111 > 0
        shift = 6 if found.st_uid == self.user else 3 if found.st_gid in self.groups else 0
        return found.st_mode >> shift & wanted == wanted

    def obstacle(self, path: Path, wanted: int) -> Path | None:
        """What keeps the account from doing that: a folder on the way, or the end of it.

        FileNotFoundError where there is nothing, PermissionError where this process may not look.
        """
        for folder in _way(path.absolute()):
            if not self.may(folder, EXECUTE):
                return folder
        end = path.resolve(strict=True)
        return None if self.may(end, wanted) else end


def owner_of_most(folders: Iterable[Path]) -> Account:
    """The account that most of the folders belong to, not root where others have some; our own
    where there is no folder.
    """
    owners = [folder.stat().st_uid for folder in folders if os.path.isdir(folder)]
    found = Counter(filter(None, owners) if any(owners) else owners).most_common(1)
    return Account.of(found[0][0] if found else os.geteuid())


def become(account: Account) -> None:
    """As root, go on as another account, for good."""
    if os.geteuid() != 0 or account.user == 0:
        return
    os.setgroups([*account.groups])
    os.setgid(account.group)
    os.setuid(account.user)
    os.environ["HOME"] = account.home  # git reads its settings there


def user_of(name: str) -> int:
    """The user id of an account, by its name or its number; PublishError where there is none."""
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise PublishError(f"there is no account {name}", "make it, or name another") from None


def group_of(name: str) -> int:
    """The group id of a group, by its name or its number; PublishError where there is none."""
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise PublishError(f"there is no group {name}", "make it, or name another") from None


def become_owner_of(folder: Path) -> None:
    """As root, go on as the account that a folder belongs to: what is left there is not root's."""
    if os.geteuid() == 0 and folder.is_dir():
        become(Account.of(folder.stat().st_uid))


def _way(path: Path) -> Iterator[Path]:
    """The folders that are entered on the way to a path, those behind its links too."""
    for _ in range(_LINKS):
        yield from reversed(path.parents)
        link = next((each for each in (*reversed(path.parents), path) if each.is_symlink()), None)
        if link is None:
            return
        path = link.parent / link.readlink() / path.relative_to(link)

"""The settings that hold in a repository (git-config(1)), and changes of its own ones."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.account import Account
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import ask_git, first_line, run_git

_OURS = "command line:"  # where those are from that git is run with here
_TRUE = ("true", "yes", "on")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: its name with section and key in lower case, and the file that it is from."""

    name: str
    value: str
    origin: str

    @property
    def on(self) -> bool:
        """What git takes it for as a boolean; one without a value is true."""
        number = self.value.removeprefix("-")
        return self.value.lower() in _TRUE or (number.isdigit() and int(number) != 0)


def read_settings(git_dir: Path) -> list[Setting]:
    """All settings of the machine, this account and the repository, in the order of their weight.

    PublishError where git reads none.
    """
    said = ask_git(git_dir, "config", "--list", "--show-origin", "-z").stdout
    words = os.fsdecode(said).split("\0")
    entries = zip(words[::2], words[1::2], strict=False)
    pairs = [(where, *entry.partition("\n")) for where, entry in entries if where != _OURS]
    return [
        Setting(name=name, value=value if has_value else "true", origin=origin.partition(":")[2])
        for origin, name, has_value, value in pairs
    ]


def last_of(settings: Sequence[Setting], name: str) -> Setting | None:
    """The setting of this name that counts, None where there is none."""
    return next((each for each in reversed(settings) if each.name == name), None)


def own_setting(git_dir: Path, name: str) -> str | None:
    """What a repository's own configuration file says, None where it says nothing."""
    done = run_git("config", "--file", str(git_dir / "config"), "--get", name)
    return None if done.returncode else os.fsdecode(done.stdout).removesuffix("\n")


def set_own(git_dir: Path, name: str, value: str | None) -> None:
    """Write a setting into a repository's own configuration file, or take it away (None).

    Root does it as the repository's owner, whose file it stays. PublishError where it cannot be.
    """
    change = ["--unset-all", name] if value is None else [name, value]
    owner = Account.of(git_dir.stat().st_uid)
    done = run_git("config", "--file", str(git_dir / "config"), *change, account=owner)
    if done.returncode:
        raise PublishError(
            f"the settings of {git_dir} cannot be changed: {first_line(done.stderr)}",
            "run it as the account that owns the repository, or as root",
        )

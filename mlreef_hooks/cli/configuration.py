"""Which configuration file counts, and what it says."""

import os
from collections.abc import Collection
from pathlib import Path

from mlreef_hooks.config import Config, parse_config
from mlreef_hooks.errors import PublishError

SITE_CONFIG = Path("/etc/mlreef-hooks/config.toml")
SITE_STATE = Path("/var/lib/mlreef-hooks")


def _xdg(variable: str, fallback: str) -> Path:
    try:
        return Path(os.environ.get(variable) or Path.home() / fallback) / "mlreef-hooks"
    except RuntimeError:  # such as a number that a container is started with
        said = "this account has no home folder"
        raise PublishError(said, "set HOME to a folder of its own") from None


def user_config() -> Path:
    """The configuration file of this user, whether it exists or not."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "config.toml"


def user_caches() -> Path:
    """The folder of what this user's commands remember; it may be deleted at any time."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def user_runs() -> Path:
    """The folder of the records of this user's runs."""
    named = os.environ.get("MLREEF_HOOKS_RUNS")
    return Path(named) if named else _xdg("XDG_STATE_HOME", ".local/state") / "runs"


def default_state() -> Path:
    """The state folder where the configuration names none."""
    return (
        SITE_STATE
        if SITE_STATE.is_dir() or os.geteuid() == 0
        else _xdg("XDG_STATE_HOME", ".local/state")
    )


def state_for(users: Collection[int], first: Path = SITE_STATE) -> Path:
    """The state folder of a new site, whose repositories belong to these accounts.

    `first` is that of the machine's first site, which may be another account's, or root's.
    """
    taken = first.is_dir() and first.stat().st_uid not in users
    if not users or not taken:
        return default_state()
    if os.geteuid() == 0:
        return first.with_name(f"{first.name}-{min(users)}")
    return _xdg("XDG_STATE_HOME", ".local/state")


def config_path(named: str | None) -> Path:
    """The configuration file that counts: the one named, the site's, else the user's."""
    if named:
        return Path(named)
    return SITE_CONFIG if SITE_CONFIG.exists() else user_config()


def load_config(named: str | None) -> Config:
    """The configuration; all defaults where there is no file and none was named."""
    path = config_path(named)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raise PublishError(f"{path} does not exist", "write it, or name another") from None
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise PublishError(f"{path} cannot be read: {error}", "correct its permissions") from None
    return parse_config(text, path=str(path), state=str(default_state()))

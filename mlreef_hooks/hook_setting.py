"""A hook of git's configuration (git-hook(1), since git 2.54), which runs beside all others."""

import shlex
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import git_version
from mlreef_hooks.git_settings import own_setting, set_own

CONFIG_HOOKS = (2, 54)  # the first git that runs them


def check_git() -> None:
    """PublishError where git runs no hooks of its configuration."""
    version = git_version()
    if version < CONFIG_HOOKS:
        raise PublishError(
            f"git {'.'.join(map(str, version))} does not run hooks of its configuration",
            "update git to 2.54, or take config_hook out of the configuration",
        )


def set_hook(git_dir: Path, event: str, hook: Path, *, dry_run: bool = False) -> bool:
    """True where the settings of a repository did not say yet that a hook runs at an event."""
    wanted = {_key(event, "event"): event, _key(event, "command"): shlex.quote(str(hook))}
    missing = {key: value for key, value in wanted.items() if own_setting(git_dir, key) != value}
    for key, value in missing.items() if not dry_run else ():
        set_own(git_dir, key, value)
    return bool(missing)


def unset_hook(git_dir: Path, event: str, *, dry_run: bool = False) -> bool:
    """True where the settings of a repository named a hook of ours."""
    keys = [_key(event, "command"), _key(event, "event")]
    found = [key for key in keys if own_setting(git_dir, key) is not None]
    for key in found if not dry_run else ():
        set_own(git_dir, key, None)
    return bool(found)


def _key(event: str, name: str) -> str:
    """The setting of the hook called `mlreef`; one of another event has a name of its own."""
    called = "mlreef" if event == "post-receive" else f"mlreef-{event}"
    return f"hook.{called}.{name}"

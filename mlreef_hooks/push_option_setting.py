"""Push options of a repository (`git push -o ...`): git takes none unless a setting says so."""

from pathlib import Path

from mlreef_hooks.git_settings import own_setting, set_own

SETTING = "receive.advertisePushOptions"
_OURS = "mlreef.setPushOptions"  # there where it was us who switched them on


def switch_on(git_dir: Path, *, dry_run: bool = False) -> bool:
    """True where a repository takes push options from now on.

    Where its own settings speak of them already, somebody has decided, and they stay.
    """
    if own_setting(git_dir, SETTING) is not None:
        return False
    if not dry_run:
        set_own(git_dir, _OURS, "true")
        set_own(git_dir, SETTING, "true")
    return True


def take_back(git_dir: Path, *, dry_run: bool = False) -> bool:
    """True where a repository takes no push options any more, because only we let it."""
    if own_setting(git_dir, _OURS) is None:
        return False
    ours = own_setting(git_dir, SETTING) == "true"
    if not dry_run:
        if ours:
            set_own(git_dir, SETTING, None)
        set_own(git_dir, _OURS, None)
    return ours

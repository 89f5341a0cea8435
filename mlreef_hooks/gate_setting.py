"""Whether a repository wants the gate: what `mlreef.gate` says, its own or that of its account."""

from collections.abc import Sequence
from pathlib import Path

from mlreef_hooks.git_settings import Setting, last_of, own_setting, read_settings, set_own


def wants_gate(settings: Sequence[Setting]) -> bool:
    """True where the settings that hold in a repository want the gate."""
    said = last_of(settings, "mlreef.gate")
    return said is not None and said.on


def decide_gate(git_dir: Path, wanted: bool | None, *, dry_run: bool = False) -> bool:
    """True where a repository is to have the gate; `wanted` is written into its own settings (None:
    they stay).
    """
    if wanted is None:
        return wants_gate(read_settings(git_dir))
    if not dry_run:
        set_own(git_dir, "mlreef.gate", str(wanted).lower())
    return wanted


def forget_gate(git_dir: Path) -> None:
    """Take the setting out of a repository's own ones."""
    if own_setting(git_dir, "mlreef.gate") is not None:
        set_own(git_dir, "mlreef.gate", None)

"""The hook in repositories that were made since: by `sweep`, and by `install --new`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from mlreef_hooks.cli.configuration import config_path, load_config
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.gate_placement import GatePlacement
from mlreef_hooks.hook_files import GATE, HOOK, hook_text
from mlreef_hooks.placement import Placement
from mlreef_hooks.plain_text import plain
from mlreef_hooks.service_files import check_readable


def cover_by_sweep(config: Config, config_file: str | None) -> Callable[[Path], bool]:
    """`covering` where the site wants it of its sweeps; else what does nothing.

    A service may not write repositories: there a unit of their own account does it.
    """
    if not config.server.cover_new or config.worker.service:
        return lambda git_dir: True
    return covering(config, config_file)


def cover_all(config_file: str | None, git_dirs: Sequence[Path]) -> int:
    """The exit status of putting the hook into those repositories that lack it."""
    cover = covering(load_config(config_file), config_file)
    covered = [cover(git_dir) for git_dir in git_dirs]
    return int(not all(covered))


def covering(config: Config, config_file: str | None) -> Callable[[Path], bool]:
    """What puts the hook into a repository that lacks it; False where it cannot be put there."""
    placement, gates = placements(config, config_path(config_file))

    def cover(git_dir: Path) -> bool:
        try:
            said = (placement.cover(git_dir) + gates.cover(git_dir)).removeprefix(", ")
            if said and config.worker.service:
                check_readable(git_dir, config)
        except PublishError as error:
            click.echo(f"error: {plain(str(git_dir))}: {plain(error.message)}")
            return False
        if said:
            click.echo(plain(f"{said}: {git_dir}"))
        return True

    return cover


def placements(
    config: Config, file: Path, *, gate: bool | None = None, dry_run: bool = False
) -> tuple[Placement, GatePlacement]:
    """What puts the hook, and the gate, into repositories; both start this installation by `file`.

    `gate` says whether they want one; None: as their settings say.
    """
    python = Path(sys.prefix) / "bin" / "python"
    hook, its_gate = (hook_text(python, file.resolve(), config, name=name) for name in (HOOK, GATE))
    return (
        Placement(config=config, text=hook, dry_run=dry_run),
        GatePlacement(settings=config.server, text=its_gate, wanted=gate, dry_run=dry_run),
    )

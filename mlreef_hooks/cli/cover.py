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
    python = Path(sys.prefix) / "bin" / "python"
    file = config_path(config_file).resolve()
    hook, gate = (hook_text(python, file, config, name=name) for name in (HOOK, GATE))
    placement = Placement(config=config, text=hook)
    gates = GatePlacement(settings=config.server, text=gate)

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

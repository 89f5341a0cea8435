"""What `sweep` does with repositories that were made since the hook was installed."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from mlreef_hooks.cli.configuration import config_path
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.hook_files import hook_text
from mlreef_hooks.placement import Placement
from mlreef_hooks.plain_text import plain


def covering(config: Config, config_file: str | None) -> Callable[[Path], bool]:
    """What puts the hook into a repository that lacks it, where the site wants that; False where
    it cannot be put there.

    A service may not write repositories: there it does nothing.
    """
    if not config.server.cover_new or config.worker.service:
        return lambda git_dir: True
    python = Path(sys.prefix) / "bin" / "python"
    text = hook_text(python, config_path(config_file).resolve(), config)
    placement = Placement(config=config, text=text)

    def cover(git_dir: Path) -> bool:
        try:
            said = placement.cover(git_dir)
        except PublishError as error:
            click.echo(f"error: {plain(str(git_dir))}: {plain(error.message)}")
            return False
        if said:
            click.echo(plain(f"{said}: {git_dir}"))
        return True

    return cover

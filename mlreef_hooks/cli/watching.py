"""What `check --watch` does."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from mlreef_hooks.errors import PublishError
from mlreef_hooks.ignored_files import not_ignored
from mlreef_hooks.plain_text import plain
from mlreef_hooks.saves import saved_files


def watch_folder(folder: Path, show: Callable[[], object]) -> NoReturn:
    """Show what is found in a folder, and again after each save, until the user interrupts.

    A terminal is cleared before each time. What git ignores is no save. PublishError where the
    folder is gone or cannot be watched.
    """
    place = folder.resolve()
    for saved in saved_files(place):
        if not place.is_dir():
            break
        if saved and not not_ignored(place, saved):
            continue
        click.clear()  # does nothing where there is no terminal
        try:
            show()
        except PublishError as error:  # such as a file that is gone again
            click.echo(f"error: {plain(error.message)}\nhint: {plain(error.hint)}", err=True)
    raise PublishError(f"{folder} is gone", "check another folder")

"""The index of the site, whose changes the catalogue shows where the site has one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.event_log import keep_mistake
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_store import Check, unchecked


def open_own_index(
    config: Config, say: Callable[[str], None], check: Check = unchecked
) -> IndexFiles:
    """The index of the site; what it could not tell the catalogue of is said and logged."""
    if not config.catalog.path:
        return IndexFiles(config.index_path, check)
    return IndexFiles(config.index_path, check, partial(_refresh, config, say))


def _refresh(config: Config, say: Callable[[str], None]) -> None:
    """Let the catalogue say what the index does; whatever fails here, the index is right."""
    try:
        from mlreef_hooks.catalog.update import refresh_catalog

        refresh_catalog(IndexFiles(config.index_path), Path(config.catalog.path))
    except Exception as error:
        keep_mistake(config.state_folder.errors, error)
        say("warning: the catalogue does not show this yet; the log has more")

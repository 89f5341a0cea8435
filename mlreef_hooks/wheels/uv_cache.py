"""The cache of uv on disk, and what a killed uv left in it.

uv writes beside the place, under names by chance, and never looks for them again. Those of a living
uv look the same: so every uv holds a lock, and what lies there while nobody does is garbage.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlreef_hooks.durable_files import shared

_BY_CHANCE = ".tmp*"


@contextmanager
def uv_cache(folder: Path) -> Iterator[tuple[Path, int]]:
    """The cache in a folder, and a descriptor that each uv which uses it has to inherit.

    Nothing is removed while one is open, whatever became of the process that opened it.
    """
    cache = folder / "uv"
    with shared(folder / "uv.lock", lambda: _remove_lost(cache)) as held:
        yield cache, held


def _remove_lost(cache: Path) -> None:
    for path in [*cache.rglob(_BY_CHANCE)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

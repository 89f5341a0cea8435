"""Files of an index that are broken, put aside so that they can be made anew."""

import os
from collections.abc import Iterator
from pathlib import Path

from mlreef_hooks.durable_files import locked, make_folder
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_audience import audience_of
from mlreef_hooks.index_document import read_document
from mlreef_hooks.index_store import LOCK, NOTE, Check

BROKEN = ".broken"  # behind the name of a file that was put aside


def set_aside_broken(root: Path, check: Check) -> list[Path]:
    """The files that were not what they should be; each is beside its place now, as it was."""
    try:
        make_folder(root, 0o755)
        with locked(root / LOCK):
            broken = [path for path in _files(root) if not _is_whole(path, root, check)]
            for path in broken:
                path.replace(path.with_name(path.name + BROKEN))
    except OSError as error:
        hint = "run it as the account of the state folder"
        raise PublishError(f"the index cannot be mended: {error}", hint) from error
    return broken


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in ("provenance", "schema"))
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".json"))
    if (root / NOTE).exists():
        yield root / NOTE


def _is_whole(path: Path, root: Path, check: Check) -> bool:
    """True where a file is a document of the index, and stands where such a one belongs."""
    place = path.relative_to(root).parts
    try:
        document = read_document(path)
        if document is None or path.name == NOTE:
            return True
        if "modules" in place:
            found = check("module", document, str(path))
            audience = audience_of(found["visibility"], found["namespace"])
            ours: Path = root / audience / "modules" / found["namespace"] / f"{found['name']}.json"
            return path == ours
        check("listing" if "listing" in place else "index", document, str(path))
    except PublishError:
        return False
    return True

"""What `check` found in the folders of a repository: a file that may be deleted at any time.

Keys are tree ids, so nothing in it becomes wrong when files change. It never fails, it only
forgets; a small repository, which is read as fast as its file would be, has none.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from mlreef_hooks.durable_files import make_folder, replace_file

_SMALL = 500  # files
_MOST = 20_000  # folders, of all states of the repository that were checked


class FolderMemory:
    """What is known of the folders of one repository."""

    def __init__(self, caches: Path, repository: Path) -> None:
        """The file is in the folder `caches`, which need not be there."""
        # Two repositories under one name would only make each other's checks slower.
        self._path = caches / f"folders-{zlib.crc32(bytes(repository)):08x}.json"

    def find(self, keys: Iterable[str]) -> Mapping[str, Any]:
        """What is known under keys, as JSON objects."""
        return {key: self._kept[key] for key in keys if key in self._kept}

    def keep(self, facts: Mapping[str, Any], files: int) -> None:
        """Remember what was found in folders of a tree with so many files."""
        if not facts or files < _SMALL:
            return
        kept = {**self._kept, **facts} if len(self._kept) < _MOST else facts
        content = json.dumps(kept, separators=(",", ":")).encode()
        with suppress(OSError):
            make_folder(self._path.parent, 0o700)
            replace_file(self._path, _sum(content) + content, 0o600)

    @cached_property
    def _kept(self) -> Mapping[str, Any]:
        with suppress(OSError, ValueError, RecursionError):
            content = self._path.read_bytes()
            begin = len(_sum(b""))
            if content[:begin] == _sum(content[begin:]):
                kept = json.loads(content[begin:])
                return kept if isinstance(kept, dict) else {}
        return {}


def _sum(content: bytes) -> bytes:
    """The checksum before the content, by which a file that is broken is told."""
    return b"%08x\n" % zlib.crc32(content)

"""What `gc` remembers from one time to the next, in a file of the state folder.

Since when a version is yanked, which the index does not say, and which versions were taken out of
the index on purpose, so that they are told from those that it lost.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlreef_hooks.durable_files import make_folder, replace_file
from mlreef_hooks.index import Document, named


class CollectionMemory:
    """The memory in the file at `path`; where it is broken, everything stays longer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            document: Any = json.loads(path.read_bytes())
            self._yanked = {str(name): float(at) for name, at in document["yanked"].items()}
            self._taken_out = {str(name) for name in document["taken_out"]}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            self._yanked, self._taken_out = {}, set()

    def note(self, documents: Iterable[Document], now: float) -> None:
        """Note what stands in the index now: which versions are yanked, and which are there again
        that were taken out.
        """
        before, self._yanked = self._yanked, {}
        for document in documents:
            for version in document["versions"]:
                name = named(document, version["version"])
                self._taken_out.discard(name)
                if version["yanked"]:
                    self._yanked[name] = before.get(name, now)

    def yanked_before(self, moment: float) -> set[str]:
        """The versions (`vision/add-noise@1.0`) known to be yanked since before a moment."""
        return {name for name, at in self._yanked.items() if at < moment}

    def note_taken_out(self, versions: Iterable[str]) -> None:
        """Note versions that are about to be taken out of the index."""
        self._taken_out |= {*versions}

    def was_taken_out(self, version: str) -> bool:
        """True where a version was taken out on purpose."""
        return version in self._taken_out

    def write(self) -> None:
        """Let it outlast this process."""
        document = {"yanked": self._yanked, "taken_out": sorted(self._taken_out)}
        make_folder(self._path.parent, 0o755)
        replace_file(self._path, json.dumps(document, sort_keys=True).encode(), 0o600)

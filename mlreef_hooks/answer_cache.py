"""What web servers answered, a file for each address: a folder that may be deleted at any time.

It never fails, it only forgets. A file is written beside its place and moved there, under a lock.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.durable_files import locked, make_folder, replace_file

_HEAD = 8192  # bytes of the line before the content


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An answer: its content, how the server tells whether it has changed, and when it was the
    server's last word (seconds since 1970).
    """

    content: bytes
    etag: str = ""
    modified: str = ""
    at: float = 0


class AnswerCache:
    """The answers below the folder `folder`, which need not be there; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, url: str) -> Kept | None:
        """What is kept of an address, None where nothing whole is."""
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            if path := self._path(url):
                with path.open("rb") as file:
                    head = json.loads(file.readline(_HEAD))
                    content = file.read()
                    at = os.fstat(file.fileno()).st_mtime
                if head["url"] == url and head["sha256"] == hashlib.sha256(content).hexdigest():
                    etag, modified = str(head["etag"]), str(head["modified"])
                    return Kept(content=content, etag=etag, modified=modified, at=at)
        return None

    def keep(self, url: str, kept: Kept) -> None:
        """Keep an answer in the place of the one before."""
        digest = hashlib.sha256(kept.content).hexdigest()
        head = {"url": url, "etag": kept.etag, "modified": kept.modified, "sha256": digest}
        line = json.dumps(head).encode() + b"\n"
        path = self._path(url)
        if path is None or len(line) > _HEAD:
            return
        with suppress(OSError):
            make_folder(path.parent, 0o700)
            with locked(path.parent / ".lock"):
                replace_file(path, line + kept.content, 0o600)

    def confirm(self, url: str) -> None:
        """Note that what is kept is still what the server says."""
        if path := self._path(url):
            with suppress(OSError):
                os.utime(path)

    def _path(self, url: str) -> Path | None:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._folder / name if self._folder else None

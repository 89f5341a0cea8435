"""What web servers answered, a file for each address: a folder that may be deleted at any time.

It never fails, it only forgets: what nobody has read for longest first, where it grows too large. A
file is written beside its place and moved there, under a lock.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.durable_files import locked, make_folder, open_own, replace_file

MOST = 512 << 20  # bytes on disk of all answers, more than all listings of an index
_LEFT = 3 / 4  # of them after some were removed, so that not each answer has all looked at
_BLOCK = 4096  # bytes; no file takes less
_HEAD = 8192  # bytes of the line before the content
_LOCK, _SIZE = ".lock", ".size"


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
    """The answers below the folder `folder`, which need not be there; None keeps nothing. They take
    `most` bytes of the disk at most.
    """

    def __init__(self, folder: Path | None, most: int = MOST) -> None:
        self._folder = folder
        self._most = most

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
        path, size = self._path(url), _on_disk(len(line) + len(kept.content))
        if path is None or len(line) > _HEAD or size > self._most:
            return
        with suppress(OSError):
            make_folder(path.parent, 0o700)
            with locked(path.parent / _LOCK):
                self._make_room(path.parent, size)
                replace_file(path, line + kept.content, 0o600)

    def _make_room(self, folder: Path, size: int) -> None:
        """Remove what nobody has read for longest where an answer of that size would be too much.

        How much there is stands in a file, and is noted before the answer is there: whoever is
        killed leaves too high a number, or none, and then the next one looks at the answers.
        """
        with os.fdopen(open_own(folder / _SIZE, os.O_RDWR, 0o600), "r+b") as note:
            try:
                there = int(note.read(_HEAD))
            except ValueError:
                there = self._most
            if there + size > self._most:
                there = _remove_oldest(folder, min(int(self._most * _LEFT), self._most - size))
            note.seek(0)
            note.truncate()
            note.write(str(there + size).encode())

    def confirm(self, url: str) -> None:
        """Note that what is kept is still what the server says."""
        if path := self._path(url):
            with suppress(OSError):
                os.utime(path)

    def _path(self, url: str) -> Path | None:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._folder / name if self._folder else None


def _remove_oldest(folder: Path, most: int) -> int:
    """The bytes that files take once those read longest ago are removed, down to `most` bytes.

    When a file was read is known as far as its file system notes it, else when it was written.
    Whoever reads one that goes has it open.
    """
    with os.scandir(folder) as entries:
        found = [
            (max(facts.st_atime_ns, facts.st_mtime_ns), each.path, _on_disk(facts.st_size))
            for each in entries
            if each.name not in (_LOCK, _SIZE) and each.is_file(follow_symlinks=False)
            if (facts := each.stat(follow_symlinks=False))
        ]
    there = sum(size for _, _, size in found)
    for _, path, size in sorted(found):
        if there <= most:
            break
        os.unlink(path)
        there -= size
    return there


def _on_disk(size: int) -> int:
    """The bytes that a file of a size takes."""
    return -(-size // _BLOCK) * _BLOCK

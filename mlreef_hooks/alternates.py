"""The folders that a repository's objects are in: its own, and those that it shares with others.

They are told as git tells them (gitrepository-layout(5); read_info_alternates in git's
object-file.c), so that nothing is read that git would not read.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DEEPEST = 5  # alternates of alternates; git ignores those further on
# not compiled: hardly any repository needs them
_ESCAPED = rb"\\([0-3][0-7]{2}|.)"
_QUOTED = rb'"((?:[^"\\]|\\(?:[0-3][0-7]{2}|[abfnrtv"\\]))*)"'
_LETTERS = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


@dataclass(frozen=True, kw_only=True)
class ObjectFolders:
    """The folders that are there, its own first; and those that are named and are not there."""

    there: tuple[Path, ...]
    missing: tuple[Path, ...]


def object_folders(objects: Path) -> ObjectFolders:
    """The folder `objects` of a repository and its alternates, theirs included."""
    there: dict[Path, None] = {}
    missing: dict[Path, None] = {}
    waiting = [(objects, 0)]
    while waiting:
        named, depth = waiting.pop()
        folder = Path(os.path.realpath(named))
        if folder in there:
            continue
        # isdir is False as well where it may not be looked at; git takes no root.
        if not os.path.isdir(folder) or folder == folder.parent:
            missing[folder] = None
            continue
        there[folder] = None
        if depth <= _DEEPEST:
            named_there = [(folder / path, depth + 1) for path in _alternates(folder)]
            waiting += reversed(named_there)
    return ObjectFolders(there=tuple(there), missing=tuple(missing))


def _alternates(folder: Path) -> Iterator[str]:
    """The paths in a folder's list, absolute or relative to it."""
    path = folder / "info" / "alternates"
    content = path.read_bytes() if os.path.isfile(path) else b""
    for line in content.partition(b"\0")[0].split(b"\n"):  # git reads a C string
        quoted = re.match(_QUOTED, line)
        if line and not line.startswith(b"#"):
            yield os.fsdecode(re.sub(_ESCAPED, _character, quoted[1]) if quoted else line)


def _character(escaped: "re.Match[bytes]") -> bytes:
    said = escaped[1]
    number = int(said, 8) if len(said) == 3 else _LETTERS.get(said[0], said[0])
    return bytes([number & 255])

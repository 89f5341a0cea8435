"""Pointers of Git LFS: what a tree holds in the place of a large file.

Format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

import re
from dataclasses import dataclass

POINTER_SIZES = range(100, 1024)  # bytes of a pointer, by that specification
_BEGIN = b"version https://git-lfs.github.com/spec/"
_POINTER = (  # not compiled: hardly any tree needs it
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:([0-9a-f]{64})\n"
    rb"size ([1-9][0-9]{0,17})\n?"
)


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """What a pointer says of its file: the SHA-256 of the content in hex, and its size in bytes."""

    oid: str
    size: int


def is_pointer(content: bytes) -> bool:
    """True where a file of one of `POINTER_SIZES` is a pointer, whatever its form."""
    return content.startswith(_BEGIN)


def read_pointer(content: bytes) -> Pointer | None:
    """What the pointer says; None for one of another form, such as with extensions, whose content
    a program would have to make.
    """
    found = re.fullmatch(_POINTER, content)
    return Pointer(oid=found[1].decode(), size=int(found[2])) if found else None

"""Trees in memory, those that no git command writes included."""

import struct
import zlib
from collections.abc import Iterable, Mapping

from mlreef_hooks.tree import ReadObjects, SourceTree
from mlreef_hooks.tree_entry import FILE, TreeEntry


def memory_tree(
    files: Mapping[str, str | bytes],
    extra: Iterable[tuple[str, int, bytes]] = (),
    *,
    beyond: str | None = None,
) -> SourceTree:
    """The tree of `files`, and behind them of `extra`: path, git's mode, content."""
    listed = [(path, FILE, content) for path, content in files.items()]
    contents: dict[str, bytes] = {}
    entries = []
    for number, (path, mode, content) in enumerate([*listed, *extra]):
        data = content.encode() if isinstance(content, str) else content
        contents[str(number)] = data
        entries.append(TreeEntry(path=path, mode=mode, size=len(data), id=str(number)))
    return SourceTree(entries, ReadObjects(lambda entry: contents[entry.id]), beyond=beyond)


def png(width: int = 16, height: int = 16, colour: tuple[int, int, int] = (46, 110, 158)) -> bytes:
    """A picture of one colour."""
    row = b"\0" + bytes(colour) * width
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * height)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )

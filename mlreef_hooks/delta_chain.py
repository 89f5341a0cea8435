"""How much memory an object takes that is packed as a delta, told without unpacking it.

A delta of a few bytes may stand on gigabytes that were packed into nothing, and what is between may
be larger still. All deltas of a chain are unpacked before the first is applied, and each turns one
content into the next. Format: https://git-scm.com/docs/gitformat-pack.
"""

import zlib
from collections.abc import Callable, Iterator

OFFSET_DELTA, REFERENCE_DELTA = 6, 7
_BLOB = 3
_MOST = {_BLOB: 1 << 30}  # bytes of memory: a delta on a file of 256 MiB
_MOST_OTHER = 256 << 20
_HEAD = 64  # bytes: more than what stands before the packed content
_SIZES = 20  # bytes: more than the two sizes that a delta begins with
_PACKED = 1 << 12  # bytes that they are looked for in

Read = Callable[[int, int], bytes]  # of a pack: from an offset, so many bytes at most
Find = Callable[[bytes], int]  # where in the pack the object of an id is


def is_too_large(read: Read, find: Find, offset: int, id_bytes: int) -> bool:
    """True where making an object at an offset of a pack takes more memory than it is worth.

    Never for a file that is no delta: its own size tells that. KeyError, ValueError or zlib.error
    where the pack is damaged.
    """
    chain = [*_chain(read, find, offset, id_bytes)]
    kind = chain[-1][0]
    if kind == _BLOB and len(chain) == 1:
        return False
    kept = sum(packed for _, packed, _ in chain)
    return kept + 3 * max(size for _, _, size in chain) > _MOST.get(kind, _MOST_OTHER)


def _chain(read: Read, find: Find, offset: int, id_bytes: int) -> Iterator[tuple[int, int, int]]:
    """An object and those that it is made from: the kind of each, how many bytes are unpacked for
    it, and how many it then has.
    """
    seen: set[int] = set()
    while offset not in seen:
        seen.add(offset)
        head = read(offset, _HEAD)
        kind = _byte(head, 0) >> 4 & 7
        low, place = _number(head, 0)
        unpacked = (low >> 7 << 4) | (low & 15)
        if kind not in (OFFSET_DELTA, REFERENCE_DELTA):
            yield kind, unpacked, unpacked
            return
        if kind == OFFSET_DELTA:
            base, place = _distance(head, place)
            base = offset - base
        else:
            base, place = find(head[place : place + id_bytes]), place + id_bytes
        yield kind, unpacked, _size_of_result(read(offset + place, _PACKED))
        offset = base
    raise ValueError("a delta that is made from itself")


def _size_of_result(packed: bytes) -> int:
    delta = zlib.decompressobj().decompress(packed, _SIZES)
    _, place = _number(delta, 0)
    return _number(delta, place)[0]


def _number(content: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place behind it."""
    number = shift = 0
    while True:
        byte = _byte(content, place)
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place


def _distance(content: bytes, place: int) -> tuple[int, int]:
    """How far before its delta a base is, and the place behind that."""
    byte = _byte(content, place)
    number = byte & 127
    while byte >= 128:
        place += 1
        byte = _byte(content, place)
        number = (number + 1) << 7 | byte & 127
    return number, place + 1


def _byte(content: bytes, place: int) -> int:
    if place >= len(content):
        raise ValueError("a pack that is cut")
    return content[place]

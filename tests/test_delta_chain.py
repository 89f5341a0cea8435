"""What packed objects are made from, in packs that no git command would write."""

import hashlib
import subprocess
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from mlreef_hooks.config import Limits
from mlreef_hooks.delta_chain import OFFSET_DELTA, REFERENCE_DELTA, is_too_large
from mlreef_hooks.errors import PublishError
from mlreef_hooks.repository import GitRepository
from tests.support.git import make_bare

COMMIT, TREE, BLOB = 1, 2, 3
MIB = 1 << 20
START = b"PACK"
ID = b"i" * 20  # of the first object


def number(value: int) -> bytes:
    """A number as deltas have it."""
    if value < 128:
        return bytes([value])
    return bytes([value & 127 | 128]) + number(value >> 7)


def head(kind: int, size: int) -> bytes:
    """What a packed object begins with."""
    first = kind << 4 | size & 15
    return bytes([first | 128]) + number(size >> 4) if size > 15 else bytes([first])


def distance(value: int) -> bytes:
    """How far before its delta a base is."""
    content = bytes([value & 127])
    while value := value >> 7:
        value -= 1
        content = bytes([value & 127 | 128]) + content
    return content


def packed(kind: int, size: int, before: int, change: int = 5) -> bytes:
    """An object that says to be so large; a delta is on the object `before` it, or the first, and
    says to have `change` bytes itself.
    """
    if kind not in (OFFSET_DELTA, REFERENCE_DELTA):
        return head(kind, size)
    changes = number(1) + number(size) + b"x"
    base = distance(before) if kind == OFFSET_DELTA else ID
    return head(kind, change) + base + zlib.compress(changes)


def last_is_too_large(*objects: tuple[int, ...], filling: int = 0) -> bool:
    """What is said of the last of objects (kind, size, of its delta), `filling` bytes apart."""
    content, offset = START, 0
    for kind, size, *change in objects:
        before, offset = offset, len(content)
        content += packed(kind, size, offset - before, *change) + bytes(filling)
    places = {ID: len(START)}
    return is_too_large(lambda at, size: content[at : at + size], places.__getitem__, offset, 20)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([(TREE, 10)], False),
        ([(TREE, 64 * MIB)], False),
        ([(TREE, 64 * MIB + 1)], True),
        ([(COMMIT, 65 * MIB)], True),
        ([(BLOB, 513 * MIB)], False),
        ([(BLOB, 2048 * MIB)], False),
        ([(BLOB, 255 * MIB), (OFFSET_DELTA, 30)], False),
        ([(BLOB, 257 * MIB), (OFFSET_DELTA, 30)], True),
        ([(BLOB, 30), (OFFSET_DELTA, 513 * MIB), (OFFSET_DELTA, 30)], True),
        ([(BLOB, 40 * MIB), *[(OFFSET_DELTA, 40 * MIB, 40 * MIB)] * 21], False),
        ([(BLOB, 40 * MIB), *[(OFFSET_DELTA, 40 * MIB, 40 * MIB)] * 29, (OFFSET_DELTA, 6)], True),
        ([(BLOB, 100 * MIB), *[(OFFSET_DELTA, 100 * MIB, 2 * MIB)] * 50], False),
        ([(TREE, 65 * MIB), (OFFSET_DELTA, 30)], True),
        ([(TREE, 65 * MIB), (REFERENCE_DELTA, 30)], True),
        ([(BLOB, 65 * MIB), (OFFSET_DELTA, 30)], False),
        ([(TREE, 30), (OFFSET_DELTA, 97 * MIB), (OFFSET_DELTA, 30)], True),
        ([(TREE, 30), *[(OFFSET_DELTA, 30)] * 4000], False),
    ],
)
@pytest.mark.parametrize("filling", [0, 300])
def test_what_a_chain_unpacks_and_its_largest_count(
    objects: list[tuple[int, ...]], expected: bool, filling: int
) -> None:
    assert last_is_too_large(*objects, filling=filling) is expected


def test_a_base_may_be_far_away() -> None:
    assert last_is_too_large((TREE, 65 * MIB), (OFFSET_DELTA, 30), filling=3 * MIB)


def test_a_delta_on_itself_is_damage() -> None:
    with pytest.raises(ValueError, match="made from itself"):
        last_is_too_large((REFERENCE_DELTA, 30))


@pytest.mark.parametrize("content", [b"", b"\xff\xff", head(OFFSET_DELTA, 9) + b"\x80"])
def test_a_pack_that_is_cut_is_damage(content: bytes) -> None:
    with pytest.raises(ValueError, match="cut"):
        is_too_large(lambda at, size: content[at : at + size], lambda id_: 0, 0, 20)


def object_id(kind: str, content: bytes) -> bytes:
    """The id of an object."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).digest()


def test_a_tree_on_top_of_a_bomb_is_not_read(tmp_path: Path) -> None:
    blob, bomb = b"x = 1\n", bytes(65 * MIB)
    tree = b"100644 a.py\0" + object_id("blob", blob)
    who = b"Ada <ada@author.example> 1767225600 +0000\n"
    commit = b"tree %b\nauthor %bcommitter %b\nx\n" % (
        object_id("tree", tree).hex().encode(), who, who
    )  # fmt: skip
    changes = number(len(bomb)) + number(len(tree)) + bytes([len(tree)]) + tree
    base = object_id("tree", bomb)
    objects = [
        head(BLOB, len(blob)) + zlib.compress(blob),
        head(TREE, len(bomb)) + zlib.compress(bomb, 1),
        head(REFERENCE_DELTA, len(changes)) + base + zlib.compress(changes),
        head(COMMIT, len(commit)) + zlib.compress(commit),
    ]
    pack = START + b"\0\0\0\2\0\0\0\4" + b"".join(objects)
    folder = make_bare(tmp_path / "bomb.git")
    subprocess.run(
        ["git", "-C", folder, "index-pack", "--stdin"],
        input=pack + hashlib.sha1(pack).digest(), check=True, capture_output=True,
    )  # fmt: skip
    refusal = pytest.raises(PublishError, match="packed as changes that are too large")
    with closing(GitRepository(folder)) as repository, refusal:
        repository.read_tree(object_id("commit", commit).hex(), Limits())

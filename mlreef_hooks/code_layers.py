"""The code of an image in layers: which part of a tree is in which, as a pure function of the tree.

A part that did not change between two commits is the same layer, whose content nobody reads again.
Parts are halved by the names in them, until each is small or there is no room for more layers; how
large "small" is goes by powers of two, so that a small change moves the borders of few parts.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import IO

from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_entry import EXECUTABLE, FOLDER, SUBMODULE, SYMLINK, Child, TreeEntry

ROOT = "module"  # the folder of the code in the image
TIME = 315_532_800  # 1980-01-01 (UTC): what does not change must not carry the time of a commit
_RECIPE = "2"  # part of every key; raise it when the same part would be written differently
_SMALL = 1 << 20  # bytes; a smaller part is not divided
_ENTRY = 1 << 10  # bytes that an entry counts for besides its content
_DEEPEST = 40  # halvings by name


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some children of one folder (`""` for the root), each with everything below it.

    `known_key` is the key of a part whose members nobody looked up.
    """

    folder: str
    members: tuple[Child, ...]
    halved: int = 0
    known_key: str = ""

    @property
    def cost(self) -> int:
        """What reading and storing it costs, in bytes."""
        return sum(member.size + member.entries * _ENTRY for member in self.members)

    @cached_property
    def key(self) -> str:
        """The key of its layer: the layer's bytes depend on nothing else."""
        if self.known_key:
            return self.known_key
        members = [(member.name, member.mode, member.id) for member in self.members]
        said = json.dumps([_RECIPE, self.folder, members])
        return f"code-{hashlib.sha256(said.encode()).hexdigest()}"


Children = Callable[[str], Sequence[Child]]  # the children of the folder with a tree id
Memory = MutableMapping[str, list[str]]  # folders that were divided: the keys of their parts


def divide_code(
    root: Sequence[Child], children: Children, room: int, memory: Memory | None = None
) -> tuple[Part, ...]:
    """The parts of the tree whose root has these children, at most `room` of them.

    What `memory` knows of folders is not looked up; what it does not is added.
    """
    whole = Part(folder="", members=tuple(root))
    limit = _SMALL
    while limit * room < whole.cost:
        limit *= 2
    while True:
        parts = tuple(_divided(whole, children, limit, {} if memory is None else memory))
        if len(parts) <= room:
            return parts
        limit *= 2


def _divided(part: Part, children: Children, limit: int, memory: Memory) -> Iterator[Part]:
    waiting = [part]
    while waiting:
        part = waiting.pop()
        if part.cost <= limit:
            yield part
        elif len(part.members) > 1 and part.halved < _DEEPEST:
            waiting += reversed([half for half in _halves(part) if half.members])
        elif len(part.members) == 1 and part.members[0].mode == FOLDER:
            yield from _divided_folder(part, children, limit, memory)
        else:
            yield part


def _divided_folder(part: Part, children: Children, limit: int, memory: Memory) -> Iterator[Part]:
    """The parts of a part that is one folder."""
    (member,) = part.members
    folder = f"{part.folder}{member.name}/"
    key = f"parts-{_RECIPE}-{limit}-{member.id}-{folder}"
    known = memory.get(key)
    if known is None:
        inside = Part(folder=folder, members=tuple(children(member.id)))
        parts = list(_divided(inside, children, limit, memory))
        memory[key] = [each.key for each in parts]
        yield from parts
    else:
        yield from (Part(folder=folder, members=(), known_key=each) for each in known)


def _halves(part: Part) -> Iterator[Part]:
    """The members by one bit of their names' hashes, one that no halving before has looked at."""
    sides: tuple[list[Child], list[Child]] = ([], [])
    for member in part.members:
        digest = hashlib.sha256(member.name.encode(errors="surrogateescape")).digest()
        byte, bit = divmod(part.halved, 8)
        sides[digest[byte] >> bit & 1].append(member)
    for side in sides:
        yield replace(part, members=tuple(side), halved=part.halved + 1)


def write_part(tree: SourceTree, part: Part, out: IO[bytes]) -> None:
    """Write a part of a tree as an uncompressed tar of the image; see `write_code`."""
    found = (entry for member in part.members for entry in tree.walk(member, part.folder))
    write_code(sorted(found, key=lambda entry: entry.path), tree.stream, TIME, out)


def write_code(
    entries: Iterable[TreeEntry],
    read: Callable[[TreeEntry], Iterable[bytes]],
    time: int,
    out: IO[bytes],
) -> None:
    """Write entries, in the order of their paths, as an uncompressed tar of the image; `read` gives
    the content of each, in parts.

    Owner 0, modes from git, every time is `time` (seconds since 1970). A submodule is an empty
    folder, as in a checkout.
    """
    folders: set[str] = set()
    for entry in entries:
        path = f"{ROOT}/{entry.path}"
        inner = path if entry.mode == SUBMODULE else path.rpartition("/")[0]
        for folder in _new_folders(inner, folders):
            out.write(_header(folder, tarfile.DIRTYPE, 0o755, time))
        if entry.mode != SUBMODULE:
            _write_file(path, entry, read(entry), time, out)
    out.write(bytes(2 * tarfile.BLOCKSIZE))


def _write_file(
    path: str, entry: TreeEntry, content: Iterable[bytes], time: int, out: IO[bytes]
) -> None:
    if entry.mode == SYMLINK:
        target = b"".join(content).decode(errors="surrogateescape")
        out.write(_header(path, tarfile.SYMTYPE, 0o777, time, link=target))
        return
    mode = 0o755 if entry.mode == EXECUTABLE else 0o644
    out.write(_header(path, tarfile.REGTYPE, mode, time, size=entry.size))
    for part in content:
        out.write(part)
    out.write(bytes(-entry.size % tarfile.BLOCKSIZE))


def _new_folders(path: str, known: set[str]) -> list[str]:
    """The folders on the way to a path, and itself, that are not known yet; parents first."""
    found = []
    while path and path not in known:
        known.add(path)
        found.append(path)
        path = path.rpartition("/")[0]
    return found[::-1]


def _header(
    path: str, kind: bytes, mode: int, time: int, *, size: int = 0, link: str = ""
) -> bytes:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.mtime = kind, mode, time
    member.size, member.linkname = size, link
    # names that are not ASCII would else be written in the encoding of the process's locale
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")

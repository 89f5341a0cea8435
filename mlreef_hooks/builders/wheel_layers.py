"""From locked wheels to layers on disk: a layer each, made once for all modules that have it."""

import hashlib
import json
import os
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

from mlreef_hooks.base_facts import BaseFacts
from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.code_layers import TIME
from mlreef_hooks.config_images import Pip
from mlreef_hooks.durable_files import make_folder
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import Layer, plain_layer
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.plain_text import counted
from mlreef_hooks.wheels.facts import WheelFacts
from mlreef_hooks.wheels.lock import Lock, LockedWheel, kept_at
from mlreef_hooks.wheels.place import PythonPlace

_RECIPE = "1"  # part of every key; raise it when the same wheel would be installed differently
_ALONE = 40  # of more wheels, the largest are layers of their own
_GROUPS = 16  # and the others share as many
_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, kw_only=True)
class InstalledWheels:
    """The layers that a lock becomes, and what they hold; `made` of the wheels are new."""

    layers: tuple[Layer, ...]
    modules: frozenset[str]
    made: int


class _Room:
    """How much all wheels of a lock may still write; a small one may be unpacked into anything."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def of(self, out: IO[bytes]) -> "_Bounded":
        """The file, as one that takes no more than there is room for."""
        return _Bounded(out, self)

    def take(self, size: int) -> None:
        """PublishError where so many bytes are too many; other threads may take some too."""
        self._left -= size
        if self._left < 0:
            raise PublishError(
                f"the wheels are larger, unpacked, than an image may be ({self._most} bytes)",
                "require less, or ask the administrator for a larger limits.image_bytes",
            )


@dataclass(frozen=True)
class _Bounded:
    """A file to write to while there is room."""

    out: IO[bytes]
    room: _Room

    def write(self, content: bytes) -> int:
        """Write bytes; PublishError where there is no room for them."""
        self.room.take(len(content))
        return self.out.write(content)


@dataclass(frozen=True, kw_only=True)
class WheelInstaller:
    """Makes layers of wheels, of at most `room` bytes for one lock. `folder` is where wheels are
    fetched to, `built` where those are kept that an engine built.
    """

    layouts: OciLayouts
    cache: BuildCache
    pip: Pip
    folder: Path
    built: Path
    room: int
    log: Callable[[str], None]

    def can_install(self, lock: Lock) -> bool:
        """True unless a wheel of the lock was built here and is gone."""
        return all(wheel.url or kept_at(self.built, wheel).is_file() for wheel in lock.wheels)

    def install(self, lock: Lock, base: BaseFacts) -> InstalledWheels:
        """The layers of a lock on a base, made now or found."""
        keys = {wheel: _key(wheel, base.place) for wheel in lock.wheels}
        known = self._known(keys.values())
        missing = [wheel for wheel in lock.wheels if keys[wheel] not in known]
        made = self._make(missing, base.place) if missing else {}
        self.cache.add_layers({keys[wheel]: facts.to_json() for wheel, facts in made.items()})
        if made:
            self.log(f"installed {counted(len(made), 'wheel')}")
        facts = [made.get(wheel) or known[keys[wheel]] for wheel in lock.wheels]
        prepared = self._prepare_base(base, lock)
        return InstalledWheels(
            layers=(*prepared, *self._grouped(facts)),
            modules=frozenset(name for each in facts for name in each.modules),
            made=len(made),
        )

    def _known(self, keys: Iterable[str]) -> dict[str, WheelFacts]:
        found = self.cache.layers(keys)
        facts = {key: WheelFacts.from_json(each) for key, each in found.items()}
        kept = self.layouts.keep(
            plain_layer(each.digest, each.size).blob for each in facts.values()
        )
        return {key: each for key, each in facts.items() if each.digest in kept}

    def _make(
        self, wheels: Sequence[LockedWheel], place: PythonPlace
    ) -> dict[LockedWheel, WheelFacts]:
        """The layers of wheels, several at a time, the largest first."""
        from concurrent.futures import ThreadPoolExecutor

        from mlreef_hooks.unfinished import remove_lost, unfinished_folder, unwritten

        largest_first = sorted(wheels, key=lambda wheel: -(wheel.size or 0))
        room = _Room(self.room)
        try:
            make_folder(self.folder, 0o700)
            remove_lost(self.folder)
            with (
                unfinished_folder(self.folder, "install") as folder,
                ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2) as threads,
            ):
                made = threads.map(
                    lambda wheel: self._make_one(wheel, folder, place, room), largest_first
                )
                return dict(zip(largest_first, made, strict=True))
        except OSError as error:
            raise unwritten(error) from error

    def _make_one(
        self, wheel: LockedWheel, folder: Path, place: PythonPlace, room: "_Room"
    ) -> WheelFacts:
        from mlreef_hooks.wheels.download import download, wheel_path

        if not wheel.url and self.can_install(Lock(wheels=(wheel,))):
            return self._write(kept_at(self.built, wheel), wheel, place, room)
        download([wheel], folder, self.pip, lambda line: None)
        path = wheel_path(folder, wheel)
        facts = self._write(path, wheel, place, room)
        path.unlink()
        return facts

    def _write(
        self, path: Path, wheel: LockedWheel, place: PythonPlace, room: "_Room"
    ) -> WheelFacts:
        from mlreef_hooks.wheels.layer import write_wheel_layer

        found: list[WheelFacts] = []
        self.layouts.write(
            lambda out: found.append(
                write_wheel_layer(path, wheel.file, place, cast("IO[bytes]", room.of(out)))
            )
        )
        return found[0]

    def _prepare_base(self, base: BaseFacts, lock: Lock) -> Iterator[Layer]:
        """A layer that hides what wheels replace, and gives the base a `python`, where it must."""
        hidden = {file for wheel in lock.wheels for file in base.distributions.get(wheel.name, ())}
        if hidden or base.python_missing:
            written = self.layouts.write(lambda out: _write_preparation(base, hidden, out))
            yield plain_layer(written.digest, written.size)

    def _grouped(self, facts: Sequence[WheelFacts]) -> Iterator[Layer]:
        """A layer each, or the smaller ones in a fixed number of groups, by their names."""
        by_size = sorted(facts, key=lambda each: (-each.size, each.name))
        alone = by_size if len(by_size) <= _ALONE + _GROUPS else by_size[:_ALONE]
        for each in sorted(alone, key=lambda each: each.name):
            yield plain_layer(each.digest, each.size)
        groups: dict[int, list[WheelFacts]] = {}
        for each in sorted(by_size[len(alone) :], key=lambda each: each.name):
            number = hashlib.sha256(each.name.encode()).digest()[0] % _GROUPS
            groups.setdefault(number, []).append(each)
        for _, group in sorted(groups.items()):
            yield self._join(group)

    def _join(self, group: Sequence[WheelFacts]) -> Layer:
        """One layer of several, in their order."""
        digests = [each.digest for each in group]
        key = f"group-{hashlib.sha256(json.dumps(digests).encode()).hexdigest()}"
        known = self.cache.layers([key]).get(key)
        layer = plain_layer(known["digest"], known["size"]) if known else None
        if layer and self.layouts.keep([layer.blob]):
            return layer
        written = self.layouts.write(lambda out: self._concatenate(group, out))
        self.cache.add_layers({key: {"digest": written.digest, "size": written.size}})
        return plain_layer(written.digest, written.size)

    def _concatenate(self, group: Sequence[WheelFacts], out: IO[bytes]) -> None:
        for each in group:
            left = each.size - len(_END)
            with self.layouts.blob_path(each.digest).open("rb") as layer:
                while left > 0 and (chunk := layer.read(min(left, 1 << 20))):
                    left -= len(chunk)
                    out.write(chunk)
        out.write(_END)


def _key(wheel: LockedWheel, place: PythonPlace) -> str:
    said = json.dumps([_RECIPE, wheel.sha256, asdict(place)])
    return f"wheel-{hashlib.sha256(said.encode()).hexdigest()}"


def _write_preparation(base: BaseFacts, hidden: Iterable[str], out: IO[bytes]) -> None:
    names = []
    for path in hidden:
        folder, name = posixpath.split(path)
        names.append((f"{folder}/.wh.{name}", ""))
    if base.python_missing:
        names.append(("usr/local/bin/python", base.place.interpreter))
    for path, target in sorted(names):
        member = tarfile.TarInfo(path)
        member.mtime = TIME
        if target:
            member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, target
        out.write(member.tobuf(tarfile.PAX_FORMAT))
    out.write(_END)

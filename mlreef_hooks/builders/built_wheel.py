"""A wheel out of the container that built it: somebody's file, taken by its bytes alone.

It is checked as every other wheel is, and never unpacked or executed here.
"""

import os
import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from mlreef_hooks.bases import BaseImage
from mlreef_hooks.container import ByteStream
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import HashingWriter
from mlreef_hooks.plain_text import plain
from mlreef_hooks.wheels.layer import write_wheel_layer
from mlreef_hooks.wheels.lock import LockedWheel
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.sources import Source

_WHEEL_BYTES = 1 << 30
_SHOWN = 100  # characters of a file's name


@dataclass(frozen=True)
class BuildPlace:
    """Where a wheel is built, which ones fit there, and the options of pip by which the build finds
    what it requires itself.
    """

    image: BaseImage
    platform: Platform
    options: tuple[str, ...]


def take_wheel(
    chunks: Iterable[bytes], source: Source, place: BuildPlace, path: Path
) -> LockedWheel:
    """The one wheel in the tar of a folder, as a lock has it; its content is at `path` then.

    PublishError where there is anything else, or where it is not the wheel of the source.
    """
    with path.open("xb") as file:
        written = HashingWriter(file)
        try:
            name = _copy(chunks, cast("IO[bytes]", written))
            file.flush()
            os.fsync(file.fileno())
            wheel = _read(name, written)
            _check(wheel, source, place.platform)
        except (ValueError, tarfile.TarError) as error:
            message = f"the wheel built of {source} is refused: {error}"
            raise PublishError(message, "require another version of it") from error
    with Path(os.devnull).open("wb") as nowhere:
        write_wheel_layer(path, name, replace(place.image.facts.place, bytecode=False), nowhere)
    return wheel


def _copy(chunks: Iterable[bytes], out: IO[bytes]) -> str:
    """The name of the one file in the tar of a folder, whose content is in `out` then."""
    name = ""
    with tarfile.open(fileobj=cast("IO[bytes]", ByteStream(chunks)), mode="r|") as tar:
        for number, member in enumerate(tar):
            if number == 0 and member.isdir():
                continue  # the folder itself
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or name:
                raise ValueError("it left something else than one wheel")
            if member.size > _WHEEL_BYTES:
                raise ValueError(f"it is larger than {_WHEEL_BYTES >> 20} MiB")
            name = member.name.rpartition("/")[2]
            shutil.copyfileobj(content, out)
    if not name:
        raise ValueError("it left none")
    return name


def _read(file: str, written: HashingWriter) -> LockedWheel:
    try:
        name, version, _, _ = parse_wheel_filename(file)
        return LockedWheel(
            name=canonicalize_name(name), version=str(version), file=file, url="",
            sha256=written.digest.removeprefix("sha256:"), size=written.size,
        )  # fmt: skip
    except ValueError:
        raise ValueError(f"{plain(file)[:_SHOWN]} is no wheel") from None


def _check(wheel: LockedWheel, source: Source, platform: Platform) -> None:
    """ValueError where the wheel is another one than that of the source."""
    file = wheel.file[:_SHOWN]
    if source.name not in ("", wheel.name):
        raise ValueError(f"{file} is another package")
    if source.version and Version(source.version) != Version(wheel.version):
        raise ValueError(f"{file} is another version")
    if platform.rank(wheel.file) is None:
        raise ValueError(f"{file} does not fit {platform}")

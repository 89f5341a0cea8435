"""Which wheels the requirements of a module mean, exactly: a lock, and what chooses among wheels.

Read from `pylock.toml` (PEP 751, https://packaging.python.org/en/latest/specifications/pylock-toml/).
"""

import json
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from mlreef_hooks.errors import PublishError

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Names of platforms that are older than their numbers (PEP 600).
_LEGACY: Mapping[tuple[int, int], str] = {
    (2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1",
}  # fmt: skip
_OLDEST = 5  # glibc 2.5 is the oldest that wheels are made for


class SourceNeeded(PublishError):  # noqa: N818 - it chooses another builder, or ends as an error
    """Something that is required is no wheel and has to be built: `packages` are named in it."""

    def __init__(self, packages: Sequence[str], why: str) -> None:
        self.packages = tuple(packages)
        super().__init__(
            f"{', '.join(packages)}: {why}",
            "require a version that has a wheel, or let a Docker engine build it: [builder] use",
        )


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What wheels must fit: Python as `3.11`, machine as `x86_64`, glibc as (2, 36)."""

    python: str
    machine: str
    glibc: tuple[int, int]

    @property
    def word(self) -> str:
        """The platform as uv names it."""
        return f"{self.machine}-manylinux_{self.glibc[0]}_{self.glibc[1]}"

    @cached_property
    def ranks(self) -> Mapping[Tag, int]:
        """How well each tag of wheels fits: 0 is best, and tags that do not fit are not there."""
        major, _, minor = self.python.partition(".")
        version, platforms = (int(major), int(minor)), [*self._platforms()]
        interpreter = f"cp{major}{minor}"
        tags = [
            *cpython_tags(version, platforms=platforms),
            *compatible_tags(version, interpreter, platforms),
        ]
        return {tag: rank for rank, tag in reversed([*enumerate(tags)])}

    def _platforms(self) -> Iterator[str]:
        major, newest = self.glibc
        for minor in range(newest, _OLDEST - 1, -1):
            yield f"manylinux_{major}_{minor}_{self.machine}"
            if (major, minor) in _LEGACY:
                yield f"{_LEGACY[major, minor]}_{self.machine}"
        yield f"linux_{self.machine}"

    def rank(self, file: str) -> int | None:
        """How well a wheel of this file name fits; None where it does not."""
        try:
            tags = parse_wheel_filename(file)[3]
        except ValueError:
            return None
        return min((self.ranks[tag] for tag in tags if tag in self.ranks), default=None)


@dataclass(frozen=True, kw_only=True)
class LockedWheel:
    """One wheel: canonical name, version, file name, where it is (without credentials), SHA-256
    in hex, and its size in bytes where that is told.
    """

    name: str
    version: str
    file: str
    url: str
    sha256: str
    size: int | None

    def to_json(self) -> dict[str, Any]:
        """The wheel as the index shows it."""
        return {
            "name": self.name, "version": self.version, "file": self.file, "sha256": self.sha256
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The wheels that requirements mean, by name."""

    wheels: tuple[LockedWheel, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Each package as `name==version`."""
        return tuple(f"{wheel.name}=={wheel.version}" for wheel in self.wheels)

    def to_json(self) -> dict[str, Any]:
        """The lock as a JSON object."""
        return {"v": 1, "wheels": [asdict(wheel) for wheel in self.wheels]}

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """The lock that `to_json` gave."""
        return cls(wheels=tuple(LockedWheel(**each) for each in json.loads(content)["wheels"]))


def parse_pylock(text: str, platform: Platform) -> Lock:
    """The lock that a `pylock.toml` says, with the wheel of each package that fits best.

    SourceNeeded where a package has none, PublishError where the document says something else.
    """
    wheels, missing = [], []
    for package in tomllib.loads(text).get("packages", ()):
        found = [wheel for wheel in _wheels(package) if platform.rank(wheel.file) is not None]
        if found:
            wheels.append(min(found, key=lambda wheel: platform.rank(wheel.file) or 0))
        else:
            missing.append(package["name"])
    if missing:
        raise SourceNeeded(missing, f"no wheel for Python {platform.python} on {platform.word}")
    return Lock(wheels=tuple(sorted(wheels, key=lambda wheel: wheel.name)))


def _wheels(package: Mapping[str, Any]) -> Iterator[LockedWheel]:
    archive = [package["archive"]] if "archive" in package else []
    for each in (*package.get("wheels", ()), *archive):
        url, hashes = each.get("url", ""), each.get("hashes", {})
        file = each.get("name") or posixpath.basename(unquote(urlsplit(url).path))
        if not file.endswith(".whl") or not _SHA256.fullmatch(hashes.get("sha256", "")):
            continue
        yield LockedWheel(
            name=canonicalize_name(package["name"]),
            version=str(package.get("version") or parse_wheel_filename(file)[1]),
            file=file,
            url=url,
            sha256=hashes["sha256"],
            size=each.get("size"),
        )

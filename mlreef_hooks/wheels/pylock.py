"""A lock out of `pylock.toml`: of each package the wheel that fits best.

Format: https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name, parse_wheel_filename

from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.lock import Lock, LockedWheel, SourceNeeded
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.wanted import Wanted


def parse_pylock(
    text: str, platform: Platform, wanted: Wanted, built: Collection[PurePath] = ()
) -> Lock:
    """The lock of one platform, whose packages `text` holds; `built` are wheels of this server.

    SourceNeeded for a package without a wheel, PublishError for one whose wheels have other hashes
    than those wanted. ValueError for what is no pylock.
    """
    try:
        packages = tomllib.loads(text)["packages"]
        found = [_read_package(package, platform, wanted, built) for package in packages]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not a pylock.toml") from error
    return Lock(wheels=tuple(sorted(found, key=lambda wheel: wheel.name)))


def _read_package(
    package: Mapping[str, Any], platform: Platform, wanted: Wanted, built: Collection[PurePath]
) -> LockedWheel:
    name = canonicalize_name(package["name"])
    wheels = [wheel for wheel in _read_wheels(package, built) if wheel.name == name]
    if not wheels:
        raise SourceNeeded((name,), f"{name} has no wheel")
    fitting = [wheel for wheel in wheels if platform.rank(wheel.file) is not None]
    if not fitting:
        raise SourceNeeded((name,), f"{name} has no wheel for {platform}")
    allowed = [wheel for wheel in fitting if _is_wanted(wheel, wanted)]
    if not allowed:
        raise PublishError(
            f"{fitting[0]} has another hash than the one written",
            "find out why; `pip-compile --generate-hashes` writes them",
        )
    return min(allowed, key=lambda wheel: (platform.rank(wheel.file), wheel.file))


def _is_wanted(wheel: LockedWheel, wanted: Wanted) -> bool:
    """Of what was built here, the hash of its source was looked at."""
    allowed = wanted.allowed(wheel.name, str(wheel)) if wheel.url else None
    return allowed is None or wheel.sha256 in allowed


def _read_wheels(package: Mapping[str, Any], built: Collection[PurePath]) -> Iterator[LockedWheel]:
    """The wheels of a package that can be fetched; what is none of that is left out."""
    archive = [package["archive"]] if "archive" in package else []
    for each in (*package.get("wheels", []), *archive):
        with suppress(ValueError):  # a name, a URL or a hash that no wheel can have
            yield _read_wheel(each, built)


def _read_wheel(entry: Mapping[str, Any], built: Collection[PurePath]) -> LockedWheel:
    parts = urlsplit(entry.get("url", ""))
    path = PurePath(entry.get("path") or unquote(parts.path))
    here = parts.scheme in ("", "file")
    if here and path not in built:
        raise ValueError("a file of this server that is none of ours")
    file = entry.get("name") or path.name
    name, version, _, _ = parse_wheel_filename(file)
    clean = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    return LockedWheel(
        name=canonicalize_name(name),
        version=str(version),
        file=file,
        url="" if here else clean,
        sha256=entry.get("hashes", {}).get("sha256", "").lower(),
        size=entry.get("size"),
    )

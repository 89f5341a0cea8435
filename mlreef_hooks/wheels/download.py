"""Wheels from a package index to disk: verified by their hash while they are written."""

import base64
import hashlib
import netrc
import os
import ssl
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlreef_hooks.config import Pip
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.lock import LockedWheel

_LARGEST = 16 << 30  # bytes of a wheel whose size is not told
_CHUNK = 1 << 20
_SILENCE = 60  # seconds
_PAUSES = (0.5, 2.0)  # seconds before each further try
_PASSING = (408, 425, 429)  # and all from 500


def download(wheel: LockedWheel, folder: Path, pip: Pip) -> Path:
    """The file of a wheel in a folder; PublishError where it cannot be had as it is locked.

    The name tells which process wrote it: whoever comes later may remove what a dead one left.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{wheel.sha256}-{os.getpid()}.whl"
    for pause in (*_PAUSES, None):
        try:
            _fetch(wheel, path, pip)
        except (urllib.error.URLError, OSError, ssl.SSLError) as error:
            path.unlink(missing_ok=True)
            refusal = _refusal(wheel, error)
            if pause is None or not refusal.passing or isinstance(error, PermissionError):
                raise refusal from error
            time.sleep(pause)
        else:
            return path
    return path


def sweep_downloads(folder: Path) -> None:
    """Remove what processes left behind that are gone."""
    for path in folder.glob("*.whl"):
        process = path.stem.rpartition("-")[2]
        if process.isdigit() and not os.path.exists(f"/proc/{process}"):
            with suppress(OSError):
                path.unlink()


def _fetch(wheel: LockedWheel, path: Path, pip: Pip) -> None:
    hashed, left = hashlib.sha256(), wheel.size or _LARGEST
    with _open(wheel.url, pip) as answer, path.open("wb") as out:
        while chunk := answer.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            hashed.update(chunk)
            out.write(chunk)
    if left < 0 or hashed.hexdigest() != wheel.sha256:
        path.unlink(missing_ok=True)
        raise PublishError(
            f"{wheel.file} is not what the package index promised",
            "the administrator finds out what answers at the package index",
        )


def _open(url: str, pip: Pip) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise PublishError(f"{parts.scheme} is no way to fetch a wheel", "require another")
    request = urllib.request.Request(parts._replace(fragment="").geturl())  # noqa: S310
    authorization = _authorization(parts.hostname or "", parts.netloc, pip)
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    context = ssl.create_default_context(cafile=pip.ca_bundle or None)
    answer: Any = urllib.request.urlopen(  # noqa: S310
        request, timeout=_SILENCE, context=context
    )
    return answer


def _authorization(host: str, place: str, pip: Pip) -> str | None:
    """The credentials for a host: those of an index URL there, or of the netrc file."""
    for url in (pip.index_url, *pip.extra_index_urls):
        parts = urlsplit(url)
        if parts.username and parts.netloc.rpartition("@")[2] == place.rpartition("@")[2]:
            return _basic(unquote(parts.username), unquote(parts.password or ""))
    if pip.netrc:
        with suppress(OSError, netrc.NetrcParseError):
            found = netrc.netrc(pip.netrc).authenticators(host)
            if found:
                return _basic(found[0], found[2] or "")
    return None


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _refusal(wheel: LockedWheel, error: Exception) -> PublishError:
    status = error.code if isinstance(error, urllib.error.HTTPError) else None
    hint = "the administrator looks at [pip] in the configuration, and at the network"
    if isinstance(error, OSError) and error.errno in (28, 122):
        return PublishError("the disk is full", "the administrator makes room", passing=True)
    if status is None or status >= 500 or status in _PASSING:
        said = f"HTTP {status}" if status else "no answer"
        message = f"{wheel.file} cannot be fetched now: {said}"
        return PublishError(message, hint, passing=True)
    return PublishError(f"{wheel.file} cannot be fetched: HTTP {status}", hint, passing=True)

"""Who one is at a web server: a bearer token of the configuration, or a password of a netrc file.

Nothing of what is in the files is ever shown. Formats: netrc(5), RFC 6750 and RFC 7617.
"""

import netrc
import os
import re
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.config import Index
from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_url import Url

_LARGEST = 1 << 20  # bytes of a file
_TOKEN = re.compile(r"[!-~]{1,8192}")


def authorization(url: Url, settings: Index) -> str:
    """The header that lets one in at a server, empty where nothing is known of it.

    The token is for the servers of `index.read` alone. Without TLS nothing is told to any server
    but one of this machine.
    """
    if not (url.secure or url.is_loopback):
        return ""
    if settings.token and url.origin in _origins(settings):
        return f"Bearer {_read_token(Path(settings.token))}"
    pair = _password(url.host, settings.netrc)
    return f"Basic {b64encode(pair.encode()).decode()}" if pair else ""


def _origins(settings: Index) -> set[tuple[bool, str, int]]:
    found = set()
    for place in settings.read:
        with suppress(ValueError):  # a folder, or a git server
            found.add(Url.parse(place).origin)
    return found


def _read_token(path: Path) -> str:
    token = _read(path, "index.token").strip()
    if not _TOKEN.fullmatch(token):
        raise _unusable("index.token", "holds no token")
    return token


def _password(host: str, named: str) -> str:
    """`USER:PASSWORD` for a host by a netrc file, empty where it has none.

    Its `default` counts for nothing: a password is for whom it was written down.
    """
    path = Path(named or os.environ.get("NETRC") or Path.home() / ".netrc")
    if not named and not path.exists():
        return ""
    _read(path, "index.netrc")
    try:
        found = netrc.netrc(str(path)).hosts.get(host)
    except (netrc.NetrcParseError, OSError, ValueError):
        raise _unusable("index.netrc", "is no netrc file of yours alone") from None
    return f"{found[0]}:{found[2]}" if found and host != "default" else ""


def _read(path: Path, key: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError("too large")
        return content.decode()
    except (OSError, ValueError):
        raise _unusable(key, "cannot be read") from None


def _unusable(key: str, why: str) -> PublishError:
    return PublishError(f"the file of {key} {why}", "correct it: see [index] in docs/config.md")

"""The API of a forge: one JSON object of a repository, by the site's token."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_url import Url
from mlreef_hooks.servers.web import Web, refused
from mlreef_hooks.visibility import Said

_LARGEST = 1 << 20  # bytes; GitLab's answer has about 10,000
_TOKEN_BYTES = 4096
_TOKEN = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True, kw_only=True)
class Forge:
    """The forge at `url`. `place` gives the path of a repository's object by the repository's name,
    `login` the header for a token; `read` is what the object says.
    """

    web: Web
    url: str
    token: str
    place: Callable[[str], str]
    login: Callable[[str], Mapping[str, str]]
    read: Callable[[str, Mapping[str, Any]], Said]

    def __call__(self, name: str, git_dir: Path) -> Said:
        """What the forge says of a repository; PublishError where it does not tell."""
        try:
            url = Url.parse(self.url.rstrip("/") + self.place(name))
        except UnicodeError:  # the name of a folder may be any bytes
            raise refused("a forge has no repository of this name") from None
        headers = {"Accept": "application/json"}
        if self.token:
            if not url.secure and not url.is_loopback:
                raise refused(f"the token is not sent to {url.address} without TLS")
            headers |= self.login(_read_token(Path(self.token)))
        status, content = self.web.get(url, headers, _LARGEST + 1)
        if status != 200:
            raise refused(f"{url.address} does not show the repository: HTTP {status}")
        return self.read(name, _object(url, content))


def _object(url: Url, content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content) if len(content) <= _LARGEST else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise refused(f"{url.address} does not answer as its API should")
    return document


def check_name(said: object, name: str) -> None:
    """PublishError where an answer is about another repository than the one asked for."""
    if not isinstance(said, str) or said.lower() != name.lower():
        raise refused("the server answers about another repository")


def unclear() -> PublishError:
    """The error of an answer that does not say who may read the repository."""
    return refused("the server's answer does not say who may read the repository")


def _read_token(path: Path) -> str:
    """The token in a file; nothing of what is in it is ever shown."""
    try:
        with path.open("rb") as file:
            token = file.read(_TOKEN_BYTES + 2).decode().strip()
    except (OSError, ValueError):
        raise refused("the file of visibility.token cannot be read") from None
    if not _TOKEN.fullmatch(token):
        raise refused("the file of visibility.token holds no token")
    return token

"""Addresses of a registry, and of where it sends one."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

from mlreef_hooks.errors import PublishError

_PORTS = {"https": 443, "http": 80}
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")


@dataclass(frozen=True, kw_only=True)
class Url:
    """An address: the server, and the path with its query there."""

    secure: bool
    host: str
    port: int
    target: str = "/"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that a URL names; ValueError where that is none, or holds a password."""
        parts = urlsplit(text)
        if not parts.hostname or parts.username is not None or parts.scheme not in _PORTS:
            raise ValueError("not the address of a server")
        return cls(
            secure=parts.scheme == "https",
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )

    def __str__(self) -> str:
        return f"{self._scheme}://{self.address}{self.target}"

    @property
    def _scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def address(self) -> str:
        """The host, and the port unless it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self._scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What a connection leads to, and a password is meant for."""
        return self.secure, self.host, self.port

    @property
    def is_loopback(self) -> bool:
        """True for this machine, to which docker speaks without TLS too."""
        return bool(_LOOPBACK.fullmatch(self.host))

    def with_tls(self) -> "Url":
        """The same by TLS."""
        return dataclasses.replace(self, secure=True)

    def path(self, target: str) -> "Url":
        """Another path of the same server."""
        return dataclasses.replace(self, target=target)

    def asking(self, query: Mapping[str, str] | Sequence[tuple[str, str]]) -> "Url":
        """The address with more behind its question mark."""
        mark = "&" if "?" in self.target else "?"
        return self.path(f"{self.target}{mark}{urlencode(query)}")

    def follow(self, location: str) -> "Url":
        """Where this server sends one, by an address or a path; PublishError where none should go.

        That is anywhere with TLS. Without it only a server of this machine can send one to this
        machine, so that nobody else makes us speak to what listens here.
        """
        try:
            if not re.fullmatch(r"[!-~]{1,8192}", location):
                raise ValueError("not the text of a URL")
            url = Url.parse(urljoin(str(self), location))
        except ValueError:
            raise self._refusal("an address that is none") from None
        if not url.secure and (self.secure or not url.is_loopback):
            raise self._refusal(f"http://{url.address}, which is without TLS")
        return url

    def _refusal(self, where: str) -> PublishError:
        return PublishError(
            f"{self.address} leads to {where[:200]}",
            "the administrator sets the registry's own URL, or X-Forwarded-Proto at its proxy",
        )

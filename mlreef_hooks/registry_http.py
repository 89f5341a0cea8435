"""HTTP to a registry and to the hosts that it names: one connection to each, kept open.

Everything that comes back is hostile. What cannot be done is a PublishError; what may do when it
is tried again is `UnavailableError`.
"""

import http.client
import os
import re
import select
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_url import Url

PIECE = 1 << 20  # bytes that are read and sent at a time
_SHORT = 64 << 10  # bytes; what a refusal says
_SHOWN = 300  # characters of what somebody else said
# What comes in the middle of something, and not because nobody is there.
_BREAKS = (
    ConnectionResetError, BrokenPipeError, ConnectionAbortedError, ssl.SSLEOFError,
    http.client.HTTPException,
)  # fmt: skip
_UNREACHABLE = "try again when it is reachable; its name is in registry.prefix or [base] image"


class UnavailableError(PublishError):
    """What may do when it is tried again, in `after` seconds where the server says so."""

    def __init__(self, message: str, hint: str = _UNREACHABLE, *, after: float = 0) -> None:
        super().__init__(message, hint, passing=True)
        self.after = after


@dataclass(frozen=True, kw_only=True)
class Body:
    """Bytes to send, in pieces that are made anew for each try."""

    size: int
    pieces: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The body that is this content."""
        return cls(size=len(content), pieces=lambda: [content])


class Answer:
    """An answer whose head has come, and whose body is read once."""

    def __init__(self, url: Url, response: http.client.HTTPResponse) -> None:
        self.url = url
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._drained: bytes | None = None

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes; `UnavailableError` where it ends too early."""
        try:
            while piece := self._response.read(PIECE):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise _failure(self.url, error) from None
        if self._response.length:
            raise UnavailableError(f"{self.url.address} broke off")

    def drain(self) -> bytes:
        """What there is of a short body, so that the connection can be used again."""
        if self._drained is None:
            try:
                self._drained = self._response.read(_SHORT)
            except (OSError, http.client.HTTPException):
                self._drained = b""
        return self._drained

    def read(self, limit: int) -> bytes:
        """The whole body; PublishError where it is larger than `limit` bytes."""
        content = bytearray()
        for piece in self.pieces():
            content += piece
            if len(content) > limit:
                raise PublishError(
                    f"{self.url.address} answers with more than {limit} bytes",
                    "the administrator finds out what answers there",
                )
        return bytes(content)


class Connections:
    """The open connections, one to each server; of one thread."""

    def __init__(self, *, ca_bundle: str, timeout: float) -> None:
        """`ca_bundle` is trusted beside the system's; `timeout` is the longest silence."""
        self._ca_bundle = ca_bundle
        self._timeout = timeout
        self._context: ssl.SSLContext | None = None
        self._open: dict[tuple[bool, str, int], http.client.HTTPConnection] = {}
        self._last: dict[tuple[bool, str, int], http.client.HTTPResponse] = {}

    def close(self) -> None:
        """Close all of them."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def send(
        self, method: str, url: Url, headers: Mapping[str, str], body: Body | None = None
    ) -> Answer:
        """The answer to one request; PublishError where there is none."""
        connection = self._connection(url)
        length = {"Content-Length": str(body.size)} if body else {}
        try:
            _write(connection, method, url, {**headers, **length}, body)
            response = connection.getresponse()
        except BaseException as error:
            connection.close()
            if isinstance(error, (OSError, http.client.HTTPException)):
                raise _failure(url, error) from None
            raise
        self._last[url.origin] = response
        return Answer(url, response)

    def _connection(self, url: Url) -> http.client.HTTPConnection:
        """A connection on which nothing is left to be read."""
        connection = self._open.get(url.origin)
        if connection is None:
            connection = self._open[url.origin] = self._new(url)
        last = self._last.pop(url.origin, None)
        if (last and not last.isclosed()) or _is_stale(connection):
            connection.close()  # it opens again by itself
        return connection

    def _new(self, url: Url) -> http.client.HTTPConnection:
        if not url.secure:
            return http.client.HTTPConnection(
                url.host, url.port, timeout=self._timeout, blocksize=PIECE
            )
        self._context = self._context or trust(self._ca_bundle)
        return http.client.HTTPSConnection(
            url.host, url.port, timeout=self._timeout, context=self._context, blocksize=PIECE
        )


def _write(
    connection: http.client.HTTPConnection,
    method: str,
    url: Url,
    headers: Mapping[str, str],
    body: Body | None,
) -> None:
    try:
        pieces = body.pieces() if body else None
        connection.request(method, url.target, body=pieces, headers=dict(headers))
    except (BrokenPipeError, ConnectionResetError):
        if body is None or connection.sock is None:
            raise
        # who does not want a body may say why before it has come; the answer is read


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """True where the other side speaks without being asked, or has closed."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def trust(ca_bundle: str, key: str = "registry.ca_bundle") -> ssl.SSLContext:
    """Who is trusted: the system's certificates, and those of the site, which `key` names.

    A folder by hashes is read as needed; reading a file of all of them takes 20 ms.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    paths = ssl.get_default_verify_paths()
    folder = paths.capath or ""
    if paths.openssl_cafile_env not in os.environ and folder and _is_hashed(folder):
        context.load_verify_locations(capath=folder)
    else:
        context.load_default_certs()
    try:
        if ca_bundle:
            context.load_verify_locations(ca_bundle)
    except OSError as error:
        raise PublishError(
            f"{ca_bundle} cannot be used: {said(error)}",
            f"the administrator names a PEM file of certificates in {key}",
            passing=True,
        ) from None
    return context


def _is_hashed(folder: str) -> bool:
    return any(re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", name) for name in os.listdir(folder))


def _failure(url: Url, error: Exception) -> PublishError:
    """What a failure of a connection is to people."""
    place = url.address
    if isinstance(error, ssl.SSLCertVerificationError):
        return PublishError(
            f"the certificate of {place} is not trusted: {text(error.verify_message)}",
            "the administrator names the site's CA in registry.ca_bundle",
            passing=True,
        )
    if isinstance(error, _BREAKS):
        return UnavailableError(f"{place} broke off: {said(error)}")
    return PublishError(f"{place} cannot be reached: {said(error)}", _UNREACHABLE, passing=True)


def said(error: BaseException) -> str:
    """What a failure says of itself, on one line; nothing that the other side said."""
    words = error.strerror if isinstance(error, OSError) else type(error).__name__
    return text(words or str(error) or type(error).__name__).lower()


def text(words: str) -> str:
    """What somebody else said, on one line, without what moves a cursor, and not all too long."""
    return "".join(filter(str.isprintable, " ".join(words[: 4 * _SHOWN].split())))[:_SHOWN]

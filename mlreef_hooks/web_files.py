"""The files below one address of a web server: asked for by conditional requests, and kept.

What comes back is hostile: bounded in time and size, no redirect is followed. Nothing of what was
sent is in an error. RFC 9110, sections 8.8 and 13.
"""

import hashlib
import http.client
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from mlreef_hooks.answer_cache import AnswerCache, Kept
from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_http import said, trust
from mlreef_hooks.registry_url import Url
from mlreef_hooks.servers.web import ended_after

LARGEST = 64 << 20  # bytes of one file
_HINT = "see [index] in docs/config.md"
_ABSENT, _CLOSED = (404, 410), (401, 403)
_BUSY = 429
# A file that was replaced twice within a second has one time, and one ETag of many servers.
_SETTLED = 2  # seconds
_NOTHING = Kept(content=b"")  # where there was no file, or none for who asked


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The status, headers and whole content of an answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class WebServer:
    """One server: a connection that stays open, and the header that lets one in."""

    def __init__(self, url: Url, *, login: str, ca_bundle: str, seconds: float) -> None:
        """`login` is the value of `Authorization`, or empty; an answer takes `seconds` at most."""
        self._login = {"Authorization": login} if login else {}
        self._seconds = seconds
        self._url, self._ca_bundle = url, ca_bundle
        self._open: http.client.HTTPConnection | None = None

    def get(self, url: Url, headers: Mapping[str, str]) -> Answer:
        """The answer to one question; PublishError where there is none."""
        used = self._open is not None
        try:
            return self._ask(url, headers)
        except (OSError, http.client.HTTPException) as error:
            self._close()
            if not used or isinstance(error, TimeoutError):
                raise _failure(url, error) from None
        try:  # a connection that was left open may have been closed meanwhile
            return self._ask(url, headers)
        except (OSError, http.client.HTTPException) as error:
            self._close()
            raise _failure(url, error) from None

    def _ask(self, url: Url, headers: Mapping[str, str]) -> Answer:
        with ended_after(self._seconds) as watch:
            connection = self._open = self._open or self._connection()
            if connection.sock is None:
                connection.connect()
            watch(connection.sock)
            connection.request("GET", url.target, headers={**headers, **self._login})
            answer = connection.getresponse()
            try:
                content = answer.read(LARGEST + 1)
            except ValueError:  # a chunk of less than nothing
                raise http.client.IncompleteRead(b"") from None
            if answer.length and len(content) <= LARGEST:
                raise http.client.IncompleteRead(content)
        if len(content) > LARGEST:
            self._close()
            raise PublishError(f"{url.address} answers with more than {LARGEST} bytes", _HINT)
        names = ("ETag", "Last-Modified", "Date")
        kept = {name: answer.headers.get(name, "") for name in names}
        return Answer(status=answer.status, headers=kept, content=content)

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.host, self._url.port
        if not self._url.secure:
            return http.client.HTTPConnection(host, port, timeout=self._seconds)
        context = trust(self._ca_bundle, "index.ca_bundle")
        return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=context)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None


class WebFiles:
    """The files of a server, by their addresses. `warn` is told once where the server is away."""

    def __init__(self, server: WebServer, cache: AnswerCache, warn: Callable[[str], None]) -> None:
        self._server = server
        self._cache = cache
        self._warn = warn
        self.closed = False  # whether the server has kept something from who asks

    def read(self, url: Url, sha256: str = "") -> bytes | None:
        """A file; None where there is none, or none for who asks.

        What is kept counts without a question where it has this hash, and where the server is
        away. PublishError where there is nothing, or the server is not to be believed.
        """
        kept = self._cache.find(str(url))
        if kept and sha256 and hashlib.sha256(kept.content).hexdigest() == sha256:
            return kept.content
        try:
            answer = self._server.get(url, _conditions(kept))
            if answer.status == _BUSY or answer.status >= 500:
                raise _away(url, f"answers HTTP {answer.status}")
        except PublishError as error:
            if kept is None or not error.passing:
                raise
            self._tell_once(error, kept)
            return kept.content or None
        return self._content(url, answer, kept)

    def _content(self, url: Url, answer: Answer, kept: Kept | None) -> bytes | None:
        if answer.status == 200:
            self._cache.keep(str(url), _to_keep(answer))
            return answer.content
        if answer.status == 304 and kept and kept.content:
            self._cache.confirm(str(url))
            return kept.content
        if answer.status in (*_ABSENT, *_CLOSED):
            self._cache.keep(str(url), _NOTHING)
            self.closed = self.closed or answer.status in _CLOSED
            return None
        if 300 <= answer.status < 400:
            raise PublishError(f"{url.address} leads elsewhere, which is not followed", _HINT)
        raise PublishError(f"{url.address} answers HTTP {answer.status}", _HINT)

    def _tell_once(self, error: PublishError, kept: Kept) -> None:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.at))
        self._warn(f"{error.message}; this is what it said on {when}")
        self._warn = lambda text: None


def _conditions(kept: Kept | None) -> Mapping[str, str]:
    """The headers by which a server need not send again what is kept."""
    pairs = {"If-None-Match": kept.etag, "If-Modified-Since": kept.modified} if kept else {}
    return {name: value for name, value in pairs.items() if value}


def _to_keep(answer: Answer) -> Kept:
    """An answer with its validators, as far as they tell two contents apart."""
    etag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
    with suppress(ValueError, TypeError, OverflowError):
        times = [parsedate_to_datetime(text) for text in (answer.headers["Date"], modified)]
        if (times[0] - times[1]).total_seconds() < _SETTLED:
            etag = modified = ""
    return Kept(content=answer.content, etag=etag, modified=modified)


def _away(url: Url, why: str) -> PublishError:
    return PublishError(f"{url.address} {why}", "try again when it is reachable", passing=True)


def _failure(url: Url, error: Exception) -> PublishError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return PublishError(
            f"the certificate of {url.address} is not trusted",
            "name the site's certificates in index.ca_bundle",
        )
    return _away(url, f"does not answer: {said(error)}")

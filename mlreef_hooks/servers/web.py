"""One question to a web server of the site, bounded in time and size; nothing is followed.

What comes back is hostile. Nothing that was sent, and nothing that came back, is in an error.
"""

import errno
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Timer

from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_http import said, trust
from mlreef_hooks.registry_url import Url

_HINT = "the administrator corrects [visibility] in the configuration"
_LATER = "the server is asked again at the next sweep"
_BUSY = 429


@dataclass(frozen=True, kw_only=True)
class Web:
    """Asks web servers, which are trusted by the certificates of `ca_bundle` too; one question
    takes `seconds` at most.
    """

    ca_bundle: str
    seconds: float

    def get(self, url: Url, headers: Mapping[str, str], limit: int) -> tuple[int, bytes]:
        """The status, and the first `limit` bytes of the body.

        PublishError where the server leads elsewhere or is not trusted; one that may pass where it
        does not answer or is busy.
        """
        connection = self._connection(url)
        try:
            with ended_after(self.seconds) as watch:
                connection.connect()
                watch(connection.sock)
                connection.request("GET", url.target, headers=dict(headers))
                answer = connection.getresponse()
                content = answer.read(limit)
                if answer.length and len(content) < limit:
                    raise http.client.IncompleteRead(content)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(url, error) from None
        finally:
            connection.close()
        if answer.status == _BUSY or answer.status >= 500:
            raise away(f"{url.address} answers HTTP {answer.status}")
        if 300 <= answer.status < 400:
            raise PublishError(f"{url.address} leads elsewhere, which is not followed", _HINT)
        return answer.status, content

    def _connection(self, url: Url) -> http.client.HTTPConnection:
        if not url.secure:
            return http.client.HTTPConnection(url.host, url.port, timeout=self.seconds)
        context = trust(self.ca_bundle, "visibility.ca_bundle")
        return http.client.HTTPSConnection(
            url.host, url.port, timeout=self.seconds, context=context
        )


@contextmanager
def ended_after(seconds: float) -> Iterator[Callable[[socket.socket], None]]:
    """End what takes longer, whatever it is at: a time-out is only of each silence.

    What is given takes the socket, which `http.client` forgets once an answer is to end with it.
    """

    late, watched = list[bool](), list[socket.socket]()

    def end() -> None:
        late.append(True)
        for each in watched:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def watch(opened: socket.socket) -> None:
        watched.append(opened)
        if late:
            raise _late()

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
    if late:
        raise _late()


def _late() -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, "it took too long")


def away(message: str) -> PublishError:
    """The error of a server that does not answer now."""
    return PublishError(message, _LATER, passing=True)


def refused(message: str) -> PublishError:
    """The error of a server that does not tell; no time will mend it."""
    return PublishError(message, _HINT)


def _failure(url: Url, error: Exception) -> PublishError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return refused(f"the certificate of {url.address} is not trusted")
    return away(f"{url.address} does not answer: {said(error)}")

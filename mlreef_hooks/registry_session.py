"""Requests to one registry: logged in, redirected, tried again, their refusals in plain words."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from mlreef_hooks.docker_credentials import KEY
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_name import DOCKER_HUB, HOST
from mlreef_hooks.registry_http import Answer, Body, Connections, UnavailableError, text
from mlreef_hooks.registry_login import Login, Scopes
from mlreef_hooks.registry_url import Url

T = TypeVar("T")
_PAUSES = (0.1, 1.0, 3.0)  # seconds between tries
_LONGEST_PAUSE = 30.0  # longer than that a push does not wait; the job is kept
_REDIRECTED = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_TOO_MANY = 429
_NO_ENTRY = "the administrator sees to the credentials in {key}, and to what they allow"
# What a status means that no time will mend, unless an administrator does.
_HINTS: Mapping[int, tuple[str, bool]] = {
    401: (_NO_ENTRY.format(key=KEY), True),
    403: (_NO_ENTRY.format(key=KEY), True),
    404: ("the administrator checks the names in registry.prefix and base.NAME.image", False),
    413: ("the administrator raises the limit of the proxy before the registry", False),
}
_HINT = ("the administrator finds the reason in the registry's log", False)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to a registry, and what a token for it has to allow."""

    method: str
    url: Url
    scopes: Scopes
    headers: Mapping[str, str]
    body: Body | None


class Session:
    """What is known and open of one registry; of one thread."""

    def __init__(
        self,
        host: str,
        connections: Connections,
        *,
        docker_config: Path | None,
        wait: Callable[[float], None],
        anonymous: bool = False,
    ) -> None:
        """`host` may have a port. On this machine TLS is used where the registry insists on it."""
        address = "registry-1.docker.io" if host == DOCKER_HUB else host
        try:
            if not HOST.fullmatch(host):
                raise ValueError("not a host")
            root = Url.parse(f"https://{address}/")
            self.root = Url.parse(f"http://{address}/") if root.is_loopback else root
        except ValueError:
            hint = "the administrator corrects registry.prefix"
            raise PublishError(f"{host!a} is not the host of a registry", hint) from None
        self._may_want_tls = not self.root.secure
        self._connections = connections
        self._login = Login(connections, host, docker_config, anonymous=anonymous)
        self._wait = wait

    def persist(self, attempt: Callable[[], T]) -> T:
        """What an attempt gives, which is made again where it failed for now."""
        for pause in _PAUSES:
            try:
                return attempt()
            except UnavailableError as error:
                if error.after > _LONGEST_PAUSE:
                    raise
                self._wait(max(pause, error.after))
        return attempt()

    def answer(self, request: Request, what: str, *, expect: Collection[int]) -> Answer:
        """The answer, whose status is one of `expect`; only the body of a GET is left to be read.

        PublishError about `what` for every other status.
        """
        answer = self._followed(request)
        if answer.status not in expect:
            raise self._refusal(answer, what)
        if request.method != "GET":
            answer.drain()
        return answer

    def _followed(self, request: Request) -> Answer:
        """The answer from wherever the registry leads one who wants to read."""
        answer = self._authorized(request)
        for _ in range(_MOST_REDIRECTS):
            if request.method not in ("GET", "HEAD") or answer.status not in _REDIRECTED:
                break
            answer.drain()
            url = answer.url.follow(answer.headers.get("Location", ""))
            answer = self._authorized(replace(request, url=url))
        return answer

    def _authorized(self, request: Request) -> Answer:
        """The answer to one who is logged in, where it is the registry itself that answers."""
        answer = self._send(request)
        if answer.status == 401 and answer.url.origin == self.root.origin:
            answer.drain()
            if self._login.answer(answer, request.scopes):
                answer = self._send(replace(request, url=answer.url))
        return answer

    def _send(self, request: Request) -> Answer:
        own = request.url.origin == self.root.origin
        login = self._login.headers(request.scopes) if own else {}
        headers = {**request.headers, **login}
        answer = self._connections.send(request.method, request.url, headers, request.body)
        if not (own and self._may_want_tls):
            return answer
        self._may_want_tls = False
        if answer.status != 400:
            return answer
        # so servers answer who speaks without TLS to a port with TLS
        self.root = self.root.with_tls()
        return self._send(replace(request, url=request.url.with_tls()))

    def _refusal(self, answer: Answer, what: str) -> PublishError:
        said = text(self._login.without_secrets(_words(answer.drain())))
        status = f"HTTP {answer.status}"
        message = f"{answer.url.address} refuses {what}: {said or status}"
        if answer.status == _TOO_MANY or answer.status >= 500:
            return UnavailableError(message, after=_seconds(answer.headers.get("Retry-After", "")))
        hint, passing = _HINTS.get(answer.status, _HINT)
        return PublishError(message, hint, passing=passing)


@dataclass(frozen=True, kw_only=True)
class ImageRepository:
    """One repository of the registry, and what one wants there, such as `pull,push`."""

    session: Session
    name: str
    scopes: Scopes

    def url(self, rest: str) -> Url:
        """The address of something in the repository."""
        return self.session.root.path(f"/v2/{self.name}/{rest}")

    def request(
        self,
        method: str,
        url: Url,
        what: str,
        *,
        expect: Collection[int],
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Answer:
        """The answer, as from `Session.answer`; `what` is something in the repository."""
        request = Request(
            method=method, url=url, scopes=self.scopes, headers=headers or {}, body=body
        )
        return self.session.answer(request, f"{what} of {self.name}", expect=expect)

    def has_blob(self, digest: str) -> bool:
        """True where the repository has the blob; one that another has does not count."""
        url = self.url(f"blobs/{digest}")
        answer = self.request("HEAD", url, f"blob {digest[:19]}", expect=(200, 404))
        return answer.status == 200


def _words(content: bytes) -> str:
    """What the registry says in the form of the protocol: the first error's code and message."""
    try:
        error = json.loads(content)["errors"][0]
        return f"{error['code']}: {error['message']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _seconds(retry_after: str) -> float:
    """How long the registry wants us to wait; a date is none of our business."""
    return float(retry_after) if re.fullmatch(r"[0-9]{1,9}", retry_after) else 0.0

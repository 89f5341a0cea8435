"""Requests to package indexes: by the site's certificates, with the passwords of their hosts.

A password goes to the host that it is for and to no other, wherever that one redirects to. No proxy
is used: in the environment of a hook, it may be the pusher who names one.
"""

import netrc
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
)

from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from mlreef_hooks.config_images import Pip
from mlreef_hooks.errors import PublishError

PYPI = "https://pypi.org/simple/"
FAULTS = (OSError, HTTPException)  # what a request and its answer may raise
INDEX_HINT = "the administrator looks at [pip] in the configuration, and at the network"
_SILENCE_SECONDS = 30
_PAGE_BYTES = 32 << 20
_PAGE = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
_FILE = re.compile(r"[A-Za-z0-9][\w.]*-[\w.+!-]*\.(?:whl|tar\.gz|zip)")


class Access:
    """The way to the package indexes of a site; PublishError where `[pip]` names no such file."""

    def __init__(self, pip: Pip) -> None:
        urls = [urlsplit(url) for url in (pip.index_url, *pip.extra_index_urls)]
        self._passwords = {_place(url): _basic(url) for url in urls if url.username is not None}
        try:
            self._netrc = netrc.netrc(pip.netrc) if pip.netrc else None
            context = ssl.create_default_context(cafile=pip.ca_bundle or None)
        except (OSError, netrc.NetrcParseError) as error:
            said = error.strerror if isinstance(error, OSError) else error.msg
            raise PublishError(
                f"a file of [pip] cannot be read: {said}",
                "the administrator corrects netrc or ca_bundle in the configuration",
                passing=True,
            ) from None
        self._opener = OpenerDirector()
        for handler in (
            HTTPHandler(), HTTPSHandler(context=context), _Redirects(self),
            HTTPDefaultErrorHandler(), HTTPErrorProcessor(),
        ):  # fmt: skip
            self._opener.add_handler(handler)

    def open(self, url: str, accept: str = "*/*") -> HTTPResponse:
        """The answer to GET, with status 200; one of `FAULTS` where there is none."""
        parts = urlsplit(url)
        clean = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        request = Request(clean, headers={"Accept": accept, "User-Agent": "mlreef-hooks"})  # noqa: S310
        self.authorize(request)
        answer: HTTPResponse = self._opener.open(request, timeout=_SILENCE_SECONDS)
        return answer

    def authorize(self, request: Request) -> None:
        """Add the password that the request's host is meant to have, if there is one."""
        url = urlsplit(request.full_url)
        if url.scheme not in ("http", "https"):
            raise URLError("not http or https")
        password = self._passwords.get(_place(url))
        known = self._netrc.authenticators(url.hostname or "") if self._netrc else None
        if password is None and known is not None:
            password = _encode(known[0], known[2] or "")
        if password is not None:
            request.add_unredirected_header("Authorization", password)


class _Redirects(HTTPRedirectHandler):
    """Follows to http and https, each time with the password of that host alone."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """The request that follows."""
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None:
            self._access.authorize(following)
        return following


def _place(url: SplitResult) -> tuple[str, str, int]:
    return url.scheme, url.hostname or "", url.port or {"http": 80}.get(url.scheme, 443)


def _basic(url: SplitResult) -> str:
    return _encode(unquote(url.username or ""), unquote(url.password or ""))


def _encode(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def explain(error: Exception, what: str) -> PublishError:
    """Why `what` could not be fetched."""
    status = error.code if isinstance(error, HTTPError) else 0
    if status in (401, 403):
        return PublishError(
            f"the package index refuses {what} without a password that it knows",
            "the administrator looks at the credentials of [pip] in the configuration",
            passing=True,
        )
    if status in (404, 410):
        return PublishError(f"{what} is not there", "require another version, or correct its URL")
    return PublishError("the package index cannot be reached", INDEX_HINT, passing=True)


def index_urls(pip: Pip, options: Sequence[tuple[str, str]]) -> list[str]:
    """The URLs of the package indexes, as pip takes them; the first one is the default.

    `options` are those of the requirements.
    """
    if any(name == "--no-index" for name, _ in options):
        return []
    first, more = pip.index_url or PYPI, list(pip.extra_index_urls)
    for name, value in options:
        first = value if name == "--index-url" else first
        more += [value] if name == "--extra-index-url" else []
    return [first, *more]


def read_pages(access: Access, indexes: Sequence[str], name: str) -> Iterator[tuple[str, str]]:
    """The URL and the text of the page that each index has of a package.

    PublishError where one is shut.
    """
    for index in indexes:
        try:
            with access.open(f"{index.rstrip('/')}/{name}/", _PAGE) as answer:
                page = answer.geturl(), answer.read(_PAGE_BYTES).decode(errors="replace")
        except FAULTS as error:
            if isinstance(error, HTTPError) and error.code in (404, 410):
                continue
            raise explain(error, name) from None
        yield page


def versions_of(access: Access, indexes: Sequence[str], name: str) -> list[Version]:
    """The versions of a package that the indexes have, sorted; PublishError where one is shut."""
    found: set[Version] = set()
    for _, page in read_pages(access, indexes, name):
        found.update(filter(None, map(_version_of, set(_FILE.findall(page)))))
    return sorted(found)


def _version_of(file: str) -> Version | None:
    try:
        if file.endswith(".whl"):
            return parse_wheel_filename(file)[1]
        return parse_sdist_filename(file)[1]
    except ValueError:
        return None

"""An index by its place: a folder, a web server, or a git server that answers over ssh."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlreef_hooks.config import Index
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.problems import did_you_mean
from mlreef_hooks.reader_index import Modules
from mlreef_hooks.registry_url import Url

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9.:\[\]-]+")  # as ssh takes it


def _quiet(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads: how web servers are asked (`settings`), the folder where what they answered is
    kept (`caches`; None where nothing is), and who is told what a person should know (`warn`).
    """

    settings: Index = field(default_factory=Index)
    caches: Path | None = None
    warn: Callable[[str], None] = _quiet


ANYBODY = Reader()


@dataclass(frozen=True)
class JoinedIndex:
    """Several indexes as one; of a module that is in two the first counts."""

    indexes: Sequence[Modules]

    def lines(self) -> list[Document]:
        """The listing lines of all of them, by namespace and name."""
        found: dict[tuple[str, str], Document] = {}
        for index in self.indexes:
            for line in index.lines():
                found.setdefault((line["namespace"], line["name"]), line)
        return [found[place] for place in sorted(found)]

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where none of them has it."""
        found = (index.find(namespace, name) for index in self.indexes)
        return next(filter(None, found), None)


def open_index(place: str | Path, reader: Reader = ANYBODY) -> Modules:
    """The index at a place; PublishError where that is none, or has none.

    A text is `http(s)://...`, `ssh://[USER@]HOST[:PORT]`, `USER@HOST`, or the path of a folder. A
    path is that of the index, or of one audience in it; so is the address of a web server.
    """
    text = str(place)
    scheme = None if isinstance(place, Path) else _SCHEME.match(text)
    if scheme:
        return _by_scheme(scheme[1].lower(), text, reader)
    if isinstance(place, str) and _ACCOUNT.fullmatch(place):
        return _over_ssh(place, reader)
    return open_folder(Path(place))


def open_folder(folder: Path) -> IndexFiles:
    """The index of a folder; PublishError where there is none."""
    if not folder.is_dir():
        raise PublishError(
            f"there is no index at {folder}", "name its place with --index, or as [index] path"
        )
    return IndexFiles(folder, check_document)


def open_indexes(places: Sequence[str], reader: Reader = ANYBODY) -> Modules:
    """The indexes at several places as one."""
    indexes = [open_index(place, reader) for place in places]
    return indexes[0] if len(indexes) == 1 else JoinedIndex(indexes)


def _by_scheme(scheme: str, text: str, reader: Reader) -> Modules:
    openers = {"http": _over_http, "https": _over_http, "ssh": _over_ssh}
    if scheme not in openers:
        raise PublishError(f"{text} is no place of an index", did_you_mean(scheme, list(openers)))
    return openers[scheme](text, reader)


def _over_http(place: str, reader: Reader) -> Modules:
    from mlreef_hooks.answer_cache import AnswerCache
    from mlreef_hooks.index_http import HttpIndex
    from mlreef_hooks.web_files import WebFiles, WebServer
    from mlreef_hooks.web_login import authorization

    settings, url = reader.settings, _address(place)
    login = authorization(url, settings)
    server = WebServer(url, login=login, ca_bundle=settings.ca_bundle, seconds=settings.seconds)
    return HttpIndex(url, WebFiles(server, AnswerCache(reader.caches), reader.warn))


def _address(place: str) -> Url:
    """The address of a place; one with a password is refused, and not shown."""
    try:
        url = Url.parse(place)
        if not re.fullmatch(r"[A-Za-z0-9/._~%+-]*", url.target):
            raise ValueError("it has a query, or what is no part of an address")
    except ValueError:
        raise PublishError(
            "what is named as the place of the index is no address of a folder",
            "write https://HOST/PATH; passwords stand in a netrc file",
        ) from None
    return url


def _over_ssh(target: str, reader: Reader) -> Modules:
    from mlreef_hooks.index_ssh import SshIndex

    return SshIndex(target, reader.settings.seconds)

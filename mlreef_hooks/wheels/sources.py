"""Source distributions: of the files that package indexes have, the one that a requirement means.

Pages: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, parse_sdist_filename
from packaging.version import Version

_URL = re.compile(r"https?://[^@\s/]+/\S*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RECIPE = "1"  # part of every key; raise it when the same source would be built differently


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a wheel is built of: `requirement` is what pip is told, `proof` what its content is.

    `name` is canonical; it and `version` are empty where only the content tells them.
    """

    name: str
    version: str
    requirement: str
    proof: str

    @classmethod
    def of_reference(cls, text: str) -> "Source":
        """The source that a direct reference means, as it stands in the requirements."""
        named, at, _ = text.partition(" @ ")
        name = canonicalize_name(named.partition("[")[0]) if at else ""
        return cls(name=name, version="", requirement=text, proof=text)

    def key(self, place: Sequence[str]) -> str:
        """The key of the wheel that it becomes at a place: on a base, with what it finds there."""
        said = json.dumps([_RECIPE, *place, self.name, self.version, self.proof])
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def __str__(self) -> str:
        if self.version:
            return f"{self.name}=={self.version}"
        return self.name or urlsplit(self.proof.partition(" ")[0]).path.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class IndexFile:
    """A file that an index has: its URL without a fragment, its SHA-256 where the index tells it,
    which Pythons it wants (empty: all), and whether it was yanked.
    """

    url: str
    sha256: str
    python: str
    yanked: bool

    @property
    def name(self) -> str:
        """The file's name."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]


def read_page(text: str, url: str) -> list[IndexFile]:
    """The files on the page at `url` that an index has of a package; ValueError for no page."""
    read = _read_json if text.lstrip().startswith("{") else _read_html
    try:
        found = [*read(text, url)]
    except (KeyError, TypeError, AttributeError, RecursionError, AssertionError) as error:
        # Python's own parser of HTML asserts what it should refuse.
        raise ValueError("not a page of a package index") from error
    return [file for file in found if _URL.fullmatch(file.url)]


def _read_json(text: str, url: str) -> Iterator[IndexFile]:
    for file in json.loads(text)["files"]:
        yield IndexFile(
            url=urldefrag(urljoin(url, file["url"])).url,
            sha256=_digits(file.get("hashes", {}).get("sha256", "")),
            python=_text(file.get("requires-python") or ""),
            yanked=bool(file.get("yanked")),
        )


def _read_html(text: str, url: str) -> Iterator[IndexFile]:
    links = _Links()
    links.feed(text)
    for link in links.found:
        where, fragment = urldefrag(urljoin(url, link.get("href") or ""))
        yield IndexFile(
            url=where,
            sha256=_digits(fragment.removeprefix("sha256=")),
            python=link.get("data-requires-python") or "",
            yanked="data-yanked" in link,
        )


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError("not a text")
    return said


def _digits(said: str) -> str:
    """A SHA-256 in one spelling, empty for what is none."""
    return said.lower() if _SHA256.fullmatch(said.lower()) else ""


class _Links(HTMLParser):
    """Keeps the attributes of all links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Mapping[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs))


def choose_source(
    requirement: Requirement,
    files: Iterable[IndexFile],
    python: str,
    allowed: Collection[str] | None,
) -> Source | None:
    """The newest source distribution that the requirement takes, as pip would; None without one.

    `allowed` are the hashes that it may have, None for any.
    """
    name = canonicalize_name(requirement.name)
    found: dict[Version, IndexFile] = {}
    for file in files:
        version = _version_of(file.name, name)
        fits = allowed is None or file.sha256 in allowed
        if version and fits and _takes(file.python, python):
            found.setdefault(version, file)
    kept = [version for version, file in found.items() if not file.yanked]
    specifier = requirement.specifier
    chosen = [*specifier.filter(kept)] or [*specifier.filter(found)]
    return _source_of(name, max(chosen), found[max(chosen)]) if chosen else None


def _version_of(file: str, name: str) -> Version | None:
    try:
        found, version = parse_sdist_filename(file)
    except ValueError:
        return None
    return version if found == name else None


def _takes(wanted: str, python: str) -> bool:
    try:
        return python in SpecifierSet(wanted)
    except InvalidSpecifier:
        return True


def _source_of(name: str, version: Version, file: IndexFile) -> Source:
    url = f"{file.url}#sha256={file.sha256}" if file.sha256 else file.url
    return Source(
        name=name,
        version=str(version),
        requirement=f"{name} @ {url}",
        proof=file.sha256 or file.url,
    )

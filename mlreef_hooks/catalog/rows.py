"""One line of the overview for each module, as pages and the search of a site have it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlreef_hooks.index import Document, deprecation, listing_line, newest
from mlreef_hooks.manifest import KINDS
from mlreef_hooks.plain_text import plain

Row = dict[str, Any]
ROW = (  # what every row says
    "key namespace name title text kind version inputs outputs tags author gpu updated marks"
    " picture"
)
PAGE = 100  # modules
SEARCH = "-/search.json"  # all rows of a site
_KEY_LENGTH = 200  # of a file's name; systems have 255 bytes
_TITLE, _TEXT, _TAG, _TAGS = 120, 300, 40, 20  # what a row holds of each
_MOST_TAGS = 200  # that can be chosen from
KIND_TITLES: Mapping[str, str] = {
    "model": "Models",
    "data-operation": "Data operations",
    "data-visualization": "Data visualizations",
}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One list of modules of a site: `folder` is where its pages are, `keys` its modules in order.

    The first page is at `first`, the others are numbered from 2.
    """

    title: str
    first: str
    folder: str
    keys: Sequence[str]
    of_namespace: bool = False

    def place(self, number: int) -> str:
        """The file of a page."""
        return self.first if number == 1 else f"{self.folder}/{number}.html"

    def pages(self) -> list[Sequence[str]]:
        """The keys of each page; one page where there is no module."""
        starts = range(0, max(len(self.keys), 1), PAGE)
        return [self.keys[start : start + PAGE] for start in starts]


def key_of(*names: str) -> str:
    """The folder of a module, or of a namespace: no name holds two separators in a row, so that
    no two have the same.
    """
    key = "--".join("/".join(names).split("/"))
    if len(key) <= _KEY_LENGTH:
        return key
    return f"{key[:100]}---{hashlib.sha256(key.encode()).hexdigest()[:40]}"


def row_of(document: Document, picture: str | None) -> Row:
    """The row of a module that has a version; `picture` is the name of its file."""
    version, line = newest(document["versions"]), listing_line(document)
    tags = document.get("tags") or version.get("tags") or []
    marks = {"yanked": version["yanked"], "deprecated": deprecation(document, version)}
    return {
        "key": key_of(document["namespace"], document["name"]),
        "namespace": document["namespace"],
        "name": document["name"],
        "title": _cut(document["title"], _TITLE) or document["name"],
        "text": _cut(document["description"], _TEXT),
        "kind": document["kind"],
        "version": version["version"],
        "inputs": version["inputs"],
        "outputs": version["outputs"],
        "tags": [_cut(str(tag), _TAG) for tag in tags[:_TAGS]],
        "author": _cut(version.get("author") or "", _TITLE),
        "gpu": version["resources"]["gpu"],
        "updated": line["updated_at"][:10],
        "marks": [mark for mark, is_so in marks.items() if is_so],
        "picture": picture,
    }


def _cut(text: str, length: int) -> str:
    shown = plain(text[: 2 * length])
    return (
        shown if len(shown) <= length else f"{shown[: length - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"
    )


def listings_of(rows: Mapping[str, Row]) -> Iterable[Listing]:
    """All lists of a site whose `rows` are by their keys: everything, each kind, each namespace."""
    ordered = sorted(rows, key=lambda key: (rows[key]["name"], rows[key]["namespace"]))
    yield Listing(title="All modules", first="index.html", folder="-/all", keys=ordered)
    for kind in KINDS.values():
        folder = f"-/kind/{kind}"
        keys = [key for key in ordered if rows[key]["kind"] == kind]
        yield Listing(
            title=KIND_TITLES[kind], first=f"{folder}/index.html", folder=folder, keys=keys
        )
    spaces: dict[str, list[str]] = {}
    for key in ordered:
        spaces.setdefault(rows[key]["namespace"], []).append(key)
    for namespace, keys in sorted(spaces.items()):
        folder = f"-/namespace/{key_of(namespace)}"
        first = f"{folder}/index.html"
        yield Listing(title=namespace, first=first, folder=folder, keys=keys, of_namespace=True)


def choices_of(rows: Iterable[Row]) -> dict[str, list[str]]:
    """What can be chosen from in each filter of the overview, the words of tags by how many have
    them.
    """
    found: dict[str, dict[str, int]] = {"inputs": {}, "outputs": {}, "tags": {}}
    for row in rows:
        for field, counts in found.items():
            for word in row[field]:
                counts[word] = counts.get(word, 0) + 1
    most = sorted(found["tags"], key=lambda tag: (-found["tags"][tag], tag))[:_MOST_TAGS]
    return {
        "inputs": sorted(found["inputs"]),
        "outputs": sorted(found["outputs"]),
        "tags": sorted(most),
    }

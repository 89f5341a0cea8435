"""The index on a web server: of one audience, or of all that who asks may read.

Every document is held to its schema, and every listing to its hash; no place that a document names
leads out of its audience's folder.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.index_check import check_document
from mlreef_hooks.manifest import are_names
from mlreef_hooks.registry_url import Url
from mlreef_hooks.web_files import WebFiles

_TRIES = 3  # of a listing that is another than the one that index.json speaks of
_MOST = 256 << 20  # bytes of all listings together
_OPEN = ("public", "internal")


class HttpIndex:
    """The modules below an address, which is that of an audience's folder or of the whole index."""

    def __init__(self, url: Url, files: WebFiles) -> None:
        self._url = url.path(url.target.removesuffix("/index.json").rstrip("/"))
        self._files = files

    def lines(self) -> list[Document]:
        """The listing lines of all modules that one may read, by namespace and name.

        Of the whole index these are the public and internal ones: no reader can know which private
        namespaces there are.
        """
        entrances = [each for each in self._entrances() if each[1] is not None]
        if not entrances:
            raise self._no_index()
        found = [line for folder, entrance in entrances for line in self._lines(folder, entrance)]
        return sorted(found, key=lambda line: (line["namespace"], line["name"]))

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where there is none that one may read."""
        if not are_names(namespace, name):
            return None
        place = f"modules/{namespace}/{name}.json"
        documents = (
            self._document("module", folder, place)
            for folder in (self._url.target, *self._folders(f"private/{namespace}"))
        )
        document = next(filter(None, documents), None)
        if document and (document["namespace"], document["name"]) != (namespace, name):
            raise self._untrue(place, "is of another module")
        return document

    def _folders(self, *more: str) -> Iterator[str]:
        """The audiences' folders of the whole index."""
        yield from (f"{self._url.target}/{audience}" for audience in (*_OPEN, *more))

    def _entrances(self) -> Iterator[tuple[str, Document | None]]:
        """The folders of audiences, each with its way in."""
        own = self._document("index", self._url.target, "index.json")
        if own is not None:
            yield self._url.target, own
            return
        for folder in self._folders():
            yield folder, self._document("index", folder, "index.json")

    def _lines(self, folder: str, entrance: Document | None) -> Iterator[Document]:
        """The lines of an audience; it is read again where it changed meanwhile."""
        for last in reversed(range(_TRIES)):
            try:
                yield from self._listed(folder, entrance or {"namespaces": {}})
                return
            except _ChangedError as changed:
                if not last:
                    raise self._untrue(str(changed), "has another hash than is said") from None
            entrance = self._document("index", folder, "index.json")

    def _listed(self, folder: str, entrance: Document) -> list[Document]:
        lines: list[Document] = []
        size = 0
        for namespace, facts in entrance["namespaces"].items():
            content = self._files.read(self._at(folder, facts["path"]), facts["sha256"])
            if content is None or hashlib.sha256(content).hexdigest() != facts["sha256"]:
                raise _ChangedError(facts["path"])
            size += len(content)
            if size > _MOST:
                raise self._untrue("the index", f"has listings of more than {_MOST} bytes")
            listing = self._checked("listing", facts["path"], content)
            if {listing["namespace"], *(line["namespace"] for line in listing["modules"])} != {
                namespace
            }:
                raise self._untrue(facts["path"], "is of another namespace")
            lines += listing["modules"]
        return lines

    def _document(self, kind: str, folder: str, place: str) -> Document | None:
        content = self._files.read(self._at(folder, place))
        return None if content is None else self._checked(kind, place, content)

    def _checked(self, kind: str, place: str, content: bytes) -> Document:
        try:
            document: Any = json.loads(content)
        except (ValueError, RecursionError):
            raise self._untrue(place, "is not JSON") from None
        if not isinstance(document, dict):
            raise self._untrue(place, "is no document of an index")
        return check_document(kind, document, f"{self._url.address}: {place}")

    def _at(self, folder: str, place: str) -> Url:
        return self._url.path(f"{folder}/{place}")

    def _untrue(self, place: str, why: str) -> PublishError:
        return PublishError(f"{self._url.address}: {place} {why}", "tell its administrator")

    def _no_index(self) -> PublishError:
        if self._files.closed:
            return PublishError(
                f"{self._url} is not for everybody, or not for you",
                "write your password into a netrc file: see [index] in docs/config.md",
            )
        return PublishError(f"there is no index at {self._url}", "name the folder of index.json")


class _ChangedError(Exception):
    """A listing is another than the one that its index.json speaks of."""

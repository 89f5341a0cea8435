"""The index as one reader may see it: what is not for them is not there."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, listing_line
from mlreef_hooks.manifest import are_names


class Modules(Protocol):
    """Modules by their documents, such as an index."""

    def lines(self) -> list[Document]:
        """The listing lines of all modules."""

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where there is none."""


@dataclass(frozen=True)
class Documents:
    """Modules whose documents are at hand."""

    documents: Sequence[Document]

    def lines(self) -> list[Document]:
        """The listing lines, by namespace and name; a module with an edge alone has none."""
        lines = [listing_line(each) for each in self.documents if each["versions"]]
        return sorted(lines, key=lambda line: (line["namespace"], line["name"]))

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where there is none."""
        places = {(each["namespace"], each["name"]): each for each in self.documents}
        return places.get((namespace, name))


@dataclass(frozen=True, kw_only=True)
class ReaderIndex:
    """`readings` says of repositories, by their keys, modules of which visibilities the reader may
    see. What fails in the index is a PublishError that names no module.
    """

    index: Modules
    readings: Callable[[Collection[str]], Mapping[str, Collection[str]]]
    _known: dict[str, Collection[str]] = field(default_factory=dict)

    def lines(self) -> list[Document]:
        """The listing lines of the modules that the reader may see."""
        try:
            lines = self.index.lines()
            documents = [self._with_repository(line) for line in lines]
        except PublishError:
            raise _unreadable() from None
        seen = self._seen(documents)
        return [line for line, is_seen in zip(lines, seen, strict=True) if is_seen]

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where there is none that the reader may see."""
        if not are_names(namespace, name):
            return None  # what is asked comes from the network
        try:
            document = self.index.find(namespace, name)
        except PublishError:
            raise _unreadable() from None
        return document if self._seen([document])[0] else None

    def _with_repository(self, line: Document) -> Document | None:
        """The line, or where an older program wrote it the document, which tells whose it is."""
        return line if "repository" in line else self.index.find(line["namespace"], line["name"])

    def _seen(self, documents: Sequence[Document | None]) -> list[bool]:
        keys = {each["repository"] for each in documents if each}
        # Once for each: how long an answer takes must not tell whether there is such a module.
        if new := keys - self._known.keys():
            self._known.update(dict.fromkeys(new, ()) | dict(self.readings(new)))
        return [
            each is not None and each["visibility"] in self._known[each["repository"]]
            for each in documents
        ]


def _unreadable() -> PublishError:
    return PublishError("the index cannot be read now", "tell the administrator", passing=True)

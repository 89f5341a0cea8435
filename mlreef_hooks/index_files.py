"""The changes of an index: what each makes of a module's document, while nobody else can write."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from mlreef_hooks.index import (
    Document,
    add_version,
    find_version,
    limit_of,
    set_channels,
    set_deprecated,
    set_yanked,
)
from mlreef_hooks.index_audience import audience_of
from mlreef_hooks.index_claims import check_namespace, check_owner, check_same
from mlreef_hooks.index_store import NO_FILES, IndexStore
from mlreef_hooks.manifest import VISIBILITIES

Ask = Callable[[], str]  # who may read a module


class IndexFiles(IndexStore):
    """An index below a folder, and what is done with it. OSError becomes a PublishError that may
    pass.
    """

    def add(
        self, entry: Document, files: Mapping[str, bytes] = NO_FILES, ask: Ask | None = None
    ) -> bool:
        """Add the one version of `entry`; False where just this version stands there already.

        `files` are those that it names, by their places below the folder of its audience. Who may
        read it, `ask` tells once nobody else can write: a flip that comes before is not undone.
        PublishError where the version was published from another commit, or the module belongs to
        another repository.
        """
        (version,) = entry["versions"]
        with self._writing():
            entry = _asked(entry, ask)
            document = self._owned(entry)
            published = document and find_version(document, version["version"])
            if document and published:
                check_same(published, version["tag"], version["commit"])
                self._write({**document, "visibility": entry["visibility"]})
                return False
            self._write(add_version(document, entry), files)
            return True

    def yank(
        self, namespace: str, name: str, version: str, *, reason: str | None, visibility: str
    ) -> None:
        """Yank a version, or take that back (without a reason); KeyError where there is none.

        Where the repository's `visibility` has become narrower, the module's becomes so too.
        """
        with self._changing(namespace, name, version, visibility) as (document, write):
            write(set_yanked(document, version, yanked=reason is not None, reason=reason))

    def deprecate(
        self, namespace: str, name: str, version: str | None, *, reason: str | None, visibility: str
    ) -> None:
        """Deprecate a version, or the module (`version` is None), or take that back; as `yank`."""
        with self._changing(namespace, name, version, visibility) as (document, write):
            write(set_deprecated(document, version, reason))

    def set_visibility(
        self, namespace: str, name: str, choose: Callable[[str], str]
    ) -> tuple[str, str]:
        """Who could read a module, and who may now: what `choose` makes of the former once nobody
        else can write, no wider than its author wants; KeyError where there is none.
        """
        with self._writing():
            _, document = self._stored(namespace, name)
            if document is None:
                raise KeyError(name)
            before = str(document["visibility"])
            after = min(choose(before), limit_of(document), key=VISIBILITIES.index)
            if after != before:
                self._write({**document, "visibility": after})
            return before, after

    def mend(self, namespace: str, name: str) -> None:
        """Let listings and entrances say what the module's document says, or nothing of it."""
        with self._writing():
            _, document = self._stored(namespace, name)
            if document is not None:
                self._write(document)
            for visibility in VISIBILITIES if document is None else ():
                audience = audience_of(visibility, namespace)
                self._audience(audience).set_line(namespace, name, None)

    def take_out(
        self, namespace: str, name: str, choose: Callable[[Document], Collection[str]]
    ) -> list[Document]:
        """The versions that `choose` names and that are in the index no more; one always stays."""
        with self._writing():
            _, document = self._stored(namespace, name)
            if document is None:
                return []
            names = choose(document)
            gone = [each for each in document["versions"] if each["version"] in names]
            left = [each for each in document["versions"] if each["version"] not in names]
            if not gone or not left:
                return []
            self._write({**document, "versions": left})
            return gone

    def set_channels(self, entry: Document, ask: Ask | None = None) -> None:
        """Let the channels of `entry` be those of its module; what they were before is gone. `ask`
        as in `add`.

        PublishError where the module belongs to another repository.
        """
        with self._writing():
            entry = _asked(entry, ask)
            self._write(set_channels(self._owned(entry), entry))

    def _owned(self, entry: Document) -> Document | None:
        """The document that an entry goes into; PublishError where it is another repository's."""
        _, document = self._stored(entry["namespace"], entry["name"])
        check_owner(document, entry["repository"], entry["name"])
        if document is None:
            check_namespace(self.neighbour(entry["namespace"]), entry["repository"])
        return document

    @contextmanager
    def _changing(
        self, namespace: str, name: str, version: str | None, visibility: str
    ) -> Iterator[tuple[Document, Callable[[Document], None]]]:
        with self._writing():
            _, document = self._stored(namespace, name)
            if document is None or (version and find_version(document, version) is None):
                raise KeyError(version or name)
            narrow = min(visibility, document["visibility"], key=VISIBILITIES.index)
            yield document, lambda changed: self._write({**changed, "visibility": narrow})


def _asked(entry: Document, ask: Ask | None) -> Document:
    return entry if ask is None else {**entry, "visibility": ask()}

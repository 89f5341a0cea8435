"""Documents of an index on disk, one folder per audience: read by anyone, written by one at a time.

A reader never sees half a file: each is written beside its place, synced and moved there. A writer
that is killed leaves a note (`.pending`), by which whoever comes next completes the change.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mlreef_hooks.durable_files import (
    beside_of,
    locked,
    make_folder,
    remove_file,
    replace_file,
)
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, listing_line
from mlreef_hooks.index_attachments import read_attachments, remove_attachments
from mlreef_hooks.index_audience import Audience, audience_of, module_place, names_module
from mlreef_hooks.index_document import encode_document, read_document, read_if_allowed
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.provenance import named_files
from mlreef_hooks.push import RESERVED

LOCK, NOTE = ".lock", ".pending"
NO_FILES: Mapping[str, bytes] = {}
Check = Callable[[str, Document, str], Document]  # the kind of a document, itself, its path


def unchecked(kind: str, document: Document, path: str) -> Document:
    """The document as it is: one's own."""
    return document


class IndexStore:
    """The index below the folder `root`. OSError becomes a PublishError that may pass."""

    def __init__(
        self,
        root: Path,
        check: Check = unchecked,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`check` refuses a document that is read and not what it should be; `changed` is called
        when something was written, and nobody holds the index any more.
        """
        self.root = root
        self._check = check
        self._changed = changed
        self._changes = self._together = 0
        self._lock = root / LOCK
        self._note = root / NOTE

    # reading

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where there is none that this process may read."""
        self.complete_abandoned()
        paths = self._module_paths(namespace, name)
        return next(filter(None, (self._read("module", path) for path in paths)), None)

    def _read(self, kind: str, path: Path) -> Document | None:
        """A document, checked; None where it is not there, or not for this process."""
        document = read_if_allowed(path)
        return None if document is None else self._check(kind, document, str(path))

    def neighbour(self, namespace: str) -> Document | None:
        """The listing line, or the document, of some module of a namespace; None where it has none
        that this process may read.

        One without versions, which no listing has, is a neighbour too.
        """
        for visibility in VISIBILITIES:
            audience = audience_of(visibility, namespace)
            # not there, or not for this process; of a large one, only the beginning is read
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                folder = self.root / audience / "modules" / namespace
                if found := self._audience(audience).some_line(namespace) or _some_document(folder):
                    return found
        return None

    def lines(self) -> list[Document]:
        """The listing lines of all modules that this process may read, by namespace and name."""
        self.complete_abandoned()
        lines = []
        for audience in self._audiences():
            entrance = self._read("index", audience / "index.json") or {"namespaces": {}}
            for facts in entrance["namespaces"].values():
                listing = self._read("listing", audience / facts["path"]) or {"modules": []}
                lines += listing["modules"]
        return sorted(lines, key=lambda line: (line["namespace"], line["name"]))

    def documents(self) -> Iterator[Document]:
        """Every module's document; PublishError where one is broken or not for this process."""
        self.complete_abandoned()
        for path in sorted(self.root.rglob("modules/**/*.json")):
            try:
                document = read_document(path)
            except OSError as error:
                hint = "run it as the account of the state folder"
                raise PublishError(f"{path} cannot be read: {error}", hint) from error
            if document is not None:
                yield self._check("module", document, str(path))

    def _audiences(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in RESERVED]
            if "index.json" in files:
                yield Path(folder)

    def complete_abandoned(self) -> None:
        """Complete what a killed writer left, if this process may; a living one does it itself."""
        if os.path.lexists(self._note):
            with suppress(OSError), locked(self._lock, wait=False):
                self._complete()
            self._tell_changed()

    # writing

    def _stored(self, namespace: str, name: str) -> tuple[str, Document | None]:
        """A module's audience and document; what cannot be read does not count as not there."""
        audiences = [audience_of(visibility, namespace) for visibility in VISIBILITIES]
        for audience in audiences:
            document = read_document(self._module_path(audience, namespace, name))
            if document is not None:
                return audience, document
        return audiences[0], None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Tell of many changes once, when all are done."""
        self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            self._tell_changed()

    def tell_again(self) -> None:
        """Tell of a change whose writer was killed before it could."""
        self._changes += 1
        self._tell_changed()

    def _tell_changed(self) -> None:
        if self._changes and not self._together:
            self._changes = 0
            self._changed()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            make_folder(self.root, 0o755)
            with locked(self._lock):
                self._complete()
                yield
            self._tell_changed()
        except OSError as error:
            raise PublishError(
                f"the index cannot be written: {error}",
                "the job is kept; the administrator makes room or mends the permissions",
                passing=True,
            ) from error

    def _complete(self) -> None:
        """Do what is left of a change whose writer did not come to its end."""
        # An index may have come from anybody: a note must not lead out of its folder.
        if (pending := read_document(self._note)) and names_module(pending):
            path = self._module_path(pending["audience"], pending["namespace"], pending["name"])
            beside_of(path).unlink(missing_ok=True)
            self._refresh(**pending)

    def _write(self, document: Document, files: Mapping[str, bytes] = NO_FILES) -> None:
        place = {"namespace": document["namespace"], "name": document["name"]}
        audience = audience_of(document["visibility"], document["namespace"])
        content = encode_document(document)
        replace_file(self._note, encode_document({**place, "audience": audience}), 0o600)
        before, stored = self._stored(**place)
        if stored is not None and before != audience:
            files = {**read_attachments(self.root / before, stored), **files}
        self._audience(audience).put(files)
        self._audience(audience).put({module_place(**place): content})
        self._refresh(**place, audience=audience, others=[] if stored is None else [before])

    def _refresh(
        self, *, namespace: str, name: str, audience: str, others: Collection[str] | None = None
    ) -> None:
        """Make everything that follows from a module's document in `audience` be so.

        `others` are those in which something of it may stand; None where that is not known.
        """
        self._changes += 1
        document = read_document(self._module_path(audience, namespace, name))
        if document is None:  # its writer did not come to that; what stands elsewhere stays so
            audience, document = self._stored(namespace, name)
        for visibility in VISIBILITIES:
            other = audience_of(visibility, namespace)
            if others is not None and other not in (*others, audience):
                continue
            its = document if other == audience else None
            if its is None:
                remove_file(self._module_path(other, namespace, name), self.root / other)
            remove_attachments(
                self.root / other, namespace, name, but=named_files(its) if its else set()
            )
            # no reader of listings expects a line without a version
            line = listing_line(its) if its and its["versions"] else None
            self._audience(other).set_line(namespace, name, line)
        self._note.unlink(missing_ok=True)

    def _audience(self, audience: str) -> Audience:
        return Audience(self.root / audience, public=audience == "public")

    def _module_path(self, audience: str, namespace: str, name: str) -> Path:
        return self.root / audience / module_place(namespace, name)

    def _module_paths(self, namespace: str, name: str) -> Iterator[Path]:
        for visibility in VISIBILITIES:
            yield self._module_path(audience_of(visibility, namespace), namespace, name)
        yield self.root / module_place(namespace, name)  # in a copy of one audience


def _some_document(folder: Path) -> Document | None:
    """One of the documents of a folder, None where this process may read none."""
    with os.scandir(folder) as entries:
        paths = (Path(each.path) for each in entries if each.name.endswith(".json"))
        return next(filter(None, map(read_if_allowed, paths)), None)

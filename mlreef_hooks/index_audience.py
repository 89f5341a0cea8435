"""One audience's folder of the index: what follows from its modules' documents, and its modes."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path

from mlreef_hooks.durable_files import make_folder, remove_file, replace_file, replace_files
from mlreef_hooks.index import Document, V, change_listing
from mlreef_hooks.index_document import encode_document, read_checked
from mlreef_hooks.index_lines import Form, change_line, count_lines, write_lines
from mlreef_hooks.manifest import MODULE_NAME, VISIBILITIES

_LINE = 1 << 16  # bytes; a longer line is not looked at
SCHEMAS = ("module", "listing", "index")
_PUBLIC_MODES = (0o755, 0o644)  # of folders and of files
_CLOSED_MODES = (0o750, 0o640)


def audience_of(visibility: str, namespace: str) -> str:
    """The folder, relative to the index, of those who may read a module."""
    return f"private/{namespace}" if visibility == "private" else visibility


def module_place(namespace: str, name: str) -> str:
    """Where a module's document is below the folder of its audience."""
    return f"modules/{namespace}/{name}.json"


def names_module(note: Document) -> bool:
    """True where a note names a module of an index and one of its audiences, and nothing else."""
    if note.keys() != {"audience", "namespace", "name"}:
        return False
    namespace, name = note["namespace"], note["name"]
    if not isinstance(namespace, str) or not isinstance(name, str):
        return False
    audiences = [audience_of(visibility, namespace) for visibility in VISIBILITIES]
    places = [*namespace.split("/"), name]
    return note["audience"] in audiences and all(map(MODULE_NAME.fullmatch, places))


class Audience:
    """The folder `root` of those who may read the same modules. Writers hold the index's lock."""

    def __init__(self, root: Path, *, public: bool) -> None:
        self._root = root
        self._modes = _PUBLIC_MODES if public else _CLOSED_MODES

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Write files by their places below the folder, unless they are there as they should be."""
        folder_mode, mode = self._modes
        paths = {self._root / place: content for place, content in contents.items()}
        new = {
            path: content
            for path, content in paths.items()
            if not path.is_file() or path.read_bytes() != content
        }
        for folder in {path.parent for path in new}:
            make_folder(folder, folder_mode)
        replace_files(new, mode)

    def some_line(self, namespace: str) -> Document | None:
        """The first line of the namespace's listing; None where that is not there, not for this
        process, or not of our form.
        """
        form = _listing_form(namespace)
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError, ValueError):
            with (self._root / _listing_place(namespace)).open("rb") as listing:
                head, line = listing.readline(_LINE), listing.readline(_LINE)
            if head == form.head + b"\n" and line.startswith(form.begin):
                found: Document = json.loads(line.rstrip(b",\n"))
                return found
        return None

    def set_line(self, namespace: str, name: str, line: Document | None) -> None:
        """Let the namespace's listing, and the way in, say this of a module, or nothing of it.

        Nothing else in them is read or written anew, as many modules as there may be.
        """
        if not self._root.is_dir():
            return
        place = _listing_place(namespace)
        before = _read(self._root / place)
        form = _listing_form(namespace)
        content = change_line(form, before, name, _entry(line))
        if content is None:
            listing = change_listing(
                read_checked("listing", self._root / place), namespace, name, line
            )
            content = write_lines(form, map(_entry, listing["modules"]))
        if not content:
            remove_file(self._root / place, self._root)
            self._set_namespace(namespace, None)
            return
        if content != before:
            self._replace(place, content)
        facts = {**_named(place, content), "modules": count_lines(form, content)}
        self._set_namespace(namespace, facts)

    def _set_namespace(self, namespace: str, facts: Document | None) -> None:
        place = "index.json"
        before = _read(self._root / place)
        form = _entrance_form({name: self._put_schema(name) for name in SCHEMAS})
        content = change_line(form, before, namespace, _entry(facts, namespace))
        if content is None:
            document = read_checked("index", self._root / place) or {"namespaces": {}}
            named = {**document["namespaces"], namespace: facts}
            entries = (_entry(named[key], key) for key in sorted(named) if named[key])
            content = write_lines(form, entries)
        if content != before or not before:
            self._replace(place, content or write_lines(form, ()))

    def _replace(self, place: str, content: bytes) -> None:
        folder_mode, mode = self._modes
        make_folder((self._root / place).parent, folder_mode)
        replace_file(self._root / place, content, mode)

    def _put_schema(self, name: str) -> Document:
        content = resources.files("mlreef_hooks").joinpath(f"schemas/{name}.json").read_bytes()
        place = f"schema/{name}.json"
        self.put({place: content})
        return _named(place, content)


def _listing_place(namespace: str) -> str:
    return f"listing/{namespace}.json"


def _listing_form(namespace: str) -> Form:
    return Form(
        head=f'{{"v": {V}, "namespace": "{namespace}", "modules": ['.encode(),
        begin=f'{{"namespace": "{namespace}", "name": "'.encode(),
        tail=b"]}",
    )


def _entrance_form(schemas: Document) -> Form:
    head = f'{{"v": {V}, "schemas": {json.dumps(schemas)}, "namespaces": {{'
    return Form(head=head.encode(), begin=b'"', tail=b"}}")


def _entry(document: Document | None, key: str = "") -> bytes:
    """The line of a document, of which a table has a key; empty where there is none."""
    if document is None:
        return b""
    return (f'"{key}": '.encode() if key else b"") + encode_document(document).rstrip(b"\n")


def _read(path: Path) -> bytes:
    """The bytes of a file, none where it is not there; one that is empty was not written by us."""
    try:
        return path.read_bytes() or b"\n"
    except (FileNotFoundError, NotADirectoryError):
        return b""


def _named(place: str, content: bytes) -> Document:
    return {"path": place, "sha256": hashlib.sha256(content).hexdigest()}

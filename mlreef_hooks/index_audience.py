"""One audience's folder of the index: what follows from its modules' documents, and its modes."""

import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from mlreef_hooks.durable_files import make_folder, remove_file, replace_files
from mlreef_hooks.index import Document, V, change_listing
from mlreef_hooks.index_document import encode_document, read_document
from mlreef_hooks.manifest import MODULE_NAME, VISIBILITIES

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

    def set_line(self, namespace: str, name: str, line: Document | None) -> None:
        """Let the namespace's listing, and the way in, say this of a module, or nothing of it."""
        if not self._root.is_dir():
            return
        place = f"listing/{namespace}.json"
        listing = change_listing(read_document(self._root / place), namespace, name, line)
        content = encode_document(listing)
        if listing["modules"]:
            self.put({place: content})
        else:
            remove_file(self._root / place, self._root)
        facts = {**_named(place, content), "modules": len(listing["modules"])}
        self._set_namespace(namespace, facts)

    def _set_namespace(self, namespace: str, facts: Document) -> None:
        before = read_document(self._root / "index.json")
        namespaces = {**(before["namespaces"] if before else {}), namespace: facts}
        entrance = {
            "v": V,
            "schemas": {name: self._put_schema(name) for name in SCHEMAS},
            "namespaces": {
                key: namespaces[key] for key in sorted(namespaces) if namespaces[key]["modules"]
            },
        }
        self.put({"index.json": encode_document(entrance)})

    def _put_schema(self, name: str) -> Document:
        content = resources.files("mlreef_hooks").joinpath(f"schemas/{name}.json").read_bytes()
        place = f"schema/{name}.json"
        self.put({place: content})
        return _named(place, content)


def _named(place: str, content: bytes) -> Document:
    return {"path": place, "sha256": hashlib.sha256(content).hexdigest()}

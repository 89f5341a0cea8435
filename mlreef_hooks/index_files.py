"""The index on disk, one folder per audience: read by anyone, written by one process at a time.

A reader never sees half a file: each is written beside its place, synced and moved there. A writer
that is killed leaves a note (`.pending`), by which the next one completes the change.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from packaging.version import Version

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import (
    V,
    Document,
    add_version,
    change_listing,
    find_version,
    listing_line,
    set_yanked,
)
from mlreef_hooks.manifest import VISIBILITIES

SCHEMAS = ("module", "listing", "index")
RESERVED = ("listing", "modules", "schema")  # no namespace may be a folder of this name
_PUBLIC_MODES = (0o755, 0o644)
_CLOSED_MODES = (0o750, 0o640)


def audience_of(visibility: str, namespace: str) -> str:
    """The folder, relative to the index, of those who may read a module."""
    return f"private/{namespace}" if visibility == "private" else visibility


class IndexFiles:
    """The index below the folder `root`. OSError becomes a PublishError that may pass."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # reading

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where there is none that this process may read."""
        for visibility in VISIBILITIES:
            path = self._module_path(audience_of(visibility, namespace), namespace, name)
            if (document := _read(path)) is not None:
                return document
        return None

    def lines(self) -> list[Document]:
        """The listing lines of all modules that this process may read, by namespace and name."""
        lines = []
        for audience in self._audiences():
            entrance = _read(audience / "index.json") or {"namespaces": {}}
            for facts in entrance["namespaces"].values():
                listing = _read(audience / facts["path"]) or {"modules": []}
                lines += listing["modules"]
        return sorted(lines, key=lambda line: (line["namespace"], line["name"]))

    def _audiences(self) -> Iterator[Path]:
        for path in sorted(self.root.rglob("index.json")):
            if not any(part in RESERVED for part in path.relative_to(self.root).parts):
                yield path.parent

    # writing

    def add(self, entry: Document) -> bool:
        """Add the one version of `entry`; False where just this version stands there already.

        PublishError where the version was published from another commit, or the module belongs to
        another repository.
        """
        namespace, name = entry["namespace"], entry["name"]
        (version,) = entry["versions"]
        with self._writing():
            document = self.find(namespace, name)
            check_owner(document, entry["repository"], name)
            published = document and find_version(document, version["version"])
            if document and published:
                check_same(published, version["tag"], version["commit"])
                self._write({**document, "visibility": entry["visibility"]})
                return False
            self._write(add_version(document, entry))
            return True

    def yank(
        self, namespace: str, name: str, version: str, *, yanked: bool, reason: str | None
    ) -> None:
        """Set or take back the yank of a version; KeyError where the index does not hold it."""
        with self._writing():
            document = self.find(namespace, name)
            if document is None or find_version(document, version) is None:
                raise KeyError(version)
            self._write(set_yanked(document, version, yanked=yanked, reason=reason))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            _make_folder(self.root, 0o755)
            with (self.root / ".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                pending = _read(self.root / ".pending")
                if pending:
                    self._refresh(**pending)
                yield
        except OSError as error:
            raise PublishError(
                f"the index cannot be written: {error}",
                "the job is kept; the administrator makes room or mends the permissions",
                passing=True,
            ) from error

    def _write(self, document: Document) -> None:
        place = {"namespace": document["namespace"], "name": document["name"]}
        audience = audience_of(document["visibility"], document["namespace"])
        _replace(self.root / ".pending", {**place, "audience": audience}, 0o600)
        _make_folder(self.root / audience, _modes(audience)[0])
        path = self._module_path(audience, document["namespace"], document["name"])
        _replace(path, document, _modes(audience)[1])
        self._refresh(**place, audience=audience)

    def _refresh(self, *, namespace: str, name: str, audience: str) -> None:
        """Make everything that follows from a module's document in `audience` be so."""
        document = _read(self._module_path(audience, namespace, name))
        if document is not None:
            for visibility in VISIBILITIES:
                other = audience_of(visibility, namespace)
                if other != audience:
                    self._module_path(other, namespace, name).unlink(missing_ok=True)
                line = listing_line(document) if other == audience else None
                self._refresh_listing(other, namespace, name, line)
        (self.root / ".pending").unlink(missing_ok=True)

    def _refresh_listing(
        self, audience: str, namespace: str, name: str, line: Document | None
    ) -> None:
        folder = self.root / audience
        if not folder.is_dir():
            return
        path = folder / "listing" / f"{namespace}.json"
        before = _read(path)
        listing = change_listing(before, namespace, name, line)
        if listing["modules"]:
            if listing != before:
                _replace(path, listing, _modes(audience)[1])
        else:
            path.unlink(missing_ok=True)
        self._refresh_entrance(audience, namespace, listing)

    def _refresh_entrance(self, audience: str, namespace: str, listing: Document) -> None:
        folder, mode = self.root / audience, _modes(audience)[1]
        path = folder / "index.json"
        before = _read(path)
        namespaces = dict(before["namespaces"]) if before else {}
        namespaces.pop(namespace, None)
        if listing["modules"]:
            namespaces[namespace] = {
                "path": f"listing/{namespace}.json",
                "sha256": hashlib.sha256(_encode(listing)).hexdigest(),
                "modules": len(listing["modules"]),
            }
        schemas = {}
        for name in SCHEMAS:
            content = resources.files("mlreef_hooks").joinpath(f"schemas/{name}.json").read_bytes()
            place = f"schema/{name}.json"
            schemas[name] = {"path": place, "sha256": hashlib.sha256(content).hexdigest()}
            if not (folder / place).is_file() or (folder / place).read_bytes() != content:
                _replace_bytes(folder / place, content, mode)
        entrance = {"v": V, "schemas": schemas, "namespaces": dict(sorted(namespaces.items()))}
        if entrance != before:
            _replace(path, entrance, mode)

    def _module_path(self, audience: str, namespace: str, name: str) -> Path:
        return self.root / audience / "modules" / namespace / f"{name}.json"


def check_owner(document: Document | None, repository: str, name: str) -> None:
    """PublishError where the module was published by another repository."""
    if document is not None and document["repository"] != repository:
        raise PublishError(
            f"the name {name} belongs to the repository {document['repository']}",
            "write another name below [module] in mlreef.toml [module-taken]",
        )


def check_same(published: Document, tag: str, commit: str) -> None:
    """PublishError where a published version is not what `tag` and `commit` ask for."""
    version = published["version"]
    if published["commit"] != commit:
        rule = "tag-moved" if published["tag"] == tag else "version-taken"
        raise PublishError(
            f"{version} is published from {published['commit'][:7]} and stays as it is",
            f"raise the version: tag this commit as one after {version} [{rule}]",
        )


def _modes(audience: str) -> tuple[int, int]:
    """The modes of folders and of files."""
    return _PUBLIC_MODES if audience == "public" else _CLOSED_MODES


def _read(path: Path) -> Document | None:
    try:
        document: Any = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except ValueError as error:
        raise PublishError(
            f"{path} is not JSON: {error}", "restore it from a backup, or remove it"
        ) from None
    if not isinstance(document, dict):
        raise PublishError(f"{path} is not a document of the index", "restore it from a backup")
    return document


def _encode(document: Document) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode(
        errors="backslashreplace"
    ) + b"\n"


def _replace(path: Path, document: Document, mode: int) -> None:
    _replace_bytes(path, _encode(document), mode)


def _replace_bytes(path: Path, content: bytes, mode: int) -> None:
    folder_mode = mode | (mode & 0o444) >> 2  # who may read a file may enter its folder
    _make_folder(path.parent, folder_mode)
    # Writers hold the lock, so the name needs no random part, and a killed one leaves one file.
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as out:
        os.fchmod(out.fileno(), mode)
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def _make_folder(path: Path, mode: int) -> None:
    if not path.is_dir():
        _make_folder(path.parent, mode)
        path.mkdir(exist_ok=True)
        path.chmod(mode)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

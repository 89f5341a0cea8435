"""The index, audience by audience: what is damaged, lost, not listed, or open to everybody."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.edge import NAMES, edge_of
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, find_version
from mlreef_hooks.index_audience import audience_of
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_document import read_document
from mlreef_hooks.job import PUBLISHED
from mlreef_hooks.job_records import read_records
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.plain_text import counted
from mlreef_hooks.push import EDGE, RESERVED

_WRITING_SECONDS = 0.3  # more than one change of an index takes
# What reading a document raises that is not as it should be.
_STRANGE = (KeyError, TypeError, AttributeError, ValueError)


def look_at_index(visit: Visit) -> Iterator[Finding]:
    """What is wrong with the documents of the index; nothing is completed or mended."""
    root = visit.config.index_path
    found = [*_faults(visit)]
    if found:  # perhaps a publish is just writing it
        time.sleep(_WRITING_SECONDS)
        found = [*_faults(visit)]
    modules = sum(1 for audience in _audiences(root) for _ in _documents(audience))
    if not found and root.exists():  # what is not there is said of the folders
        found = [fine(root, f"the index holds {counted(modules, 'module')}")]
    yield from found


def _faults(visit: Visit) -> Iterator[Finding]:
    root = visit.config.index_path
    if os.path.lexists(root / ".pending"):
        yield fault("index-unfinished", root, "a change of it was broken off")
    for audience in _audiences(root):
        yield from _open(root, audience)
        yield from _damage(audience)
    yield from _lost(visit)


def _audiences(root: Path) -> Iterator[Path]:
    """The folders of the audiences; those of namespaces are inside each other."""
    for folder, folders, files in os.walk(root):
        is_audience = any(name in RESERVED for name in folders)
        folders[:] = sorted(name for name in folders if name not in RESERVED)
        if is_audience or "index.json" in files:
            yield Path(folder)


def _documents(audience: Path) -> Iterator[Path]:
    return (audience / "modules").rglob("*.json")


def _open(root: Path, audience: Path) -> Iterator[Finding]:
    name, mode = audience.relative_to(root), stat.S_IMODE(audience.stat().st_mode)
    if name != Path("public") and mode & (stat.S_IROTH | stat.S_IXOTH):
        said = f"everybody may enter it ({mode:o}), and it is for {name.parts[0]} modules"
        yield fault("index-open", audience, said)


def _damage(audience: Path) -> Iterator[Finding]:
    """What its entrance, its listings and its documents say of each other and is not so."""
    path, listed = audience / "index.json", set[Path]()
    try:
        entrance = check_document("index", _required(path), str(path))
        for namespace, facts in entrance["namespaces"].items():
            path = audience / facts["path"]
            listing = _required(path)
            if hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
                raise PublishError(f"{path} is not as the entrance says", "")
            check_document("listing", listing, str(path))
            for line in listing["modules"]:
                path = audience / "modules" / namespace / f"{line['name']}.json"
                listed.add(path)
                _check_module(path, line)
    except PublishError as error:
        yield fault("index-damaged", audience, error.message)
    except (OSError, *_STRANGE) as error:
        yield fault("index-damaged", audience, f"{path} is damaged: {error!r}")
    else:
        others = sorted(filter(_has_versions, {*_documents(audience)} - listed))
        if others:
            said = f"{others[0]} is in no listing ({counted(len(others), 'document')})"
            yield fault("index-unlisted", audience, said)


def _has_versions(path: Path) -> bool:
    """True where a document belongs into a listing; one with an edge alone does not."""
    with suppress(OSError, PublishError):
        return bool((read_document(path) or {}).get("versions", True))
    return True


def _required(path: Path) -> Document:
    document = read_document(path)
    if document is None:
        raise PublishError(f"{path} is not there", "")
    return document


def _check_module(path: Path, line: Document) -> None:
    document = _required(path)
    if find_version(document, line["version"]) is None:
        raise PublishError(f"{path} lacks version {line['version']}, which is listed", "")


def _lost(visit: Visit) -> Iterator[Finding]:
    """What the job table knows as published, and the index does not know at all."""
    try:
        records = read_records(visit.config.state_folder.jobs)
        lost = [
            record
            for record in records
            if record.state == PUBLISHED
            and not all(
                _is_there(visit.config.index_path, record.namespace, name, record.version)
                for name in record.module_name.split(NAMES)
            )
        ]
    except (OSError, PublishError, *_STRANGE):
        return  # a damaged table or document is told of already
    if lost:
        first = f"{lost[0].namespace}/{lost[0].module_name} {lost[0].version or EDGE}"
        said = f"{first} was published and is not there ({counted(len(lost), 'version')})"
        yield fault("index-lost", visit.config.index_path, said)


def _is_there(root: Path, namespace: str, name: str, version: str) -> bool:
    for visibility in VISIBILITIES:
        folder = root / audience_of(visibility, namespace) / "modules" / namespace
        document = read_document(folder / f"{name}.json")
        if document and (find_version(document, version) if version else edge_of(document)):
            return True
    return False

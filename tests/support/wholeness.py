"""What must be true of a site's files at any moment, and what a site keeps on disk."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.support.site import GitSite

_SCHEMAS = Path(__file__).parents[2] / "mlreef_hooks" / "schemas"
_DOCUMENTS = {
    "index": "**/index.json", "listing": "**/listing/**/*.json", "module": "**/modules/**/*.json",
}  # fmt: skip


def check_whole(site: GitSite) -> None:
    """Images, tables and index are whole, whatever was killed when."""
    _check_blobs(blobs_of(site))
    for path in (site.state / "images").rglob("index.json"):
        _check_layout(path.parent, site)
    _check_tables(site.state, site.folder / "looked-at")
    _check_index(site.index)


def blobs_of(site: GitSite) -> Path:
    """The folder of the blobs of all images."""
    return site.state / "images" / "blobs" / "sha256"


def _check_blobs(blobs: Path) -> None:
    for path in blobs.glob("[!.]*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def _check_layout(layout: Path, site: GitSite) -> None:
    """An OCI layout by image-layout.md, all of whose manifests are complete."""
    assert _json(layout / "oci-layout") == {"imageLayoutVersion": "1.0.0"}
    assert (layout / "blobs" / "sha256").resolve() == blobs_of(site).resolve()
    assert [*_reached(layout)]


def _reached(layout: Path) -> Iterator[str]:
    """The names of the blobs that a layout's index.json reaches, each there in its size."""
    for named in _json(layout / "index.json")["manifests"]:
        manifest = _json(layout / "blobs" / "sha256" / named["digest"].removeprefix("sha256:"))
        for each in (named, manifest["config"], *manifest["layers"]):
            name = each["digest"].removeprefix("sha256:")
            assert (layout / "blobs" / "sha256" / name).stat().st_size == each["size"]
            yield name


def _check_tables(state: Path, copies: Path) -> None:
    """Copies are looked at, so that it is the program that has to mend what was left."""
    copies.mkdir()
    for path in state.glob("*.sqlite*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, copies)
    for path in copies.glob("*.sqlite"):
        assert _rows(path, "PRAGMA integrity_check") == [("ok",)]
    shutil.rmtree(copies)


def _check_index(index: Path) -> None:
    """Every document of an index is JSON as its schema says, has each version once, and what its
    versions name is beside it.
    """
    for kind, pattern in _DOCUMENTS.items():
        validator = jsonschema_rs.Draft202012Validator(_json(_SCHEMAS / f"{kind}.json"))
        for path in index.glob(pattern):
            if path.parent.name != "schema":
                document = _json(path)
                validator.validate(document)
                versions = [each["version"] for each in document.get("versions", ())]
                assert len(versions) == len({*versions})
                _check_attached(path, document)


def _check_attached(path: Path, document: Any) -> None:
    """What the versions of a module's document at `path` name is there as they say."""
    for version in document.get("versions", ()):
        audience = path.parents[len(document["namespace"].split("/")) + 1]
        for named in version.get("provenance", {}).values():  # none where reindex made it
            content = (audience / named["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == named["sha256"]


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())


# what a site keeps


def kept_files(site: GitSite) -> list[str]:
    """Every file and folder that publishing left: state, images, repositories, `TMPDIR`.

    Without the logs of builds, which a job has where there was something to tell, and what belongs
    to the process that stays.
    """
    ours = [path for path in site.repositories.rglob("*mlreef*") if path.parent.name != "hooks"]
    paths = [*site.state.rglob("*"), *ours, *(site.folder / "tmp").rglob("*")]
    left_out = ("state/logs/job-", "state/worker.")
    names = (path.relative_to(site.folder).as_posix() for path in paths)
    return sorted(name for name in names if not name.startswith(left_out))


def garbage(site: GitSite) -> set[str]:
    """The blobs that no layout reaches and that the cache does not keep for the next publish."""
    layouts = (path.parent for path in (site.state / "images").rglob("index.json"))
    named = {name for layout in layouts for name in _reached(layout)}
    kept = json.dumps(cached(site))
    names = {path.name for path in blobs_of(site).iterdir()}
    return {name for name in names - named if name not in kept}


def finished_jobs(site: GitSite) -> list[tuple[Any, ...]]:
    """Tag, commit, state and module of every job; its number goes by who came first."""
    question = "SELECT tag, commit_id, state, module_name FROM jobs ORDER BY tag"
    return _rows(site.state / "jobs.sqlite", question)


def cached(site: GitSite) -> list[tuple[Any, ...]]:
    """What the cache of a site knows of layers and folders."""
    question = "SELECT * FROM layers UNION ALL SELECT * FROM folders ORDER BY key"
    return _rows(site.state / "cache.sqlite", question)


def digests(site: GitSite, module: str) -> dict[str, tuple[str, str]]:
    """The commit and the image of each version of a module."""
    versions = (site.document(module) or {"versions": ()})["versions"]
    return {each["version"]: (each["commit"], each["image"]["digest"]) for each in versions}


def _rows(path: Path, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()

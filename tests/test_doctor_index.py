"""`mlreef-hooks doctor` on the index: damaged, lost, not listed, or open to those it is not for."""

import threading
from pathlib import Path

import pytest

from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.job import PUBLISHED, QUEUED
from mlreef_hooks.jobs import Jobs
from tests.index_entries import make_entry
from tests.support.doctor import faults, look
from tests.support.site import GitSite

AUDIENCES = {"public": "public", "internal": "internal", "private": "private/team/x"}


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    """A site with a module in each audience."""
    site = GitSite(tmp_path / "site")
    index = IndexFiles(site.index)
    for visibility, namespace in (("public", "a"), ("internal", "b"), ("private", "team/x")):
        entry = make_entry(
            namespace=namespace, repository=f"{namespace}/add-noise", visibility=visibility
        )
        index.add(entry.document())
    return site


def test_an_index_in_order(site: GitSite) -> None:
    (found,) = look(site, "index")
    assert (found.state, found.message) == ("ok", "the index holds 3 modules")


def test_an_index_that_is_not_there_yet(tmp_path: Path) -> None:
    site = GitSite(tmp_path / "site")
    assert not look(site, "index")  # the folder is missing, and that alone is said
    site.index.mkdir(parents=True)
    (found,) = look(site, "index")
    assert (found.state, found.message) == ("ok", "the index holds 0 modules")


@pytest.mark.parametrize("audience", AUDIENCES.values())
@pytest.mark.parametrize("kind", ["index.json", "listing", "modules"])
@pytest.mark.parametrize("damage", ["half", "gone", "other"])
def test_a_document_that_is_damaged_is_found(
    site: GitSite, audience: str, kind: str, damage: str
) -> None:
    folder = site.index / audience
    (path,) = [folder / kind] if kind == "index.json" else (folder / kind).rglob("*.json")
    whole = path.read_bytes()
    changed = {"half": whole[: len(whole) // 2], "other": b'{"versions": [], "modules": []}\n'}
    path.unlink() if damage == "gone" else path.write_bytes(changed[damage])
    found = [each for each in look(site, "index") if each.id]
    assert {(each.id, each.about) for each in found} == {("index-damaged", str(folder))}
    assert str(path) in found[0].message


@pytest.mark.parametrize(
    ("kind", "part", "changed"),
    [
        ("index.json", b'"v": 1', b'"v": "1"'),
        ("modules", b'"version": "1.2.0"', b'"version": "latest"'),
        ("modules", b'"versions": [', b'"versions": null, "more": ['),
    ],
)
def test_a_document_that_was_changed_by_hand_is_named(
    site: GitSite, kind: str, part: bytes, changed: bytes
) -> None:
    folder = site.index / "public"
    (path,) = [folder / kind] if kind == "index.json" else (folder / kind).rglob("*.json")
    before = path.read_bytes()
    path.write_bytes(before.replace(part, changed))
    assert path.read_bytes() != before
    note_as_published(site, "1.2.0", "add-noise")
    (found,) = [each for each in look(site, "index") if each.id]
    assert (found.id, found.about) == ("index-damaged", str(folder))
    assert str(path) in found.message


def note_as_published(site: GitSite, version: str, name: str) -> None:
    """Let the job table know that a version of a module was published."""
    site.state.mkdir(exist_ok=True)
    jobs = Jobs(site.state / "jobs.sqlite", lambda: 1_800_000_000.0)
    entry = make_entry(version, namespace="a", repository="a/add-noise", name="add-noise")
    job = jobs.submit(entry.request, site.repositories / "a.git", QUEUED)
    jobs.end(job.id, PUBLISHED, name=name)
    jobs.close()


def test_a_document_that_no_listing_has_is_found(site: GitSite) -> None:
    (path,) = (site.index / "public" / "modules").rglob("*.json")
    other = path.with_name("other.json")
    other.write_bytes(path.read_bytes())
    assert faults(site, "index") == {"index-unlisted": f"{other} is in no listing (1 document)"}


def test_a_published_version_that_the_index_does_not_have_is_found(site: GitSite) -> None:
    for version, name in (("1.2.0", "add-noise"), ("1.3.0", "add-noise"), ("1.0", "gone")):
        note_as_published(site, version, name)
    said = "a/add-noise 1.3.0 was published and is not there (2 versions)"
    assert faults(site, "index") == {"index-lost": said}


@pytest.mark.parametrize("visibility", ["internal", "private"])
def test_a_folder_that_everybody_may_enter_is_found(site: GitSite, visibility: str) -> None:
    folder = site.index / AUDIENCES[visibility]
    assert not faults(site, "index")
    folder.chmod(0o755)
    said = f"everybody may enter it (755), and it is for {visibility} modules"
    assert faults(site, "index") == {"index-open": said}
    folder.chmod(0o750)
    (site.index / "private").chmod(0o755)  # names of namespaces may be seen
    assert not faults(site, "index")


def test_a_change_that_is_under_way_is_no_fault(site: GitSite) -> None:
    note = site.index / ".pending"
    note.touch()
    end = threading.Timer(0.1, note.unlink)
    end.start()
    assert not faults(site, "index")
    end.join()


def test_a_change_that_was_broken_off_is_found_and_left_alone(site: GitSite) -> None:
    note = site.index / ".pending"
    note.write_text('{"audience": "public", "namespace": "a", "name": "add-noise"}')
    before = {path: path.lstat() for path in site.index.rglob("*")}
    assert faults(site, "index") == {"index-unfinished": "a change of it was broken off"}
    after = {path: path.lstat() for path in site.index.rglob("*")}
    assert [(path, found.st_mtime_ns) for path, found in after.items()] == [
        (path, found.st_mtime_ns) for path, found in before.items()
    ]

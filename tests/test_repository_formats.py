"""The whole life of versions in repositories of every format: SHA-256, and refs in reftables."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.git import Author, make_bare, remote_lines
from tests.support.newer_git import make_reftable, newer_git, pushing_to_newer_git
from tests.support.processes import PATH
from tests.support.publishing import jobs, publish
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site

FORMATS = [("files", "sha256"), ("reftable", "sha1")]


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    folder = tmp_path / "site"
    return make_site(
        folder,
        server={"root": str(folder / "repositories")},
        builder={"layers": {"start": "never"}},
    )


@pytest.fixture(params=FORMATS, ids="-".join)
def author(
    request: pytest.FixtureRequest, site: GitSite, monkeypatch: pytest.MonkeyPatch
) -> Author:
    refs, ids = request.param
    path = site.repositories / f"{MODULE}.git"
    clone = site.folder / "clone"
    if refs == "files":
        made = Author(clone, make_bare(path, ids), object_format=ids)
    else:
        monkeypatch.setenv("PATH", f"{newer_git()}:{PATH}")
        make_reftable(path, site.folder / "home", ids)
        made = pushing_to_newer_git(clone, path, ids)
    site.install(path)
    return made


def said(author: Author, *refs: str) -> str:
    return "\n".join(remote_lines(author.push(*refs)))


def versions(site: GitSite) -> dict[str, Any]:
    document = site.document(MODULE) or {"versions": []}
    return {each["version"]: each for each in document["versions"]}


def test_versions_from_the_first_push_to_a_lost_index(site: GitSite, author: Author) -> None:
    repository = site.repositories / f"{MODULE}.git"
    # a tag before its branch, one with a message, one that is moved, one that is deleted
    author.commit(PROJECT)
    author.tag("publish/1.0.0", "first")
    assert "1.0.0" in said(author, "publish/1.0.0")
    assert versions(site) == {}
    assert "success: upper 1.0.0 is published" in said(author, "master")
    assert versions(site)["1.0.0"]["notes"] == "first"
    assert "success: upper 1.1.0 is published" in publish(author, {"README": "x"}, "1.1.0")
    author.tag("publish/1.0.0", "moved", force=True)
    assert "[tag-moved]" in said(author, "+publish/1.0.0")
    said(author, ":publish/1.1.0")
    assert versions(site)["1.1.0"]["yanked"]
    assert "already published" in said(author, "publish/1.1.0")
    # what no hook saw
    hook = repository / "hooks" / "post-receive"
    hook.rename(site.folder / "hook")
    author.commit({"README": "y"})
    author.tag("publish/1.2.0")
    author.push("master", "publish/1.2.0")
    (site.folder / "hook").rename(hook)
    assert "tags-unseen" in site.command("doctor", "--repo", repository, expect=None).stdout
    site.command("sweep")
    assert [*versions(site)] == ["1.2.0", "1.1.0", "1.0.0"]
    # what is there can be made again, and told where it comes from
    site.command("verify", f"{MODULE}@1.2.0")
    site.command("check", "--git-dir", repository, "--rev", "publish/1.2.0")
    (statement,) = site.index.rglob("*1.2.0*intoto*")
    resolved = json.loads(statement.read_bytes())["predicate"]["buildDefinition"]
    commit = versions(site)["1.2.0"]["commit"]
    assert len(commit) == len(author.git("rev-parse", "HEAD"))
    assert commit in json.dumps(resolved["resolvedDependencies"])
    # an index that is lost
    before = versions(site)
    shutil.rmtree(site.index)
    site.command("reindex")
    for number, version in before.items():
        again = versions(site)[number]
        assert (again["commit"], again["image"]) == (version["commit"], version["image"])
    site.command("gc", "--delete")
    site.command("verify", f"{MODULE}@1.1.0")
    assert [state for _, state in jobs(site)].count("published") == 3


def test_a_job_that_failed_is_tried_again(site: GitSite, author: Author) -> None:
    images = site.state / "images"
    images.rename(site.folder / "images")
    images.write_text("in the way")
    publish(author, PROJECT)
    assert versions(site) == {}
    images.unlink()
    (site.folder / "images").rename(images)
    site.command("retry", "--all")
    assert [*versions(site)] == ["1.0.0"]

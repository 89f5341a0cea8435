"""`mlreef-hooks gc` in registries and engines: what goes there, and what it only tells of."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.oci import MANIFEST
from tests.support.docker_cli import docker, image_names
from tests.support.git import remote_lines
from tests.support.package_index import make_wheel, package_index
from tests.support.publishing import project, publish
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site
from tests.support.wholeness import check_whole, digests
from tests.test_collection import collect, make_old, names

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


def has(registry: str, repository: str, reference: str) -> bool:
    """Whether a registry has a manifest."""
    url = f"http://{registry}/v2/{repository}/manifests/{reference}"
    question = urllib.request.Request(
        url, method="HEAD", headers={"Accept": f"{MANIFEST}, {DOCKER}"}
    )
    try:
        with urllib.request.urlopen(question, timeout=10):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise


def registry_site(folder: Path, prefix: str, *, allowed: bool) -> GitSite:
    return make_site(
        folder / "site", registry={"prefix": prefix}, builder={"layers": {"start": "never"}},
        gc={"keep_versions": 1, "registry": allowed},
    )  # fmt: skip


@pytest.mark.parametrize("allowed", [True, False])
def test_images_in_a_registry_go_where_the_site_says_so(
    tmp_path: Path, registry: str, allowed: bool
) -> None:
    prefix = f"gc-{str(allowed).lower()}"
    site = registry_site(tmp_path, f"{registry}/{prefix}", allowed=allowed)
    author = site.author(MODULE)
    for number in range(3):
        publish(author, {**PROJECT, "note.txt": str(number)}, f"1.{number}")
    before = {version: digest for version, (_, digest) in digests(site, MODULE).items()}
    make_old(site)
    planned = collect(site)
    assert all(has(registry, f"{prefix}/{MODULE}", digest) for digest in before.values())

    found = collect(site, "--delete")

    assert found == planned
    told = [f"{registry}/{prefix}/{MODULE}:1.{n}@{before[f'1.{n}']}" for n in range(2)]
    assert sorted(names(found, "registry" if allowed else "kept")) == told
    there = {each: has(registry, f"{prefix}/{MODULE}", digest) for each, digest in before.items()}
    assert there == {"1.0": not allowed, "1.1": not allowed, "1.2": True}
    check_whole(site)
    assert "is published (" in publish(author, {"note.txt": "0"}, "1.3")  # what the first one had
    assert has(registry, f"{prefix}/{MODULE}", "1.3")


def test_a_registry_that_is_away_is_asked_again(tmp_path: Path, registry: str) -> None:
    site = registry_site(tmp_path, f"{registry}/gc-away", allowed=True)
    author = site.author(MODULE)
    for number in range(2):
        publish(author, {**PROJECT, "note.txt": str(number)}, f"1.{number}")
    digest = digests(site, MODULE)["1.0"][1]
    make_old(site)
    text = site.config.read_text()
    site.config.write_text(text.replace(f"{registry}/", "localhost:1/"))
    failed = site.command("gc", "--delete", "--format", "json", expect=1)
    assert names(json.loads(failed.stdout), "failed") == [
        f"localhost:1/gc-away/{MODULE}:1.0@{digest}"
    ]
    assert site.versions(MODULE) == ["1.1"]
    site.config.write_text(text)
    found = collect(site, "--delete")
    assert (len(names(found, "registry")), names(found, "images")) == (1, [f"{MODULE}:1.0"])
    assert not has(registry, f"gc-away/{MODULE}", digest)


@pytest.mark.engine
def test_dependencies_go_from_an_engine_that_nothing_is_built_on(
    tmp_path: Path, engine: str, base_image: str
) -> None:
    with package_index() as index:
        for name in ("apple", "pear"):
            index.add(make_wheel(name, "1.0", {f"{name}.py": ""}))
        settings: dict[str, Any] = {
            "pip": {"index_url": index.url}, "registry": {"prefix": "gc-engine"},
            "gc": {"keep_versions": 1, "grace_seconds": 3},
        }  # fmt: skip
        site = GitSite(tmp_path / "site", engine, base_image, settings)
        author = site.author(MODULE)
        there = image_names(engine, "mlreef-dependencies")
        assert "is published (" in publish(author, project("apple==1.0\n"), "1.0")
        (apple,) = image_names(engine, "mlreef-dependencies") - there
        docker(engine, "tag", apple, "mlreef-candidate:lost")
        assert "is published (" in publish(author, project("pear==1.0\n"), "1.1")
        (pear,) = image_names(engine, "mlreef-dependencies") - there - {apple}
        time.sleep(4)
        assert "is published (" in publish(author, {"note.txt": "used again"}, "1.2")

        found = collect(site, "--delete")

        assert names(found, "versions") == [f"{MODULE}@1.1", f"{MODULE}@1.0"]
        assert image_names(engine, "gc-engine/" + MODULE) == {f"gc-engine/{MODULE}:1.2"}
        assert {apple, "mlreef-candidate:lost"} <= {*names(found, "engine")}
        assert pear not in names(found, "engine")
        left = image_names(engine, "mlreef-dependencies")
        assert (apple in left, pear in left) == (False, True)
        said = "\n".join(remote_lines(author.push("master")))
        assert said == ""
        assert "is published (" in publish(author, project("apple==1.0\n"), "1.3")

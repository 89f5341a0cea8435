"""What refers to an image in its registry, with and without a list that the registry keeps."""

import json
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import INDEX, MANIFEST, Artifact, ArtifactFile, Descriptor, encode, sha256
from mlreef_hooks.registry import Registry
from mlreef_hooks.registry_referrers import attach
from tests.support.publishing import entry, publish
from tests.support.scripted_registry import Reply, ScriptedRegistry, scripted_registry
from tests.support.site import PROJECT, GitSite
from tests.support.ssh_keys import make_key

IMAGE = encode({"schemaVersion": 2, "mediaType": MANIFEST, "layers": []})
NOTE = ArtifactFile(name="note.txt", media_type="text/plain", content=b"a note")
ARTIFACTS = [Artifact(type="text/plain", files=[NOTE]), Artifact(type="text/x", files=[NOTE])]


@pytest.fixture
def scripted() -> Iterator[ScriptedRegistry]:
    """A registry that has the image x/y."""
    with scripted_registry() as registry:
        registry.manifests[sha256(IMAGE)] = (IMAGE, MANIFEST)
        yield registry


def attach_to(registry: ScriptedRegistry, artifacts: list[Artifact]) -> None:
    """Attach to the image of the registry."""
    image = f"{registry.address}/x/y:1"
    attach(partial(Registry, registry.address), image, sha256(IMAGE), artifacts)


def listed(registry: ScriptedRegistry) -> list[dict[str, Any]]:
    """What the tag lists that is about the image."""
    content, media_type = registry.manifests[sha256(IMAGE).replace(":", "-")]
    assert media_type == INDEX
    manifests: list[dict[str, Any]] = json.loads(content)["manifests"]
    return manifests


def test_without_a_list_of_the_registry_a_tag_has_it(scripted: ScriptedRegistry) -> None:
    attach_to(scripted, ARTIFACTS)
    assert [each["artifactType"] for each in listed(scripted)] == ["text/plain", "text/x"]
    for line in listed(scripted):
        content, _ = scripted.manifests[line["digest"]]
        manifest = json.loads(content)
        assert manifest["subject"] == Descriptor.of(MANIFEST, IMAGE).to_json()
        assert manifest["artifactType"] == line["artifactType"]
        for blob in (manifest["config"], *manifest["layers"]):
            assert len(scripted.blobs[blob["digest"]]) == blob["size"]


def test_what_is_listed_already_stays(scripted: ScriptedRegistry) -> None:
    attach_to(scripted, ARTIFACTS[:1])
    attach_to(scripted, ARTIFACTS)
    attach_to(scripted, ARTIFACTS)
    assert [each["artifactType"] for each in listed(scripted)] == ["text/plain", "text/x"]


def test_a_registry_that_keeps_the_list_is_left_to_it(scripted: ScriptedRegistry) -> None:
    kept = Reply(status=201, headers={"OCI-Subject": sha256(IMAGE)})
    scripted.faults["PUT /v2/x/y/manifests/sha256:"] = [kept, kept]
    attach_to(scripted, ARTIFACTS)
    assert not [line for line in scripted.lines if "sha256-" in line]


@pytest.mark.parametrize("content", [b'{"manifests": 3}', b'{"manifests": ["x"]}', b"{}"])
def test_a_list_without_anything_is_made_anew(scripted: ScriptedRegistry, content: bytes) -> None:
    scripted.manifests[sha256(IMAGE).replace(":", "-")] = (content, INDEX)
    attach_to(scripted, ARTIFACTS)
    assert [each["artifactType"] for each in listed(scripted)] == ["text/plain", "text/x"]


def test_a_list_that_is_none_is_an_error(scripted: ScriptedRegistry) -> None:
    scripted.manifests[sha256(IMAGE).replace(":", "-")] = (b"{", INDEX)
    with pytest.raises(PublishError, match="no JSON object"):
        attach_to(scripted, ARTIFACTS)


def test_an_image_that_is_not_there_is_an_error(scripted: ScriptedRegistry) -> None:
    scripted.manifests.clear()
    with pytest.raises(PublishError, match="is not in its registry"):
        attach_to(scripted, ARTIFACTS)


def attached_of(registry: str, repository: str, digest: str) -> dict[str, bytes]:
    """The files that refer to an image in a registry without a list of its own, by their names."""
    there = {}
    with Registry(registry) as client:
        found = client.get_manifest(repository, digest.replace(":", "-"))
        assert found is not None
        for line in json.loads(found[0])["manifests"]:
            content, _ = client.get_manifest(repository, line["digest"]) or (b"", "")
            manifest = json.loads(content)
            assert manifest["subject"]["digest"] == digest
            for layer in manifest["layers"]:
                out = BytesIO()
                client.fetch_blob(repository, Descriptor.read(layer), out)
                there[layer["annotations"]["org.opencontainers.image.title"]] = out.getvalue()
    return there


def test_a_publish_brings_its_provenance_to_the_registry(
    tmp_path: Path, registry: str, stored_base: Path
) -> None:
    key = make_key(tmp_path / "key")
    settings = {
        "images": {"path": str(stored_base)},
        "registry": {"prefix": f"{registry}/attached"},
        "provenance": {"attach": True, "key": str(key)},
    }
    site = GitSite(tmp_path, "unix:///nowhere", "mlreef-base:bookworm", settings, "layers")
    assert "is published" in publish(site.author("text/upper"), PROJECT)
    digest = entry(site, "text/upper")["image"]["digest"]
    beside = {path.name: path.read_bytes() for path in site.index.rglob("*@*")}
    assert attached_of(registry, "attached/text/upper", digest) == beside
    assert len(beside) == 3


@pytest.mark.engine
def test_what_an_engine_made_has_provenance_too(
    tmp_path: Path, registry: str, engine: str, base_image: str
) -> None:
    settings = {
        "registry": {"prefix": f"{registry}/by-engine"}, "provenance": {"attach": True},
    }  # fmt: skip
    site = GitSite(tmp_path, engine, base_image, settings)
    assert "is published" in publish(site.author("text/upper"), PROJECT)
    digest = entry(site, "text/upper")["image"]["digest"]
    beside = {path.name: path.read_bytes() for path in site.index.rglob("*@*")}
    assert attached_of(registry, "by-engine/text/upper", digest) == beside
    said = site.command("verify", "text/upper", "--provenance").stdout
    assert f"the same: {digest}" in said

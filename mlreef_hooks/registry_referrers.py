"""What refers to an image in its registry: found by the image's digest, and kept with it.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md, "Listing Referrers" and
"Referrers Tag Schema": where a registry keeps no list of them, a tag `sha256-HEX` does.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_name import ImageName
from mlreef_hooks.oci import (
    EMPTY,
    INDEX,
    MANIFEST,
    Artifact,
    Descriptor,
    artifact_manifest,
    decode,
    encode,
    sha256,
)
from mlreef_hooks.registry import Registry


def attach(
    open_registry: Callable[[], Registry], image: str, digest: str, artifacts: Sequence[Artifact]
) -> None:
    """Bring artifacts to the repository of an image, which they refer to.

    `image` is its reference, `digest` that of its manifest. PublishError where it is not there.
    """
    repository = ImageName.parse(image).repository
    with open_registry() as registry:
        found = registry.get_manifest(repository, digest)
        if found is None:
            raise PublishError(f"{digest[:19]} is not in its registry", "publish it again")
        content, media_type = found
        subject = Descriptor.of(media_type, content)
        for file in (*(file for each in artifacts for file in each.files), EMPTY):
            content = file.content
            registry.upload_blob(repository, file.descriptor, partial(io.BytesIO, content))
        manifests = {artifact_manifest(each, subject): each.type for each in artifacts}
        unlisted = [
            {**Descriptor.of(MANIFEST, manifest).to_json(), "artifactType": type_}
            for manifest, type_ in manifests.items()
            if not registry.put_referrer(repository, manifest)
        ]
        if unlisted:
            _list(registry, repository, _list_of(subject.digest), unlisted)


def take_back(open_registry: Callable[[], Registry], image: str, digest: str) -> bool:
    """True where an image is gone from its repository, and what a tag lists of it; False where the
    registry deletes nothing.

    A registry that keeps the list itself collects what refers to an image that is gone.
    """
    repository = ImageName.parse(image).repository
    with open_registry() as registry:
        found = registry.get_manifest(repository, _list_of(digest))
        referrers = [str(each.get("digest")) for each in _listed(found)]
        doomed = [digest, *referrers, *([sha256(found[0])] if found else [])]
        return all(registry.delete_manifest(repository, each) for each in doomed)


def _list_of(digest: str) -> str:
    """The tag of the list of what refers to an image."""
    return digest.replace(":", "-")


def _listed(found: tuple[bytes, str] | None) -> list[dict[str, Any]]:
    """What a list names, if there is one; it is kept by clients, who may have written anything."""
    listed = decode(found[0]).get("manifests") if found and found[1] == INDEX else []
    return [each for each in listed if isinstance(each, dict)] if type(listed) is list else []


def _list(
    registry: Registry, repository: str, tag: str, lines: Sequence[Mapping[str, Any]]
) -> None:
    """Add referrers to the list that a registry without one of its own has under a tag."""
    others = [each for each in _listed(registry.get_manifest(repository, tag)) if each not in lines]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, *lines]}
    registry.put_manifest(repository, tag, encode(index), INDEX)

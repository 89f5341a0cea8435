"""What OCI images are made of: descriptors, manifests, the index of a layout.

Formats: https://github.com/opencontainers/image-spec (v1.1).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Self

from mlreef_hooks.errors import PublishError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
GZIP_LAYER = f"{LAYER}+gzip"
# The architectures of images by what a machine calls itself.
ARCHITECTURES: Mapping[str, str] = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """Content by its digest (`sha256:...`), with its media type and its size in bytes."""

    media_type: str
    digest: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """The descriptor as it stands in a manifest."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}

    @classmethod
    def of(cls, media_type: str, content: bytes) -> Self:
        """The descriptor of some content."""
        return cls(media_type=media_type, digest=sha256(content), size=len(content))

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The descriptor that a manifest holds; KeyError where it is none."""
        return cls(
            media_type=document["mediaType"], digest=document["digest"], size=document["size"]
        )


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer's blob, and the digest of its tar (`diff_id`): the same, unless it is compressed."""

    blob: Descriptor
    diff_id: str


class HashingWriter:
    """A writer that counts and hashes what goes through it."""

    def __init__(self, out: IO[bytes]) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._out = out

    def write(self, data: bytes) -> int:
        """Write and hash."""
        self._hash.update(data)
        self.size += len(data)
        return self._out.write(data)

    @property
    def digest(self) -> str:
        """The digest of everything written so far."""
        return f"sha256:{self._hash.hexdigest()}"


def plain_layer(digest: str, size: int) -> Layer:
    """The layer of a tar that is stored as it is."""
    return Layer(blob=Descriptor(media_type=LAYER, digest=digest, size=size), diff_id=digest)


def sha256(content: bytes) -> str:
    """The digest of some content, as `sha256:` and hex digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def encode(document: Mapping[str, Any]) -> bytes:
    """The document as JSON whose bytes depend on nothing but what it says."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def decode(content: bytes) -> dict[str, Any]:
    """The JSON object that a manifest or configuration is; PublishError where it is none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise PublishError("an image's manifest or configuration is no JSON object", "replace it")
    return document


def image_manifest(config: Descriptor, layers: Sequence[Layer]) -> bytes:
    """The manifest of an image."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.to_json(),
            "layers": [layer.blob.to_json() for layer in layers],
        }
    )


@dataclass(frozen=True, kw_only=True)
class ArtifactFile:
    """A file that goes with an image: its name, its media type, its content."""

    name: str
    media_type: str
    content: bytes

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of its content."""
        return Descriptor.of(self.media_type, self.content)


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """Files that refer to an image together; `type` says what they are, as a media type."""

    type: str
    files: Sequence[ArtifactFile]


# What stands where an image has its configuration (image-spec, "Guidance for an Empty Descriptor").
EMPTY = ArtifactFile(name="", media_type="application/vnd.oci.empty.v1+json", content=b"{}")


def artifact_manifest(artifact: Artifact, subject: Descriptor) -> bytes:
    """The manifest of an artifact that refers to `subject` (image-spec, "Artifact Usage")."""
    titles = [{"org.opencontainers.image.title": file.name} for file in artifact.files]
    files = zip(artifact.files, titles, strict=True)
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact.type,
            "config": EMPTY.descriptor.to_json(),
            "layers": [
                {**file.descriptor.to_json(), "annotations": title} for file, title in files
            ],
            "subject": subject.to_json(),
        }
    )

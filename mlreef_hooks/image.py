"""The image of a module: its name, labels, configuration and code layer; every byte decided here.

The same commit on the same dependencies gives the same bytes: paths in order, owner 0, modes from
git, times from the commit. Formats: OCI image configuration
(https://github.com/opencontainers/image-spec/blob/main/config.md) and docker's image archive.
"""

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Protocol

from mlreef_hooks.code_layers import ROOT
from mlreef_hooks.config_images import Base
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.oci import Descriptor, encode
from mlreef_hooks.tree import SourceTree

_CHUNK = 1 << 20
# A module runs as any user on a read-only root, so the home must be a place that may be writable.
_SCRATCH = "/tmp"  # noqa: S108
_ENVIRONMENT = {"HOME": _SCRATCH, "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """An image with everything installed that a module needs, but without its code.

    `id` is the engine's image id, `layers` the diff ids from the bottom, `environment` as
    `NAME=value`; `locked` lists every installed package as `name==version`. The base has the site's
    name for it, its image's reference and digest. `reused` is true where nothing was installed.
    `blobs` are the layers on disk, empty where an engine keeps them; `wheels` are what is installed
    as the index shows it; `modules` are the names that can be imported, None where nobody knows.
    """

    id: str
    layers: tuple[str, ...]
    environment: tuple[str, ...]
    architecture: str
    locked: tuple[str, ...]
    base_name: str
    base_image: str
    base_digest: str
    reused: bool
    blobs: tuple[Descriptor, ...] = ()
    wheels: tuple[Mapping[str, Any], ...] = ()
    modules: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """Everything an image is made of. `created` is in seconds since 1970 (UTC)."""

    reference: str
    dependencies: Dependencies
    tree: SourceTree
    created: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """An image that exists: under `reference`, exactly as `digest`; sizes in bytes.

    `id` is the digest of its configuration, by which engines know it; `dependencies` is the key of
    what it is built on.
    """

    reference: str
    digest: str
    id: str
    size: int
    code_size: int
    platform: str
    dependencies: str = ""

    def to_json(self) -> dict[str, Any]:
        """The image as in the index."""
        return {
            "reference": self.reference,
            "digest": self.digest,
            "id": self.id,
            "size": self.size,
            "platform": self.platform,
        }


class Builder(Protocol):
    """What turns code into an image. Each step raises PublishError where it cannot go on."""

    def dependencies(self, name: str, base: Base, requirements: Mapping[str, str]) -> Dependencies:
        """The image with the base and the requirements, made now or found."""

    def knows(self, base: Base, requirements: Mapping[str, str]) -> bool:
        """True where the dependencies would be found and need not be made; nothing is done."""

    def assemble(self, spec: ImageSpec) -> BuiltImage:
        """The image with the code, not yet under its reference."""

    def check_start(self, image: BuiltImage, manifest: ModuleManifest) -> None:
        """Return where the module starts in its image, without network, as any user."""

    def deliver(self, image: BuiltImage) -> BuiltImage:
        """The image under its reference, with the digest that a user fetches it by."""

    def discard(self, image: BuiltImage) -> None:
        """Drop an image that was assembled and will not be delivered."""


def image_reference(prefix: str, namespace: str, name: str, release: str) -> str:
    """The reference of a release; an epoch's `!` is not allowed in a tag and becomes `-`."""
    return f"{prefix}/{namespace}/{name}:{release.replace('!', '-')}"


def entry_command(entry_point: str) -> tuple[str, ...]:
    """The entry point's command, by absolute path so that any working directory will do."""
    return ("python", posixpath.join("/", ROOT, entry_point))


def timestamp(seconds: int) -> str:
    """RFC 3339 for seconds since 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def image_config(spec: ImageSpec, code: Sequence[str]) -> bytes:
    """The image configuration (OCI) as bytes; their SHA-256 is the image id.

    `code` has the diff ids of the layers that hold the code.
    """
    created = timestamp(spec.created)
    layers = [*spec.dependencies.layers, *code]
    pairs = (pair.partition("=") for pair in spec.dependencies.environment)
    environment = {name: value for name, equals, value in pairs if equals}
    environment |= _ENVIRONMENT | dict(spec.environment)
    origins = ["dependencies"] * len(spec.dependencies.layers) + ["code"] * len(code)
    config = {
        "architecture": spec.dependencies.architecture,
        "os": "linux",
        "created": created,
        "config": {
            "Entrypoint": list(spec.command),
            "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
            "Labels": dict(spec.labels),
            "Volumes": {_SCRATCH: {}},  # so that it is writable on a read-only root as well
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created": created, "created_by": f"mlreef-hooks {each}"} for each in origins],
    }
    return encode(config)


@dataclass(frozen=True, kw_only=True)
class ArchivedLayer:
    """A layer's file for an archive: its size in bytes, and a way to open it."""

    size: int
    open: Callable[[], IO[bytes]]


def docker_archive(
    name: str, config: bytes, layers: Sequence[ArchivedLayer | None]
) -> Iterator[bytes]:
    """A docker image archive under `name`, in chunks.

    A layer that is None is named and left out: `docker load` takes it where the engine has it.
    """
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    paths = [f"{place}/layer.tar" for place in range(len(layers))]
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": paths}]
    for path, layer in zip(paths, layers, strict=True):
        if layer is not None:
            yield from _archived(path, layer)
    for path, content in ((config_name, config), ("manifest.json", json.dumps(manifest).encode())):
        yield _header(path, len(content)) + content + _padding(len(content))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _archived(path: str, layer: ArchivedLayer) -> Iterator[bytes]:
    yield _header(path, layer.size)
    with layer.open() as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield _padding(layer.size)


def _header(path: str, size: int) -> bytes:
    member = tarfile.TarInfo(path)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)

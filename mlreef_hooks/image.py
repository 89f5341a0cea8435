"""The image of a module: its name, labels, configuration and code layer; every byte decided here.

The same commit on the same dependencies gives the same bytes: paths in order, owner 0, modes from
git, times from the commit. Formats: OCI image configuration
(https://github.com/opencontainers/image-spec/blob/main/config.md) and docker's image archive.
"""

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, Any, Protocol, cast

from packaging.version import Version

from mlreef_hooks.config import Base
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.tree import EXECUTABLE, SUBMODULE, SYMLINK, SourceTree, TreeEntry

ROOT = "module"  # the folder of the code in the image
_CHUNK = 1 << 20
# A module runs as any user on a read-only root, so the home must be a place that may be writable.
_ENVIRONMENT = {"HOME": "/tmp", "PYTHONUNBUFFERED": "1"}  # noqa: S108


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """An image with everything installed that a module needs, but without its code.

    `id` is the engine's image id, `layers` the diff ids from the bottom, `environment` as
    `NAME=value`; `locked` lists every installed package as `name==version`. The base has the site's
    name for it, its image's reference and digest. `reused` is true where nothing was installed.
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
    """An image that exists: under `reference`, exactly as `digest`; sizes in bytes."""

    reference: str
    digest: str
    size: int
    code_size: int
    platform: str

    def to_json(self) -> dict[str, Any]:
        """The image as in the index."""
        return {
            "reference": self.reference,
            "digest": self.digest,
            "size": self.size,
            "platform": self.platform,
        }


class Builder(Protocol):
    """What turns code into an image. Each step raises PublishError where it cannot go on."""

    def dependencies(self, name: str, base: Base, requirements: Mapping[str, str]) -> Dependencies:
        """The image with the base and the requirements, made now or found."""

    def assemble(self, spec: ImageSpec) -> BuiltImage:
        """The image with the code, not yet under its reference."""

    def check_start(self, image: BuiltImage, manifest: ModuleManifest) -> None:
        """Return where the module starts in its image, without network, as any user."""

    def deliver(self, image: BuiltImage) -> BuiltImage:
        """The image under its reference, with the digest that a user fetches it by."""

    def discard(self, image: BuiltImage) -> None:
        """Drop an image that was assembled and will not be delivered."""


def image_reference(prefix: str, namespace: str, name: str, version: Version) -> str:
    """The reference of a version; an epoch's `!` is not allowed in a tag and becomes `-`."""
    return f"{prefix}/{namespace}/{name}:{str(version).replace('!', '-')}"


def entry_command(entry_point: str) -> tuple[str, ...]:
    """The entry point's command, by absolute path so that any working directory will do."""
    return ("python", posixpath.join("/", ROOT, entry_point))


def timestamp(seconds: int) -> str:
    """RFC 3339 for seconds since 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_code_layer(tree: SourceTree, created: int, out: IO[bytes]) -> str:
    """Write the code as an uncompressed tar and return its diff id (`sha256:...`)."""
    hashed = _HashingWriter(out)
    # Names that are not ASCII would else be written in the encoding of the process's locale.
    with tarfile.open(
        fileobj=cast("IO[bytes]", hashed), mode="w|", format=tarfile.PAX_FORMAT,
        encoding="utf-8", errors="surrogateescape",
    ) as tar:  # fmt: skip
        for folder in _folders(tree):
            tar.addfile(_member(folder, tarfile.DIRTYPE, 0o755, created))
        for entry in tree.entries:
            _add(tar, entry, tree, created)
    return f"sha256:{hashed.hash.hexdigest()}"


class _HashingWriter:
    """A writer that hashes what goes through it."""

    def __init__(self, out: IO[bytes]) -> None:
        self.hash = hashlib.sha256()
        self._out = out

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self._out.write(data)


def _folders(tree: SourceTree) -> list[str]:
    """All folders, parents first; a submodule is an empty one, as in a checkout."""
    folders = {ROOT}
    for entry in tree.entries:
        path = f"{ROOT}/{entry.path}"
        folder = path if entry.mode == SUBMODULE else posixpath.dirname(path)
        while folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    return sorted(folders)


def _member(path: str, kind: bytes, mode: int, created: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.mtime = kind, mode, created
    return member


def _add(tar: tarfile.TarFile, entry: TreeEntry, tree: SourceTree, created: int) -> None:
    path = f"{ROOT}/{entry.path}"
    if entry.mode == SYMLINK:
        member = _member(path, tarfile.SYMTYPE, 0o777, created)
        member.linkname = tree.read(entry.path).decode(errors="surrogateescape")
        tar.addfile(member)
    elif entry.mode != SUBMODULE:
        mode = 0o755 if entry.mode == EXECUTABLE else 0o644
        member = _member(path, tarfile.REGTYPE, mode, created)
        content = tree.read(entry.path)
        member.size = len(content)
        tar.addfile(member, BytesIO(content))


def image_config(spec: ImageSpec, code_layer: str) -> bytes:
    """The image configuration (OCI) as bytes; their SHA-256 is the image id."""
    created = timestamp(spec.created)
    layers = [*spec.dependencies.layers, code_layer]
    pairs = (pair.partition("=") for pair in spec.dependencies.environment)
    environment = {name: value for name, equals, value in pairs if equals}
    environment |= _ENVIRONMENT | dict(spec.environment)
    origins = ["dependencies"] * len(spec.dependencies.layers) + ["code"]
    config = {
        "architecture": spec.dependencies.architecture,
        "os": "linux",
        "created": created,
        "config": {
            "Entrypoint": list(spec.command),
            "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
            "Labels": dict(spec.labels),
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created": created, "created_by": f"mlreef-hooks {each}"} for each in origins],
    }
    return json.dumps(config, sort_keys=True, separators=(",", ":")).encode()


def docker_archive(
    name: str, config: bytes, base_layers: int, layer: IO[bytes], layer_size: int
) -> Iterator[bytes]:
    """A docker image archive under `name`, in chunks, with the code layer only.

    The layers below are named and left out: `docker load` takes those that the engine has.
    """
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layers = [f"{place}/layer.tar" for place in range(base_layers + 1)]
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": layers}]
    yield _header(layers[-1], layer_size)
    while chunk := layer.read(_CHUNK):
        yield chunk
    yield _padding(layer_size)
    for path, content in ((config_name, config), ("manifest.json", json.dumps(manifest).encode())):
        yield _header(path, len(content)) + content + _padding(len(content))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(path: str, size: int) -> bytes:
    member = tarfile.TarInfo(path)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)

"""Where base images come from: a registry, or an engine that has them."""

import json
import platform
import posixpath
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from mlreef_hooks.bases import store_manifest
from mlreef_hooks.container import ByteStream
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_name import ImageName
from mlreef_hooks.oci import (
    ARCHITECTURES,
    DOCKER_LIST,
    GZIP_LAYER,
    INDEX,
    LAYER,
    MANIFEST,
    Descriptor,
    Layer,
    decode,
)
from mlreef_hooks.oci_layout import OciLayouts

if TYPE_CHECKING:
    from mlreef_hooks.engine import Engine
    from mlreef_hooks.registry import Registry

_DOCUMENT_BYTES = 8 << 20


@dataclass(frozen=True, kw_only=True)
class RegistrySource:
    """Base images from the registry that their name says."""

    open_registry: "Callable[[str], Registry]"

    def fetch(self, image: str, layouts: OciLayouts) -> Descriptor | None:
        """The manifest of the image for this machine's platform, None where there is none."""
        name = ImageName.parse(image)
        with self.open_registry(name.host) as registry:
            found = registry.get_manifest(name.repository, name.reference)
            if found and found[1] in (INDEX, DOCKER_LIST):
                digest = _for_this_machine(decode(found[0]), image)
                found = registry.get_manifest(name.repository, digest)
            if found is None:
                return None
            document = decode(found[0])
            for each in (document["config"], *document["layers"]):
                blob = Descriptor.read(each)
                if not layouts.has(blob):
                    _fetch(registry, name.repository, blob, layouts)
        layouts.put(found[0])
        return Descriptor.of(MANIFEST, found[0])


def _fetch(registry: "Registry", repository: str, blob: Descriptor, layouts: OciLayouts) -> None:
    layouts.write(lambda out: registry.fetch_blob(repository, blob, out))


def _for_this_machine(index: dict[str, Any], image: str) -> str:
    """The digest of the manifest for Linux on this machine's architecture."""
    wanted = ARCHITECTURES.get(platform.machine(), platform.machine())
    for each in index.get("manifests", ()):
        facts = each.get("platform", {})
        if (facts.get("os"), facts.get("architecture")) == ("linux", wanted):
            return str(each["digest"])
    raise PublishError(
        f"{image} has no image for linux/{wanted}",
        "the administrator names another as [base] image",
    )


@dataclass(frozen=True, kw_only=True)
class EngineSource:
    """Base images that a container engine has; `open_engine` gives None where none answers."""

    open_engine: "Callable[[], Engine | None]"

    def fetch(self, image: str, layouts: OciLayouts) -> Descriptor | None:
        """The manifest of the image as the engine has it, None where it has none of that name."""
        engine = self.open_engine()
        if engine is None or engine.image(image) is None:
            return None
        return read_archive(engine.save(image), layouts)


def read_archive(chunks: Iterable[bytes], layouts: OciLayouts) -> Descriptor:
    """The manifest of the one image of a docker archive, whose layers are in the layouts now."""
    blobs: dict[str, Descriptor] = {}
    documents: dict[str, bytes] = {}
    links: dict[str, str] = {}
    stream = cast("IO[bytes]", ByteStream(chunks))
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            path = posixpath.normpath(member.name)
            file = tar.extractfile(member) if member.isfile() else None
            if member.issym():
                links[path] = posixpath.normpath(f"{posixpath.dirname(path)}/{member.linkname}")
            elif file is not None and (path.endswith(".json") or member.size <= _DOCUMENT_BYTES):
                documents[path] = file.read(_DOCUMENT_BYTES)
            if file is not None and path not in documents:
                blobs[path] = _store(file, layouts)
    (image,) = json.loads(documents["manifest.json"])
    config = documents[image["Config"]]
    layers = []
    for path, diff_id in zip(image["Layers"], decode(config)["rootfs"]["diff_ids"], strict=True):
        place = links.get(path, path)
        blob = blobs.get(place) or _store_bytes(documents[place], layouts)
        kind = LAYER if blob.digest == diff_id else GZIP_LAYER
        blob = Descriptor(media_type=kind, digest=blob.digest, size=blob.size)
        layers.append(Layer(blob=blob, diff_id=diff_id))
    return store_manifest(layouts, config, layers)


def _store(file: IO[bytes], layouts: OciLayouts) -> Descriptor:
    def copy(out: IO[bytes]) -> None:
        while chunk := file.read(1 << 20):
            out.write(chunk)

    written = layouts.write(copy)
    return Descriptor(media_type=LAYER, digest=written.digest, size=written.size)


def _store_bytes(content: bytes, layouts: OciLayouts) -> Descriptor:
    return Descriptor(media_type=LAYER, digest=layouts.put(content), size=len(content))

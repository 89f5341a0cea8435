"""Where base images come from: a registry, an engine that has them, an OCI layout in a folder."""

import json
import platform
import posixpath
import shutil
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from mlreef_hooks.bases import store_manifest
from mlreef_hooks.container import ByteStream
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_name import DIGEST, ImageName
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
    sha256,
)
from mlreef_hooks.oci_layout import REF, OciLayouts
from mlreef_hooks.plain_text import plain

if TYPE_CHECKING:
    from mlreef_hooks.engine import Engine
    from mlreef_hooks.registry import Registry

_DOCUMENT_BYTES = 8 << 20


_Document = tuple[bytes, str]  # a manifest or an index of manifests, and its media type


@dataclass(frozen=True, kw_only=True)
class RegistrySource:
    """Base images from the registry that their name says."""

    open_registry: "Callable[[str], Registry]"

    def fetch(self, image: str, layouts: OciLayouts) -> Descriptor | None:
        """The manifest of the image for this machine's platform, None where there is none."""
        name = ImageName.parse(image)
        with self.open_registry(name.host) as registry:
            get = partial(registry.get_manifest, name.repository)
            found = get(name.reference)
            fetch = partial(registry.fetch_blob, name.repository)
            return _bring(image, found, get, fetch, layouts) if found else None


@dataclass(frozen=True, kw_only=True)
class LayoutSource:
    """Base images from an OCI layout in a folder, as other tools write it (`skopeo copy`, say)."""

    folder: Path

    def fetch(self, image: str, layouts: OciLayouts) -> Descriptor:
        """The manifest of the one image of the layout, or of the one that has this name or tag."""
        try:
            found = self._open(self._choose(image)["digest"])
            return _bring(image, found, self._open, self._copy, layouts)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise PublishError(
                f"{self.folder} is no OCI layout that could be read: {error}",
                "name the folder that holds its index.json",
            ) from error

    def _choose(self, image: str) -> Mapping[str, Any]:
        images = decode((self.folder / "index.json").read_bytes())["manifests"]
        names = {image, image.rpartition(":")[2]}
        named = [each for each in images if each.get("annotations", {}).get(REF) in names]
        chosen: list[Mapping[str, Any]] = named if len(images) > 1 else images
        if len(chosen) != 1:
            there = [str(each.get("annotations", {}).get(REF)) for each in images]
            raise PublishError(
                f"{self.folder} has {len(images)} images: {plain(', '.join(there))}",
                "choose one of them by --image NAME:TAG",
            )
        return chosen[0]

    def _path(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{plain(digest)} is no SHA-256 digest")
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def _open(self, digest: str) -> _Document:
        with self._path(digest).open("rb") as file:
            content = file.read(_DOCUMENT_BYTES)
        _check(digest, sha256(content), str(self.folder))
        return content, decode(content).get("mediaType", MANIFEST)

    def _copy(self, blob: Descriptor, out: IO[bytes]) -> None:
        with self._path(blob.digest).open("rb") as file:
            shutil.copyfileobj(file, out, 1 << 20)


def _bring(
    image: str,
    found: _Document,
    get: Callable[[str], _Document | None],
    fetch: Callable[[Descriptor, IO[bytes]], None],
    layouts: OciLayouts,
) -> Descriptor:
    """The manifest that was `found`, or the one for this machine in an index; what it names is in
    the layouts now.
    """
    content, kind = found
    if kind in (INDEX, DOCKER_LIST):
        digest = _for_this_machine(decode(content), image)
        content, _ = get(digest) or (b"", "")
    document = decode(content)
    for each in (document["config"], *document["layers"]):
        blob = Descriptor.read(each)
        if not layouts.has(blob):
            _check(blob.digest, layouts.write(partial(fetch, blob)).digest, image)
    layouts.put(content)
    return Descriptor.of(MANIFEST, content)


def _check(wanted: str, found: str, image: str) -> None:
    if wanted != found:
        raise PublishError(f"a part of {image} is not what its digest says", "fetch it again")


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

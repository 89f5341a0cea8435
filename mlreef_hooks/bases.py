"""Base images on disk: fetched once, then known by name; what is installed on them needs no engine.

A base comes from where its name says: the layouts, where it may be already, a registry, an engine.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from mlreef_hooks.base_facts import BaseFacts
from mlreef_hooks.config_images import Base
from mlreef_hooks.durable_files import make_folder, replace_file, turn_taken
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import (
    CONFIG,
    GZIP_LAYER,
    LAYER,
    MANIFEST,
    Descriptor,
    Layer,
    decode,
    encode,
    image_manifest,
    plain_layer,
)
from mlreef_hooks.oci_layout import OciLayouts

BASES = "bases"  # the layout that holds them
_FACTS = "2"  # part of the name of stored facts; raise it when more is read from a base


@dataclass(frozen=True, kw_only=True)
class ImageBlobs:
    """An image whose blobs are in the layouts: its configuration and its layers from the bottom."""

    config: Descriptor
    layers: tuple[Layer, ...]


@dataclass(frozen=True, kw_only=True)
class BaseImage(ImageBlobs):
    """A base that is on disk: `digest` is its manifest's; `environment` as `NAME=value`."""

    digest: str
    environment: tuple[str, ...]
    architecture: str
    facts: BaseFacts


@dataclass(frozen=True, kw_only=True)
class RootImage:
    """What an image says that the tar of its root file system does not; `NAME=value` texts."""

    environment: tuple[str, ...]
    architecture: str


class BaseSource(Protocol):
    """Where a base may come from."""

    def fetch(self, image: str, layouts: OciLayouts) -> Descriptor | None:
        """The manifest of the image, whose blobs are in the layouts now; None where it is not had.

        PublishError where it should be there and cannot be fetched.
        """


@dataclass(frozen=True, kw_only=True)
class BaseImages:
    """The bases of a site, from `sources` in their order. `facts` and `locks` are folders;
    `can_compile` says for which Pythons (`3.11`) this server can make bytecode; `say` tells what
    takes a while.
    """

    layouts: OciLayouts
    sources: Callable[[], Sequence[BaseSource]]
    facts: Path
    locks: Path
    can_compile: Callable[[str], bool]
    say: Callable[[str], None]

    def has(self, base: Base) -> bool:
        """True where the base image is here and need not be fetched."""
        return self.layouts.find(BASES, base.image) is not None

    def find(self, base: Base) -> BaseImage:
        """The base image, fetched where it is not there yet; PublishError where it cannot be."""
        manifest = self.layouts.find(BASES, base.image)
        if manifest is None:
            with turn_taken(self.locks, BASES, lambda: self.say("another push fetches a base")):
                manifest = self.layouts.find(BASES, base.image) or self.fetch(base.image)
        return self._read(manifest, base)

    def fetch(self, image: str) -> Descriptor:
        """The manifest of the image, which is in the layouts now, as its source has it now."""
        self.say(f"fetching the base image {image}")
        for source in self.sources():
            try:
                manifest = source.fetch(image, self.layouts)
            except PublishError as error:
                message = f"the base image {image} cannot be fetched: {error.message}"
                hint = f"{error.hint}; or makes one: mlreef-hooks base"
                raise PublishError(message, hint, passing=error.passing) from error
            if manifest is not None:
                return store_base(self.layouts, image, manifest)
        raise PublishError(
            f"the base image {image} is nowhere to be had",
            "the administrator corrects [base], or makes an image with mlreef-hooks base",
            passing=True,
        )

    def _read(self, manifest: Descriptor, base: Base) -> BaseImage:
        image = read_image(self.layouts, manifest)
        self.layouts.keep((manifest, image.config, *(layer.blob for layer in image.layers)))
        config, layers = decode(self.layouts.read(image.config.digest)), image.layers
        environment = tuple(config.get("config", {}).get("Env") or ())
        return BaseImage(
            config=image.config,
            layers=layers,
            digest=manifest.digest,
            environment=environment,
            architecture=config["architecture"],
            facts=self._read_facts(manifest, layers, environment, base.python),
        )

    def _read_facts(
        self, manifest: Descriptor, layers: Sequence[Layer], environment: Sequence[str], python: str
    ) -> BaseFacts:
        bytecode = self.can_compile(python)
        words = (manifest.digest.removeprefix("sha256:")[:32], python, str(bytecode), _FACTS)
        path = self.facts / f"{'-'.join(words)}.json"
        if not path.is_file():
            with turn_taken(self.locks, "base-facts", self._wait):
                if not path.is_file():
                    self._write_facts(path, layers, environment, python)
        return BaseFacts.from_json(path.read_bytes())

    def _wait(self) -> None:
        self.say("another push reads the base image")

    def _write_facts(
        self, path: Path, layers: Sequence[Layer], environment: Sequence[str], python: str
    ) -> None:
        from mlreef_hooks.base_reading import read_base_facts  # only ever once for a base

        with ExitStack() as files:
            opened = [
                files.enter_context(self.layouts.blob_path(layer.blob.digest).open("rb"))
                for layer in layers
            ]
            bytecode = self.can_compile(python)
            facts = read_base_facts(opened, environment, python, bytecode=bytecode)
        make_folder(self.facts, 0o755)
        replace_file(path, facts.to_json(), 0o644)


def read_image(layouts: OciLayouts, manifest: Descriptor) -> ImageBlobs:
    """What the manifest of an image in the layouts names."""
    document = decode(layouts.read(manifest.digest))
    config = Descriptor.read(document["config"])
    return ImageBlobs(config=config, layers=_layers(document, decode(layouts.read(config.digest))))


def _layers(manifest: dict[str, Any], config: dict[str, Any]) -> tuple[Layer, ...]:
    """The layers of an image; the media types of docker's own formats become those of OCI's."""
    layers = []
    for entry, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        packed = entry["digest"] != diff_id
        if packed and "gzip" not in entry["mediaType"]:
            raise PublishError(
                f"a layer of the base image is packed as {entry['mediaType']}",
                "use a base image whose layers are gzipped",
            )
        blob = Descriptor(
            media_type=GZIP_LAYER if packed else LAYER, digest=entry["digest"], size=entry["size"]
        )
        layers.append(Layer(blob=blob, diff_id=diff_id))
    return tuple(layers)


def import_root(layouts: OciLayouts, tar: IO[bytes], image: str, root: RootImage) -> Descriptor:
    """The manifest of a base made of one root file system's tar, which is in the layouts now."""
    written = layouts.write(lambda out: shutil.copyfileobj(tar, out, 1 << 20))
    layer = plain_layer(written.digest, written.size)
    config = {
        "architecture": root.architecture,
        "os": "linux",
        "config": {"Env": list(root.environment)},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created_by": "mlreef-hooks base"}],
    }
    return store_base(layouts, image, store_manifest(layouts, encode(config), [layer]))


def store_base(layouts: OciLayouts, image: str, manifest: Descriptor) -> Descriptor:
    """The manifest, by which the bases have the image now; it outlasts a loss of power."""
    stored = read_image(layouts, manifest)
    blobs = (manifest, stored.config, *(layer.blob for layer in stored.layers))
    layouts.sync(blob.digest for blob in blobs)
    layouts.tag(BASES, image, manifest, blobs)
    return manifest


def store_manifest(layouts: OciLayouts, config: bytes, layers: Sequence[Layer]) -> Descriptor:
    """The manifest of an image whose layers are in the layouts already."""
    layouts.put(config)
    content = image_manifest(Descriptor.of(CONFIG, config), layers)
    layouts.put(content)
    return Descriptor.of(MANIFEST, content)

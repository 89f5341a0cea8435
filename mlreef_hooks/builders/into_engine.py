"""Images from the layouts into a container engine: only the layers that it lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import IO

from mlreef_hooks.bases import ImageBlobs
from mlreef_hooks.builders.start_check import StartCheck
from mlreef_hooks.builders.stored_image import StoredImage
from mlreef_hooks.engine import Engine
from mlreef_hooks.engine_image import CANDIDATE
from mlreef_hooks.image import ArchivedLayer, docker_archive
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.oci_layout import OciLayouts

_LOOKED_AT = 50  # images of the engine that may have the lower layers already


@dataclass(frozen=True, kw_only=True)
class EngineImages:
    """Images of the layouts in an engine; `check` starts one."""

    layouts: OciLayouts
    engine: Engine
    check: StartCheck

    def deliver(self, image: StoredImage) -> None:
        """Let the engine have the image under its reference."""
        self._load(image, image.reference)

    def check_start(self, image: StoredImage, manifest: ModuleManifest) -> bool:
        """True where the module starts in the engine; the image does not stay there."""
        name = f"{CANDIDATE}:{image.config.digest.removeprefix('sha256:')[:32]}"
        self._load(image, name)
        try:
            self.check(image.config.digest, manifest)
        finally:
            self.engine.untag(name)
        return True

    def _load(self, image: StoredImage, name: str) -> None:
        near = f"{image.repository}:"
        load_image(self.engine, self.layouts, image, name, near=near)


def load_image(
    engine: Engine, layouts: OciLayouts, image: ImageBlobs, name: str, *, near: str = ""
) -> None:
    """Let the engine have an image under a name; `near` begins the names of similar images."""
    if engine.image(image.config.digest) is None:
        layers = [_archived(layouts, layer.blob.digest) for layer in image.layers]
        there = _common_layers(engine, [layer.diff_id for layer in image.layers], near)
        config = layouts.read(image.config.digest)
        engine.load(docker_archive(name, config, [*[None] * there, *layers[there:]]))
    engine.tag(image.config.digest, name)


def _archived(layouts: OciLayouts, digest: str) -> ArchivedLayer:
    path = layouts.blob_path(digest)
    return ArchivedLayer(size=path.stat().st_size, open=partial(_open, path))


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _common_layers(engine: Engine, wanted: Sequence[str], near: str) -> int:
    """How many of the layers, from the bottom, an image of the engine has too."""
    if not engine.keeps_layers():
        return 0
    names = sorted(engine.names(), key=lambda name: not (near and name.startswith(near)))
    found = (engine.image(name) for name in names[:_LOOKED_AT])
    return max((_common(wanted, each.layers) for each in found if each), default=0)


def _common(wanted: Sequence[str], there: Sequence[str]) -> int:
    """How many items two sequences have in common at their beginning."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(wanted, there, strict=False))
    return sum(1 for _ in pairs)

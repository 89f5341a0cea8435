"""Images from the layouts into a container engine: only the layers that it lacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mlreef_hooks.bases import ImageBlobs
from mlreef_hooks.builders.start_check import StartCheck
from mlreef_hooks.builders.stored_image import StoredImage
from mlreef_hooks.config_images import Base, DockerEngine
from mlreef_hooks.engine_image import candidate_name
from mlreef_hooks.engine_pool import EnginePool, NoEngineError
from mlreef_hooks.image import ArchivedLayer, docker_archive
from mlreef_hooks.image_progress import Report, counted_chunks
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.oci_layout import OciLayouts

if TYPE_CHECKING:
    from mlreef_hooks.engine import Engine

_LOOKED_AT = 50  # images of the engine that may have the lower layers already


@dataclass(frozen=True, kw_only=True)
class EngineImages:
    """Images of the layouts in engines of the site, where one answers. `bases` are those of the
    configuration; `log` gets what a module printed that does not start.
    """

    layouts: OciLayouts
    pool: EnginePool
    settings: DockerEngine
    bases: Mapping[str, Base]
    log: Callable[[str], None]

    def deliver(self, image: StoredImage) -> None:
        """Let an engine have the image under its reference."""
        self._in_engine(lambda engine: self._load(engine, image, image.reference), lambda engine: 0)

    def check_start(self, image: StoredImage, manifest: ModuleManifest) -> bool:
        """True where the module starts in an engine; the image does not stay there."""
        base = self.bases[manifest.base].image
        return self._in_engine(
            lambda engine: self._start(engine, image, manifest),
            lambda engine: int(engine.image(base) is not None),
        )

    def _in_engine(
        self, work: "Callable[[Engine], None]", readiness: "Callable[[Engine], int]"
    ) -> bool:
        """True where an engine did it; it takes moments, so it does not wait for long builds."""
        try:
            self.pool.do(work, readiness, wait=False)
        except NoEngineError:
            return False
        return True

    def _start(self, engine: "Engine", image: StoredImage, manifest: ModuleManifest) -> None:
        engine.remove_lost()
        name = candidate_name(image.config.digest)
        self._load(engine, image, name)
        try:
            check = StartCheck(engine=engine, settings=self.settings, log=self.log)
            check(image.config.digest, manifest)
        finally:
            engine.untag(name)

    def _load(self, engine: "Engine", image: StoredImage, name: str) -> None:
        load_image(engine, self.layouts, image, name, near=f"{image.repository}:")


def load_image(
    engine: "Engine",
    layouts: OciLayouts,
    image: ImageBlobs,
    name: str,
    *,
    near: str = "",
    report: Report | None = None,
) -> None:
    """Let the engine have an image under a name; `near` begins the names of similar images.

    `report` is told how many bytes the engine has taken.
    """
    if engine.image(image.config.digest) is None:
        layers = [_archived(layouts, layer.blob.digest) for layer in image.layers]
        there = _common_layers(engine, [layer.diff_id for layer in image.layers], near)
        config = layouts.read(image.config.digest)
        archive = docker_archive(name, config, [*[None] * there, *layers[there:]])
        total = sum(layer.size for layer in layers[there:])
        engine.load(counted_chunks(archive, total, report) if report else archive)
    engine.tag(image.config.digest, name)


def _archived(layouts: OciLayouts, digest: str) -> ArchivedLayer:
    path = layouts.blob_path(digest)
    return ArchivedLayer(size=path.stat().st_size, open=partial(_open, path))


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _common_layers(engine: "Engine", wanted: Sequence[str], near: str) -> int:
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

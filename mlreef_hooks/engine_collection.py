"""Images of an engine made on the way to others, that nothing is built on any more."""

from collections.abc import Collection, Iterator

from mlreef_hooks.engine import Engine, EngineImage
from mlreef_hooks.engine_image import CANDIDATE, DEPENDENCIES


def unused_images(
    engine: Engine, references: Collection[str], before: float
) -> Iterator[tuple[str, int]]:
    """The names and sizes of images of dependencies that no image of `references` is built on, and
    of images that were never delivered; only such as were last named before `before` (seconds since
    1970). Engines count layers that images share in the size of each.
    """
    names = engine.names()
    found = (engine.image(name) for name in sorted(names & {*references}))
    modules = [image for image in found if image is not None]
    for name in sorted(names):
        kind = name.partition(":")[0]
        image = engine.image(name) if kind in (DEPENDENCIES, CANDIDATE) else None
        if image is None or not 0 < image.named_at < before:
            continue
        if kind == CANDIDATE or not any(_is_below(image, each) for each in modules):
            yield name, image.size


def _is_below(lower: EngineImage, upper: EngineImage) -> bool:
    """True where an image is built on another one."""
    return upper.layers[: len(lower.layers)] == lower.layers

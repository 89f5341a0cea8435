"""An image in the layouts, and the ways from there: into a registry, into an engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlreef_hooks.bases import ImageBlobs, read_image
from mlreef_hooks.image import BuiltImage
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.oci import MANIFEST, Descriptor
from mlreef_hooks.oci_layout import MODULES, OciLayouts


@dataclass(frozen=True, kw_only=True)
class StoredImage(ImageBlobs):
    """An image whose blobs are in the layouts; `layout` names its own, `reference` is its name."""

    layout: str
    reference: str
    manifest: Descriptor

    @property
    def repository(self) -> str:
        """The reference without the tag."""
        return self.reference.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The tag of the reference."""
        return self.reference.rpartition(":")[2]


Deliver = Callable[[StoredImage], None]
CheckStart = Callable[[StoredImage, ModuleManifest], bool]  # False where no engine answers


def read_stored(layouts: OciLayouts, image: BuiltImage, prefixes: Sequence[str]) -> StoredImage:
    """The image as its manifest in the layouts tells of it; its reference has one of `prefixes`."""
    manifest = Descriptor.of(MANIFEST, layouts.read(image.digest))
    blobs = read_image(layouts, manifest)
    repository = image.reference.rpartition(":")[0]
    prefix = next((each for each in prefixes if repository.startswith(f"{each}/")), "")
    return StoredImage(
        layout=MODULES + repository.removeprefix(prefix),
        reference=image.reference,
        manifest=manifest,
        config=blobs.config,
        layers=blobs.layers,
    )

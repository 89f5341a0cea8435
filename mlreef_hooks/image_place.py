"""Where the images of a module go, so that those of private ones are not everybody's."""

from dataclasses import dataclass

from mlreef_hooks.audience import ModuleAudience
from mlreef_hooks.config_images import Registry
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import BuiltImage, image_reference
from mlreef_hooks.site import Site
from mlreef_hooks.visibility import PRIVATE

_HINT = (
    "the administrator closes it, sets registry.private_prefix, or says who may read the"
    " repository [image-open]"
)


@dataclass(frozen=True, kw_only=True)
class ImagePlace:
    """What the names of a module's images begin with, as long as the module is not narrower than
    `visibility`.
    """

    prefix: str
    visibility: str

    def check(self, visibility: str, site: Site, sent: BuiltImage | None = None) -> None:
        """PublishError that may pass where the module has become private meanwhile, and its images
        belong elsewhere, or may do so. The image that was `sent` by then is taken back, and named
        where its registry keeps it.
        """
        if visibility == PRIVATE != self.visibility and _matters(site.config.registry):
            message = "the repository became private while the image was made"
            hint = "it is made again, for a place of its own"
            if sent and not site.take_back(sent.reference, sent.digest):
                message += f", and {sent.reference} was sent by then"
                hint += "; the administrator deletes that in the registry, or closes it"
            raise PublishError(message, hint, passing=True)


def place_images(audience: ModuleAudience) -> ImagePlace:
    """Where the images of a module go now.

    PublishError where it is private, and the registry would give them to everybody.
    """
    site, registry = audience.site, audience.site.config.registry
    if not _matters(registry):
        return ImagePlace(prefix=registry.prefix, visibility=PRIVATE)
    visibility = audience.ask(anew=False).word
    place = ImagePlace(prefix=registry.prefix_for(visibility), visibility=visibility)
    if visibility == PRIVATE and registry.private_images == "closed":
        names = (audience.request.repository.namespace, audience.manifest.name)
        _check_closed(image_reference(place.prefix, *names, audience.request.release), site)
    return place


def _matters(registry: Registry) -> bool:
    """True where a private module's images are not simply where all others are."""
    treated = registry.private_images == "closed" or bool(registry.private_prefix)
    return registry.remote and treated


def _check_closed(reference: str, site: Site) -> None:
    if site.is_open(reference):
        place = reference.rpartition(":")[0]
        message = f"the module is private, and everybody may fetch images from {place}"
        raise PublishError(message, _HINT)

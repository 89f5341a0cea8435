"""The image of a version as other programs fetch it."""

from collections.abc import Mapping
from typing import Any

from mlreef_hooks.config_images import Registry
from mlreef_hooks.image_name import ImageName


def registry_name(image: Mapping[str, Any]) -> str | None:
    """The image by its digest in its registry; None where it is in an engine alone.

    PublishError where the index calls it what is no name of an image.
    """
    repository = image["reference"].rpartition(":")[0]
    name = f"{repository}@{image['digest']}"
    ImageName.parse(name)
    return name if Registry(prefix=repository).remote else None

"""Where images are besides their layouts, to take them away from there as well."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry import Registry


@dataclass(frozen=True, kw_only=True)
class ImageCopies:
    """The copies that an engine and a registry have; each is None where there is none, or where
    nothing is to be taken away.
    """

    engine: Engine | None
    open_registry: Callable[[], Registry] | None

    def remove(self, reference: str, image_id: str, digest: str) -> None:
        """Take an image away everywhere; PublishError where the registry keeps it.

        In the engine only the name goes, and only from this very image.
        """
        if self.engine is not None:
            with suppress(PublishError):
                found = self.engine.image(reference)
                if found is not None and found.id == image_id:
                    self.engine.untag(reference)
        if self.open_registry is not None:
            repository = reference.rpartition(":")[0].partition("/")[2]
            with self.open_registry() as registry:
                if not registry.delete_manifest(repository, digest):
                    message = f"the registry does not delete {reference}"
                    raise PublishError(message, "allow it to, or set gc.registry to false")

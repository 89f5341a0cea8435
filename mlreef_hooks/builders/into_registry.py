"""Images from the layouts into a registry: what it has already is neither sent nor asked for."""

from collections.abc import Callable
from dataclasses import dataclass

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.builders.stored_image import StoredImage
from mlreef_hooks.oci import MANIFEST, Descriptor
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.registry import MissingBlobs, Registry

_SMALL = 64 << 10  # bytes


@dataclass(frozen=True, kw_only=True)
class RegistryDelivery:
    """Delivers to the registry that `open_registry` connects to, once something is to be sent."""

    layouts: OciLayouts
    cache: BuildCache
    open_registry: Callable[[], Registry]

    def __call__(self, image: StoredImage) -> None:
        """Upload what the registry lacks, then the manifest under the image's tag."""
        host, _, repository = image.repository.partition("/")
        with self.open_registry() as registry:
            try:
                self._upload(registry, host, repository, image)
            except MissingBlobs:
                # It collected what nobody named any more: now every blob is asked for.
                self.cache.forget_uploads(image.repository)
                self._upload(registry, host, repository, image)

    def _upload(self, registry: Registry, host: str, repository: str, image: StoredImage) -> None:
        blobs = [*(layer.blob for layer in image.layers), image.config]
        known = self.cache.uploaded(image.repository)
        new = [blob for blob in dict.fromkeys(blobs) if blob.digest not in known]
        origins = self.cache.origins(blob.digest for blob in new)
        for blob in new:
            origin = origins.get(blob.digest, "")
            there = origin.startswith(f"{host}/") and origin != image.repository
            self._bring(
                registry, repository, blob, origin.removeprefix(f"{host}/") if there else ""
            )
        content = self.layouts.read(image.manifest.digest)
        registry.put_manifest(repository, image.tag, content, MANIFEST)
        self.cache.add_uploads(image.repository, [blob.digest for blob in new])

    def _bring(self, registry: Registry, repository: str, blob: Descriptor, origin: str) -> None:
        """Let the repository have a blob: from another one of the registry, or from here.

        Small ones are sent without a question, which would take as long.
        """
        if origin and registry.mount_blob(repository, blob.digest, origin):
            return
        if blob.size > _SMALL and registry.has_blob(repository, blob.digest):
            return
        path = self.layouts.blob_path(blob.digest)
        registry.upload_blob(repository, blob, lambda: path.open("rb"))

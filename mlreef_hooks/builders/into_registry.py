"""Images from the layouts into a registry: what it has already is neither sent nor asked for."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.builders.stored_image import StoredImage
from mlreef_hooks.oci import MANIFEST, Descriptor
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.registry import MissingBlobs, Registry

_SMALL = 64 << 10  # bytes
_SENDERS = 3  # connections beside the first


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
        origins = {
            digest: origin.removeprefix(f"{host}/")
            for digest, origin in self.cache.origins(blob.digest for blob in new).items()
            if origin.startswith(f"{host}/") and origin != image.repository
        }
        self._bring_all(registry, repository, new, origins)
        content = self.layouts.read(image.manifest.digest)
        registry.put_manifest(repository, image.tag, content, MANIFEST)
        self.cache.add_uploads(image.repository, [blob.digest for blob in new])

    def _bring_all(
        self,
        registry: Registry,
        repository: str,
        blobs: Sequence[Descriptor],
        origins: Mapping[str, str],
    ) -> None:
        """Bring several blobs at a time: most of it is waiting for the registry's disk."""
        waiting = iter(blobs)

        def bring(registry: Registry) -> None:
            try:
                for blob in waiting:
                    self._bring(registry, repository, blob, origins.get(blob.digest, ""))
            finally:
                deque(waiting, maxlen=0)  # where one failed, the others end too

        def bring_beside() -> None:
            with self.open_registry() as another:
                bring(another)

        with ThreadPoolExecutor(_SENDERS) as pool:
            others = [pool.submit(bring_beside) for _ in range(min(_SENDERS, len(blobs) - 1))]
            bring(registry)
        for other in others:
            other.result()

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

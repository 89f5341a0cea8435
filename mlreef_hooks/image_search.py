"""Images of modules by the names that publishing gives them: on disk, in a registry, in an engine.

Whoever may write there has made them; what they say of themselves is to be checked.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import BuiltImage, image_reference
from mlreef_hooks.image_label import labels_of, read_label
from mlreef_hooks.index import Document
from mlreef_hooks.oci import Descriptor, decode, sha256
from mlreef_hooks.oci_layout import MODULES, OciLayouts
from mlreef_hooks.registry import Registry

_CONFIG_BYTES = 8 << 20


@dataclass(frozen=True, kw_only=True)
class FoundImage:
    """An image, what it runs, and what its label says of the module; None where that is nothing."""

    image: BuiltImage
    command: tuple[str, ...]
    label: Document | None


@dataclass(frozen=True, kw_only=True)
class ImageSearch:
    """Looks for images whose names begin with one of `prefixes`. `engine` and `open_registry` are
    None where a site has none.
    """

    prefixes: Sequence[str]
    layouts: OciLayouts
    engine: Engine | None
    open_registry: Callable[[], Registry] | None

    def find(self, namespace: str, name: str, version: str) -> FoundImage | None:
        """The image of a version, None where there is none; PublishError where a registry is away.

        Where a registry is delivered to, an engine has only copies, whose digests are others.
        """
        names = [image_reference(prefix, namespace, name, version) for prefix in self.prefixes]
        elsewhere = self._registered if self.open_registry else self._loaded
        stored = self._stored(names[-1], f"{MODULES}/{namespace}/{name}")
        if stored is not None and len(names) == 1:
            return stored
        # With several prefixes, only where it was sent tells its name.
        return next(filter(None, map(elsewhere, names)), stored)

    def _stored(self, reference: str, layout: str) -> FoundImage | None:
        try:
            manifest = self.layouts.find(layout, reference.rpartition(":")[2])
            if manifest is None:
                return None
            content = self.layouts.read(manifest.digest)
            config = self.layouts.read(Descriptor.read(decode(content)["config"]).digest)
            return _read(reference, content, config)
        except (PublishError, LookupError, TypeError, ValueError):
            return None

    def _registered(self, reference: str) -> FoundImage | None:
        if self.open_registry is None:
            return None
        repository, _, tag = reference.partition("/")[2].rpartition(":")
        with self.open_registry() as registry:
            answer = registry.get_manifest(repository, tag)
            try:
                content, _ = answer or (b"", "")
                blob = Descriptor.read(decode(content)["config"])
                if not 0 < blob.size <= _CONFIG_BYTES:
                    return None
            except (PublishError, LookupError, TypeError, ValueError):
                return None
            config = io.BytesIO()
            registry.fetch_blob(repository, blob, config)
        try:
            return self._as_engine_counts(_read(reference, content, config.getvalue()))
        except (PublishError, LookupError, TypeError, ValueError):
            return None

    def _as_engine_counts(self, found: FoundImage) -> FoundImage:
        """The image with the size that the engine tells, where that is what published it."""
        there = self.engine.image(found.image.id) if self.engine else None
        size = found.image.size if there is None else there.size
        return replace(found, image=replace(found.image, size=size))

    def _loaded(self, reference: str) -> FoundImage | None:
        there = self.engine.image(reference) if self.engine else None
        if there is None:
            return None
        image = BuiltImage(
            reference=reference, digest=there.id, id=there.id, size=there.size, code_size=0,
            platform=f"linux/{there.architecture}",
        )  # fmt: skip
        return FoundImage(
            image=image, command=there.entrypoint or (), label=read_label(there.labels)
        )


def _read(reference: str, content: bytes, config: bytes) -> FoundImage:
    """The image of a manifest and its configuration; LookupError, TypeError where it is none."""
    manifest, document = decode(content), decode(config)
    layers = [Descriptor.read(layer) for layer in manifest["layers"]]
    image = BuiltImage(
        reference=reference, digest=sha256(content), id=sha256(config), code_size=0,
        size=sum(layer.size for layer in layers) + len(config) + len(content),
        platform=f"linux/{document['architecture']}",
    )  # fmt: skip
    return FoundImage(
        image=image, command=_command(document), label=read_label(labels_of(document))
    )


def _command(config: Mapping[str, Any]) -> tuple[str, ...]:
    inner = config.get("config")
    words = inner.get("Entrypoint") if isinstance(inner, dict) else None
    found: Sequence[Any] = words if isinstance(words, list) else ()
    return tuple(each for each in found if isinstance(each, str))

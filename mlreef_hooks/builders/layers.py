"""The layers builder: images put together on disk from wheels and git objects, without an engine.

Nobody's code is executed. Each wheel is a layer that all modules of the server share, the code is
in layers of its own; what did not change since the last publish is neither made nor read again.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlreef_hooks.bases import BaseImage, BaseImages, store_manifest
from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.builders.pip_install import without_credentials
from mlreef_hooks.builders.stored_image import CheckStart, Deliver, StoredImage, read_stored
from mlreef_hooks.builders.wheel_layers import WheelInstaller
from mlreef_hooks.code_layers import Part, divide_code, write_part
from mlreef_hooks.config_images import Base, Pip
from mlreef_hooks.durable_files import make_folder, replace_file, turn_taken
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import BuiltImage, Dependencies, ImageSpec, image_config
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.oci import ARCHITECTURES, Layer, plain_layer, sha256
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.wheels.lock import Lock, LockedWheel, SourceNeeded

if TYPE_CHECKING:
    from mlreef_hooks.builders.source_wheels import SourceWheels

_RECIPE = "1"  # part of a lock's key; raise it when the same requirements would be locked otherwise
_LAYERS = 127  # overlay file systems of engines take no more
_CODE_LAYERS = 48


@dataclass(frozen=True, kw_only=True)
class LayersBuilder:
    """Builds on disk. `prefixes` are those of image references; `locks` is a folder for lock files,
    `locked` one for what was resolved, `packages` one for what package indexes said. `open_sources`
    gives what builds requirements without a wheel, where the site has that. `start` starts
    an image where an engine answers, `when` is what `[builder.layers] start` says; `deliverers`
    bring it where it is wanted.
    """

    layouts: OciLayouts
    bases: BaseImages
    cache: BuildCache
    installer: WheelInstaller
    pip: Pip
    prefixes: Sequence[str]
    locks: Path
    locked: Path
    packages: Path
    open_sources: "Callable[[], SourceWheels] | None"
    when: str
    start: CheckStart
    deliverers: Sequence[Deliver]
    log: Callable[[str], None]

    def dependencies(self, name: str, base: Base, requirements: Mapping[str, str]) -> Dependencies:
        """The layers of the base and the requirements, made now or found.

        SourceNeeded where a requirement is no wheel, and none can be built of it alone.
        """
        self.layouts.sweep()
        image = self.bases.find(base)
        key = _key(image, requirements, self.pip)
        with turn_taken(self.locks, key, lambda: self.log("waiting for the same requirements")):
            lock, known = self._lock(key, image, requirements)
            installed = self.installer.install(lock, image.facts)
        layers = (*image.layers, *installed.layers)
        return Dependencies(
            id=key,
            layers=tuple(layer.diff_id for layer in layers),
            environment=image.environment,
            architecture=image.architecture,
            locked=tuple(lock.names),
            base_name=name,
            base_image=base.image,
            base_digest=image.digest,
            reused=known and not installed.made,
            blobs=tuple(layer.blob for layer in layers),
            wheels=tuple(_shown(wheel) for wheel in lock.wheels),
            modules=installed.modules | image.facts.modules | sys.stdlib_module_names,
        )

    def knows(self, base: Base, requirements: Mapping[str, str]) -> bool:
        """True where the base is here, and what the requirements mean on it is known."""
        if not self.bases.has(base):
            return False
        key = _key(self.bases.find(base), requirements, self.pip)
        return self._lock_path(key).is_file()

    def _lock_path(self, key: str) -> Path:
        return self.locked / f"{key}.json"

    def _lock(
        self, key: str, image: BaseImage, requirements: Mapping[str, str]
    ) -> tuple[Lock, bool]:
        """What the requirements mean on the base, and whether that was known."""
        path = self._lock_path(key)
        if path.is_file():
            lock = Lock.from_json(path.read_bytes())
            if self.installer.can_install(lock):
                return lock, True
        lock = Lock(wheels=())
        if any(requirements.values()):
            lock = self._resolve(image, requirements)
        make_folder(self.locked, 0o755)
        replace_file(path, lock.to_json(), 0o644)
        return lock, False

    def _resolve(self, image: BaseImage, requirements: Mapping[str, str]) -> Lock:
        from mlreef_hooks.wheels.platform import Platform
        from mlreef_hooks.wheels.resolution import resolve

        machine = _machine(image.architecture)
        platform = Platform(image.facts.place.version, machine, "glibc", image.facts.glibc)
        once = partial(resolve, requirements, platform, self.pip, self.packages)
        try:
            return once()
        except SourceNeeded as needed:
            if self.open_sources is None or not needed.sources:
                raise
            from mlreef_hooks.builders.built_wheel import BuildPlace
            from mlreef_hooks.wheels.wanted import index_options

            place = BuildPlace(image, platform, index_options(requirements))
            return self.open_sources().resolve(needed, once, requirements, place)

    def assemble(self, spec: ImageSpec) -> BuiltImage:
        """The image with the code, in no layout yet; its digest is its manifest's."""
        room = min(_CODE_LAYERS, _LAYERS - len(spec.dependencies.layers))
        code, written = self._code_layers(spec.tree, room)
        config = image_config(spec, [layer.diff_id for layer in code])
        below = zip(spec.dependencies.blobs, spec.dependencies.layers, strict=True)
        layers = [*(Layer(blob=blob, diff_id=diff_id) for blob, diff_id in below), *code]
        manifest = store_manifest(self.layouts, config, layers)
        return BuiltImage(
            reference=spec.reference,
            digest=manifest.digest,
            id=sha256(config),
            size=sum(layer.blob.size for layer in layers) + len(config) + manifest.size,
            code_size=written,
            dependencies=spec.dependencies.id,
            platform=f"linux/{spec.dependencies.architecture}",
        )

    def _code_layers(self, tree: SourceTree, room: int) -> tuple[list[Layer], int]:
        """The layers of the code, at most `room`, and how many bytes of them had to be written."""
        memory = self.cache.memory()
        root = tree.children(tree.folders[""])
        parts = divide_code(root, tree.children, room, memory)
        known = self._known_layers(parts)
        if any(part.key not in known and not part.members for part in parts):
            parts = divide_code(root, tree.children, room)  # what was made of a folder is gone
        made = {part.key: self._write_part(tree, part) for part in parts if part.key not in known}
        self.cache.add_layers({key: layer.blob.to_json() for key, layer in made.items()})
        self.cache.remember(memory)
        layers = {**known, **made}
        written = sum(layer.blob.size for layer in made.values())
        return [layers[part.key] for part in parts], written

    def _known_layers(self, parts: Sequence[Part]) -> dict[str, Layer]:
        """The layers of parts that are on disk already."""
        found = self.cache.layers(part.key for part in parts)
        layers = {key: plain_layer(facts["digest"], facts["size"]) for key, facts in found.items()}
        kept = self.layouts.keep(layer.blob for layer in layers.values())
        return {key: layer for key, layer in layers.items() if layer.blob.digest in kept}

    def _write_part(self, tree: SourceTree, part: Part) -> Layer:
        written = self.layouts.write(lambda out: write_part(tree, part, out))
        return plain_layer(written.digest, written.size)

    def check_start(self, image: BuiltImage, manifest: ModuleManifest) -> None:
        """Return where the module starts, or need not be started, or no engine could start it.

        What imports the same on the same dependencies as one that started does not start anew.
        """
        facts = [image.dependencies, sorted(each.name for each in manifest.imports)]
        key = f"started-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"
        if self.when == "never" or (self.when == "changed" and self.cache.layers([key])):
            return
        if self.start(self._stored(image), manifest):
            self.log(f"{manifest.entry_point} starts in its image")
            self.cache.add_layers({key: True})

    def deliver(self, image: BuiltImage) -> BuiltImage:
        """The image in its layout, and wherever else the site wants it."""
        stored = self._stored(image)
        for deliver in self.deliverers:
            deliver(stored)
        blobs = (stored.manifest, stored.config, *(layer.blob for layer in stored.layers))
        self.layouts.tag(stored.layout, stored.tag, stored.manifest, blobs)
        return image

    def discard(self, image: BuiltImage) -> None:
        """Nothing: what no layout names is collected with all other blobs that nobody names."""

    def _stored(self, image: BuiltImage) -> StoredImage:
        return read_stored(self.layouts, image, self.prefixes)


def _shown(wheel: LockedWheel) -> dict[str, str]:
    """A wheel as the index shows it."""
    return {
        "name": wheel.name,
        "version": wheel.version,
        "file": wheel.file,
        "sha256": wheel.sha256,
    }


def _key(image: BaseImage, requirements: Mapping[str, str], pip: Pip) -> str:
    """The key of a lock: what the requirements mean depends on nothing else."""
    indexes = [without_credentials(url) for url in (pip.index_url, *pip.extra_index_urls)]
    place = image.facts.place
    said = json.dumps([_RECIPE, image.digest, place.version, dict(requirements), indexes])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _machine(architecture: str) -> str:
    names = {name: machine for machine, name in ARCHITECTURES.items()}
    if architecture not in names:
        raise PublishError(
            f"the base image is for {architecture}, and wheels are only chosen for"
            f" {' and '.join(names)}",
            "the administrator names another base, or the docker builder: [builder] use",
        )
    return names[architecture]

"""What builds a site's images: engines, builders, bases and registries, as configured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.config import Config
from mlreef_hooks.config_images import DockerEngine
from mlreef_hooks.engine_pool import EnginePool
from mlreef_hooks.image import Builder
from mlreef_hooks.manifest import ModuleManifest

if TYPE_CHECKING:
    from mlreef_hooks.bases import BaseImages, BaseSource
    from mlreef_hooks.builders.docker_engine import DockerBuilder
    from mlreef_hooks.builders.into_engine import EngineImages
    from mlreef_hooks.builders.layers import LayersBuilder
    from mlreef_hooks.builders.source_wheels import SourceWheels
    from mlreef_hooks.builders.stored_image import CheckStart, Deliver, StoredImage
    from mlreef_hooks.engine import Engine
    from mlreef_hooks.oci_layout import OciLayouts
    from mlreef_hooks.registry import Registry

Log = Callable[[str], None]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class SiteBuild:
    """Builds with the builder that the configuration wants."""

    config: Config
    cache: BuildCache

    def __call__(
        self, output: Log, manifest: ModuleManifest, work: Callable[[Builder], _Result]
    ) -> _Result:
        """What `work` gives with the builder.

        Each is imported here: most pushes of a publish tag that is wrong never need one.
        """
        config, log = self.config, output
        if config.builder.use == "docker":
            return _build_in_engine(config, log, manifest, work)
        layers = open_layers_builder(config, self.cache, log)
        from mlreef_hooks.builders.choice import build_by_choice

        if config.builder.use == "layers":
            return build_by_choice(work, layers, None, log)
        return build_by_choice(
            work, layers, lambda: _build_in_engine(config, log, manifest, work), log
        )


def _build_in_engine(
    config: Config, log: Log, manifest: ModuleManifest, work: Callable[[Builder], _Result]
) -> _Result:
    """What `work` gives with the builder that needs an engine."""
    base, required = config.base[manifest.base], manifest.requirements_files
    open_docker = partial(_open_docker_builder, config, log)
    return open_pool(config, log).do(
        lambda engine: work(open_docker(engine)),
        lambda engine: open_docker(engine).readiness(base, required),
    )


def _open_docker_builder(config: Config, log: Log, engine: "Engine") -> "DockerBuilder":
    from mlreef_hooks.builders.docker_engine import DockerBuilder

    return DockerBuilder(
        engine=engine,
        settings=config.builder.docker,
        pip=config.pip,
        registry=config.registry,
        locks=config.state_folder.locks,
        log=log,
    )


def open_pool(config: Config, log: Log) -> EnginePool:
    """The container engines of the site."""
    settings = config.builder.docker
    return EnginePool(
        addresses=settings.addresses,
        open_engine=lambda address: open_engine(settings, address, settings.build_seconds + 60),
        slots=settings.builds_per_engine,
        locks=config.state_folder.locks,
        say=log,
    )


def open_engine(settings: DockerEngine, address: str, timeout: float) -> "Engine":
    """One of the engines of the site; the SDK is loaded here."""
    from mlreef_hooks.engine import Engine

    return Engine(address, timeout=timeout, tls=settings.tls)


def open_layers_builder(config: Config, build_cache: BuildCache, log: Log) -> "LayersBuilder":
    """The builder that needs no engine."""
    from mlreef_hooks.builders.layers import LayersBuilder
    from mlreef_hooks.builders.wheel_layers import WheelInstaller
    from mlreef_hooks.oci_layout import OciLayouts

    layouts = OciLayouts(config.images_path)
    state = config.state_folder
    installer = WheelInstaller(
        layouts=layouts, cache=build_cache, pip=config.pip, folder=state.wheels,
        built=state.built, room=config.limits.image_bytes, log=log,
    )  # fmt: skip
    start, deliverers = _ways_out(config, build_cache, layouts, log)
    builds = config.builder.use == "auto"
    return LayersBuilder(
        layouts=layouts,
        bases=open_bases(config, layouts, log),
        cache=build_cache,
        installer=installer,
        pip=config.pip,
        prefixes=config.registry.prefixes,
        locks=state.locks,
        locked=state.locked,
        packages=state.packages,
        open_sources=partial(open_sources, config, layouts, log) if builds else None,
        when=config.builder.layers.start,
        start=start,
        deliverers=deliverers,
        log=log,
    )


def open_sources(config: Config, layouts: "OciLayouts", log: Log) -> "SourceWheels":
    """What builds wheels of requirements that have none."""
    from mlreef_hooks.builders.source_wheels import SourceWheels

    return SourceWheels(
        pool=open_pool(config, log),
        settings=config.builder.docker,
        pip=config.pip,
        layouts=layouts,
        folder=config.state_folder.built,
        locks=config.state_folder.locks,
        log=log,
    )


def open_bases(config: Config, layouts: "OciLayouts", log: Log) -> "BaseImages":
    """The base images of the site."""
    from mlreef_hooks.bases import BaseImages
    from mlreef_hooks.wheels.bytecode import find_compiler

    def sources() -> "Sequence[BaseSource]":
        from mlreef_hooks.base_sources import EngineSource, RegistrySource

        pool = open_pool(config, log)
        engines = [partial(pool.reach, address) for address in pool.addresses]
        registry = RegistrySource(open_registry=partial(open_registry, config))
        return (*(EngineSource(open_engine=each) for each in engines), registry)

    return BaseImages(
        layouts=layouts,
        sources=sources,
        facts=config.state_folder.bases,
        locks=config.state_folder.locks,
        can_compile=lambda python: find_compiler(python) is not None,
        say=log,
    )


def open_registry(config: Config, host: str, *, anonymous: bool = False) -> "Registry":
    """A connection to a registry, with the site's credentials unless it is `anonymous`."""
    from mlreef_hooks.registry import Registry

    settings = config.registry
    docker_config = Path(settings.docker_config) if settings.docker_config else None
    return Registry(
        host, docker_config=docker_config, ca_bundle=settings.ca_bundle, anonymous=anonymous
    )


def _ways_out(
    config: Config, cache: BuildCache, layouts: "OciLayouts", log: Log
) -> tuple["CheckStart", Sequence["Deliver"]]:
    """How an image is started, and where it goes besides its layout."""

    def images() -> "EngineImages":
        from mlreef_hooks.builders.into_engine import EngineImages  # most pushes need no engine

        return EngineImages(
            layouts=layouts, pool=open_pool(config, log), settings=config.builder.docker,
            bases=config.base, log=log,
        )  # fmt: skip

    def start(image: "StoredImage", manifest: ModuleManifest) -> bool:
        return images().check_start(image, manifest)

    if not config.registry.remote:
        return start, [lambda image: images().deliver(image)]
    from mlreef_hooks.builders.into_registry import RegistryDelivery

    open_own = partial(open_registry, config, config.registry.host)
    to_registry = RegistryDelivery(layouts=layouts, cache=cache, open_registry=open_own)
    return start, [to_registry]

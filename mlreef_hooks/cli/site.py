"""Chooses server, builder and index by the configuration, and opens the way to the pusher."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlreef_hooks import report
from mlreef_hooks.account import become_owner_of
from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.config import Config
from mlreef_hooks.image import Builder
from mlreef_hooks.index import Document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.servers.table import SERVERS
from mlreef_hooks.site import Site
from mlreef_hooks.ssh_signature import sign

if TYPE_CHECKING:
    from mlreef_hooks.bases import BaseImages, BaseSource
    from mlreef_hooks.builders.docker_engine import DockerBuilder
    from mlreef_hooks.builders.layers import LayersBuilder
    from mlreef_hooks.builders.source_wheels import SourceWheels
    from mlreef_hooks.builders.stored_image import CheckStart, Deliver
    from mlreef_hooks.engine import Engine
    from mlreef_hooks.oci import Artifact
    from mlreef_hooks.oci_layout import OciLayouts
    from mlreef_hooks.registry import Registry

Log = Callable[[str], None]
FindEngine = Callable[[], "Engine | None"]


class GitHookOutput:
    """Lines to git's side band, each flushed. A reader that is gone is no reason to stop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def say(self, line: str) -> None:
        """Write one line; nothing any more once the pusher is gone."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, f"{line}\n".encode(errors="replace"))
        except OSError:
            self._descriptor = None


def open_site(config: Config, say: Callable[[str], None]) -> Site:
    """The site that the configuration describes."""
    user = os.getuid()
    become_owner_of(config.state_path)
    cache = BuildCache(config.state_path / "cache.sqlite")
    attaches = config.provenance.attach and config.registry.remote
    return Site(
        config=config,
        server=SERVERS["plain"](config, user),
        jobs=Jobs(config.state_path / "jobs.sqlite", time.time),
        index=IndexFiles(config.index_path),
        cache=cache,
        builder=lambda job_id: open_builder(config, cache, _job_log(config, say, job_id)),
        say=say,
        clock=lambda: datetime.now(UTC),
        sign=partial(sign, Path(config.provenance.key)) if config.provenance.key else None,
        attach=partial(_attach, config) if attaches else None,
    )


def _attach(config: Config, image: Document, artifacts: "Sequence[Artifact]") -> None:
    """Send what is said of an image to its registry."""
    from mlreef_hooks.registry_referrers import attach

    host = config.registry.prefix.partition("/")[0]
    registry = partial(open_registry, config, host)
    attach(registry, image["reference"], image["digest"], artifacts)


def _job_log(config: Config, say: Callable[[str], None], job_id: int) -> Log:
    from mlreef_hooks.job_log import JobLog

    path = config.state_path / "logs" / f"job-{job_id}.log"
    return JobLog(path, lambda line: say(report.step("build", line)))


def open_builder(config: Config, cache: BuildCache, log: Log) -> Builder:
    """The builder that the configuration wants.

    Each is imported here: most pushes of a publish tag that is wrong never need one.
    """
    if config.builder.use == "docker":
        return open_docker_builder(config, log)
    layers = open_layers_builder(config, cache, log)
    from mlreef_hooks.builders.choice import ChoosingBuilder

    alone = config.builder.use == "layers"
    return ChoosingBuilder(layers, None if alone else lambda: open_docker_builder(config, log), log)


def open_docker_builder(config: Config, log: Log) -> "DockerBuilder":
    """The builder that needs an engine."""
    from mlreef_hooks.builders.docker_engine import DockerBuilder
    from mlreef_hooks.engine import Engine

    settings = config.builder.docker
    return DockerBuilder(
        engine=Engine(settings.url, timeout=settings.build_seconds + 60),
        settings=settings,
        pip=config.pip,
        registry=config.registry,
        locks=config.state_path / "locks",
        log=log,
    )


def open_layers_builder(config: Config, build_cache: BuildCache, log: Log) -> "LayersBuilder":
    """The builder that needs no engine."""
    from mlreef_hooks.builders.layers import LayersBuilder
    from mlreef_hooks.builders.wheel_layers import WheelInstaller
    from mlreef_hooks.oci_layout import OciLayouts

    layouts = OciLayouts(config.images_path)
    state = config.state_path
    installer = WheelInstaller(
        layouts=layouts, cache=build_cache, pip=config.pip, folder=state / "wheels",
        built=state / "built", log=log,
    )  # fmt: skip
    engine = cache(lambda: find_engine(config))
    start, deliverers = _ways_out(config, build_cache, layouts, engine, log)
    builds = config.builder.use == "auto"
    return LayersBuilder(
        layouts=layouts,
        bases=open_bases(config, layouts, engine, log),
        cache=build_cache,
        installer=installer,
        pip=config.pip,
        prefix=config.registry.prefix,
        locks=state / "locks",
        locked=state / "locked",
        packages=state / "packages",
        open_sources=partial(open_sources, config, layouts, log) if builds else None,
        when=config.builder.layers.start,
        start=start,
        deliverers=deliverers,
        log=log,
    )


def open_sources(config: Config, layouts: "OciLayouts", log: Log) -> "SourceWheels":
    """What builds wheels of requirements that have none."""
    from mlreef_hooks.builders.source_wheels import SourceWheels
    from mlreef_hooks.engine import Engine

    settings = config.builder.docker
    return SourceWheels(
        open_engine=partial(Engine, settings.url, timeout=settings.build_seconds + 60),
        settings=settings,
        pip=config.pip,
        layouts=layouts,
        folder=config.state_path / "built",
        locks=config.state_path / "locks",
        log=log,
    )


def open_bases(config: Config, layouts: "OciLayouts", engine: FindEngine, log: Log) -> "BaseImages":
    """The base images of the site."""
    from mlreef_hooks.bases import BaseImages
    from mlreef_hooks.wheels.bytecode import find_compiler

    def sources() -> "Sequence[BaseSource]":
        from mlreef_hooks.base_sources import EngineSource, RegistrySource

        registry = RegistrySource(open_registry=partial(open_registry, config))
        return (EngineSource(open_engine=engine), registry)

    return BaseImages(
        layouts=layouts,
        sources=sources,
        facts=config.state_path / "bases",
        locks=config.state_path / "locks",
        can_compile=lambda python: find_compiler(python) is not None,
        say=log,
    )


def open_registry(config: Config, host: str) -> "Registry":
    """A connection to a registry, with the site's credentials."""
    from mlreef_hooks.registry import Registry

    settings = config.registry
    docker_config = Path(settings.docker_config) if settings.docker_config else None
    return Registry(host, docker_config=docker_config, ca_bundle=settings.ca_bundle)


def find_engine(config: Config) -> "Engine | None":
    """The container engine of the configuration, None where none answers."""
    url = config.builder.docker.url
    socket = url.removeprefix("unix://")
    if socket != url and not os.access(socket, os.R_OK | os.W_OK):
        return None
    from mlreef_hooks.engine import Engine
    from mlreef_hooks.errors import PublishError

    try:
        return Engine(url, timeout=config.builder.docker.build_seconds + 60)
    except PublishError:
        return None


def _ways_out(
    config: Config,
    cache: BuildCache,
    layouts: "OciLayouts",
    find: FindEngine,
    log: Log,
) -> tuple["CheckStart", Sequence["Deliver"]]:
    """How an image is started, and where it goes besides its layout."""
    from mlreef_hooks.builders.into_registry import RegistryDelivery

    remote = config.registry.remote
    host = config.registry.prefix.partition("/")[0]
    to_registry = RegistryDelivery(
        layouts=layouts, cache=cache, open_registry=lambda: open_registry(config, host)
    )
    engine = find() if config.builder.layers.start != "never" or not remote else None
    if engine is None:
        return (lambda image, manifest: False), ([to_registry] if remote else [])
    from mlreef_hooks.builders.into_engine import EngineImages
    from mlreef_hooks.builders.start_check import StartCheck

    check = StartCheck(engine=engine, settings=config.builder.docker, log=log)
    images = EngineImages(layouts=layouts, engine=engine, check=check)
    return images.check_start, ([to_registry] if remote else [images.deliver])

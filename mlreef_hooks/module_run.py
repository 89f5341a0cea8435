"""One run of a published module: its image by digest, the folders, the bounds."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlreef_hooks.bases import read_image
from mlreef_hooks.builders.into_engine import load_image
from mlreef_hooks.config_images import DockerEngine, Registry
from mlreef_hooks.container import Run, bind_source
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import MANIFEST, Descriptor
from mlreef_hooks.oci_layout import OciLayouts

INPUT, OUTPUT = "/input", "/output"
_SILENCE = 600  # seconds; of the engine, not of the module, which may compute in silence for days


@dataclass(frozen=True, kw_only=True)
class ModuleRun:
    """What to run: a version of the index, and the folders."""

    version: Mapping[str, Any]
    input_path: Path | None
    output_path: Path | None

    def container_paths(self) -> dict[str, str]:
        """What `input-path` and `output-path` are inside the container."""
        inside = {"input-path": (self.input_path, INPUT), "output-path": (self.output_path, OUTPUT)}
        return {name: path for name, (given, path) in inside.items() if given is not None}

    def binds(self) -> dict[str, tuple[str, str]]:
        """What is mounted where; the output folder is made where there is none."""
        binds: dict[str, tuple[str, str]] = {}
        if self.input_path is not None:
            binds[bind_source(self.input_path)] = (INPUT, "ro")
        if self.output_path is not None:
            _make_folder(self.output_path)
            target = bind_source(self.output_path)
            if target in binds:
                raise PublishError("input and output are the same folder", "name two folders")
            binds[target] = (OUTPUT, "rw")
        return binds


def run_module(
    wanted: ModuleRun,
    arguments: Sequence[str],
    settings: DockerEngine,
    layouts: OciLayouts,
    on_output: Callable[[str, bytes], None],
) -> int:
    """Run the module and return its exit status; its output goes to `on_output` as it comes.

    `layouts` are the images of this server, where there are any.
    """
    memory = wanted.version["resources"].get("memory")
    engine = _reach(settings)
    try:
        image = _find_image(engine, wanted.version["image"], layouts)
        run = Run(
            image=image,
            command=arguments,
            binds=wanted.binds(),  # no folder is made for what cannot run
            user=f"{os.getuid()}:{os.getgid()}",
            memory=memory,
            processes=settings.processes,
            gpu=wanted.version["resources"]["gpu"],
        )
        ended = engine.run(run, on_output)
    finally:
        engine.close()
    if ended.status and ended.out_of_memory:
        said = f"the module needed more than {memory} of memory"
        raise PublishError(said, "ask its author to raise [module.resources] memory")
    return ended.status


def _reach(settings: DockerEngine) -> Engine:
    """The first engine that answers, one of this machine before others, for the folders are here.

    PublishError where none does.
    """
    *others, last = sorted(settings.addresses, key=lambda each: not each.startswith("unix:"))
    for address in others:
        with suppress(PublishError):
            return Engine(address, timeout=_SILENCE, tls=settings.tls)
    return Engine(last, timeout=_SILENCE, tls=settings.tls)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PublishError(
            f"the output folder {path} cannot be made: {error.strerror}", "name another folder"
        ) from error


def _find_image(engine: Engine, image: Mapping[str, str], layouts: OciLayouts) -> str:
    """The engine's name for exactly this image; brought there from disk or from its registry."""
    repository = image["reference"].rpartition(":")[0]
    exactly = f"{repository}@{image['digest']}"
    for name in (exactly, image["digest"], image.get("id", exactly)):
        if engine.image(name):
            return name
    size = layouts.size_of(image["digest"])
    if size is not None:
        manifest = Descriptor(media_type=MANIFEST, digest=image["digest"], size=size)
        stored = read_image(layouts, manifest)
        load_image(engine, layouts, stored, image["reference"])
        return stored.config.digest
    if not Registry(prefix=repository).remote:
        raise PublishError(
            f"the engine at {engine.url} does not have {image['reference']}",
            "run it on the server, or publish into a registry ([registry] prefix)",
        )
    engine.pull(exactly)
    return exactly

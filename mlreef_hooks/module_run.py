"""One run of a published module: its image by digest, the folders, the bounds."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlreef_hooks.config import DockerEngine
from mlreef_hooks.engine import Engine, Run, bind_source
from mlreef_hooks.errors import PublishError

INPUT, OUTPUT = "/input", "/output"


@dataclass(frozen=True, kw_only=True)
class ModuleRun:
    """What to run: a version of the index, the folders, and arguments that nobody checks."""

    version: Mapping[str, Any]
    input_path: Path | None
    output_path: Path | None
    raw: Sequence[str]

    def container_paths(self) -> dict[str, str]:
        """What `input-path` and `output-path` are inside the container."""
        inside = {"input-path": (self.input_path, INPUT), "output-path": (self.output_path, OUTPUT)}
        return {name: path for name, (given, path) in inside.items() if given is not None}

    def binds(self) -> dict[str, tuple[str, str]]:
        """What is mounted where; the output folder is made where there is none."""
        binds: dict[str, tuple[str, str]] = {}
        if self.output_path is not None:
            self.output_path.mkdir(parents=True, exist_ok=True)
            binds[bind_source(self.output_path)] = (OUTPUT, "rw")
        if self.input_path is not None:
            source = bind_source(self.input_path)
            if source in binds:
                raise PublishError("input and output are the same folder", "name two folders")
            binds[source] = (INPUT, "ro")
        return binds


def run_module(
    wanted: ModuleRun,
    arguments: Sequence[str],
    settings: DockerEngine,
    on_output: Callable[[str, bytes], None],
) -> int:
    """Run the module and return its exit status; its output goes to `on_output` as it comes."""
    binds = wanted.binds()
    resources = wanted.version["resources"]
    # A module may compute in silence for as long as it likes: the longest silence is a day.
    engine = Engine(settings.url, timeout=86_400)
    try:
        run = Run(
            image=_find_image(engine, wanted.version["image"]),
            command=arguments,
            binds=binds,
            user=f"{os.getuid()}:{os.getgid()}",
            memory=resources.get("memory"),
            processes=settings.processes,
            gpu=resources["gpu"],
        )
        ended = engine.run(run, on_output)
    finally:
        engine.close()
    if ended.out_of_memory:
        raise PublishError(
            f"the module needed more than {run.memory} of memory",
            "ask its author to raise [module.resources] memory",
        )
    return ended.status


def _find_image(engine: Engine, image: Mapping[str, str]) -> str:
    """The engine's name for exactly this image; fetched where it is not there."""
    repository = image["reference"].rpartition(":")[0]
    for name in (f"{repository}@{image['digest']}", image["digest"]):
        if engine.image(name):
            return name
    host = repository.partition("/")[0]
    if "." in host or ":" in host or host == "localhost":
        engine.pull(f"{repository}@{image['digest']}")
        return f"{repository}@{image['digest']}"
    raise PublishError(
        f"the engine at {engine.url} does not have {image['reference']}",
        "run it on the server, or publish into a registry ([registry] prefix)",
    )

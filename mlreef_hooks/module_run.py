"""One run of a published module: its image by digest, the folders, the bounds."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlreef_hooks.bases import read_image
from mlreef_hooks.builders.into_engine import load_image
from mlreef_hooks.command_line import write_arguments
from mlreef_hooks.config_images import DockerEngine, Registry
from mlreef_hooks.container import Run, bind_source
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.file_hashes import Input
from mlreef_hooks.image_name import ImageName
from mlreef_hooks.image_progress import PullProgress, Report
from mlreef_hooks.manifest import PARAMETER_NAME
from mlreef_hooks.oci import MANIFEST, Descriptor
from mlreef_hooks.oci_layout import OciLayouts

INPUT, OUTPUT = "/input", "/output"
_SILENCE = 600  # seconds; of the engine, not of the module, which may compute in silence for days


@dataclass(frozen=True, kw_only=True)
class ModuleRun:
    """What to run: a version of a module as the index has it, the folders, the checked `values`.

    Several inputs are seen below `/input` by their names. `raw` words go to the module as they are.
    """

    version: Mapping[str, Any]
    input_path: Input | None
    output_path: Path | None
    values: Mapping[str, Any] = field(default_factory=dict)
    raw: Sequence[str] = ()

    def container_paths(self) -> dict[str, str]:
        """What `input-path` and `output-path` are inside the container."""
        return container_paths(self.input_path, self.output_path)

    def arguments(self) -> list[str]:
        """The words after the module's command."""
        return write_arguments(self.version["parameters"], self.values, self.raw)

    def check_folders(self) -> None:
        """PublishError where the inputs are not there, or a folder is given twice."""
        folders = [bind_source(path) for path in self._inputs().values()]
        if len(set(folders)) < len(folders):
            raise PublishError("two inputs are the same folder", "name two folders")
        if self.output_path is not None and str(self.output_path.resolve()) in folders:
            raise PublishError("input and output are the same folder", "name two folders")

    def binds(self) -> dict[str, tuple[str, str]]:
        """What is mounted where; the output folder is made where there is none."""
        binds = {bind_source(path): (place, "ro") for place, path in self._inputs().items()}
        if self.output_path is not None:
            _make_folder(self.output_path)
            binds[bind_source(self.output_path)] = (OUTPUT, "rw")
        return binds

    def _inputs(self) -> Mapping[str, Path]:
        if self.input_path is None or isinstance(self.input_path, Path):
            return {} if self.input_path is None else {INPUT: self.input_path}
        for name in self.input_path:
            if not PARAMETER_NAME.fullmatch(name):
                raise PublishError(f"{name!a} is no name of an input", "use letters, digits, _, -")
        return {f"{INPUT}/{name}": path for name, path in self.input_path.items()}


def container_paths(input_path: Input | None, output_path: Path | None) -> dict[str, str]:
    """What `input-path` and `output-path` are inside the container, where they are given."""
    inside = {"input-path": (input_path, INPUT), "output-path": (output_path, OUTPUT)}
    return {name: path for name, (given, path) in inside.items() if given is not None}


def run_module(
    wanted: ModuleRun,
    engine: Engine,
    layouts: OciLayouts,
    processes: int,
    on_output: Callable[[str, bytes], None],
    report: Report,
) -> int:
    """Run the module in the engine and return its exit status; its output goes to `on_output` as
    it comes.

    `layouts` are the images of this server, where there are any; `report` is told how far the
    engine has got with an image that it lacks; `processes` is the most that the module may have.
    """
    memory, gpu = wanted.version["resources"].get("memory"), wanted.version["resources"]["gpu"]
    image = _find_image(engine, wanted.version["image"], layouts, report)
    run = Run(
        image=image,
        command=wanted.arguments(),
        binds=wanted.binds(),  # no folder is made for what cannot run
        user=f"{os.getuid()}:{os.getgid()}",
        memory=memory,
        processes=processes,
        gpu=gpu,
    )
    with _gpu_named(engine, gpu=gpu):
        ended = engine.run(run, on_output)
    if ended.status and ended.out_of_memory:
        said = f"the module needed more than {memory} of memory"
        raise PublishError(said, "ask its author to raise [module.resources] memory")
    return ended.status


@contextmanager
def _gpu_named(engine: Engine, *, gpu: bool) -> Iterator[None]:
    """Say what it means that an engine has no driver for the devices that are asked for."""
    try:
        yield
    except PublishError as error:
        if not gpu or "device driver" not in error.message:
            raise
        raise PublishError(
            f"the module needs a GPU, and the engine at {engine.url} has none that it can give",
            "run it by an engine with one and the NVIDIA Container Toolkit (builder.docker.url)",
        ) from error


def reach_engine(settings: DockerEngine) -> Engine:
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


def _find_image(
    engine: Engine, image: Mapping[str, str], layouts: OciLayouts, report: Report
) -> str:
    """The engine's name for exactly this image; brought there from disk or from its registry."""
    repository = image["reference"].rpartition(":")[0]
    exactly = f"{repository}@{image['digest']}"
    ImageName.parse(exactly)  # it becomes a part of addresses
    for name in (exactly, image["digest"], image.get("id", exactly)):
        if engine.image(name):
            return name
    size = layouts.size_of(image["digest"])
    if size is not None:
        manifest = Descriptor(media_type=MANIFEST, digest=image["digest"], size=size)
        stored = read_image(layouts, manifest)
        load_image(engine, layouts, stored, image["reference"], report=report)
        return stored.config.digest
    if not Registry(prefix=repository).remote:
        raise PublishError(
            f"the engine at {engine.url} does not have {image['reference']}",
            "run it on the server, or publish into a registry ([registry] prefix)",
        )
    engine.pull(exactly, PullProgress(report))
    return exactly

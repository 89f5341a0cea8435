"""`run --pipeline`: everything is checked, then the steps run one after the other."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlreef_hooks.cli.configuration import load_config, user_caches
from mlreef_hooks.cli.running import ImageBar, end_with_the_run, open_runner, write_beside
from mlreef_hooks.cli.user import find_in, open_index
from mlreef_hooks.errors import PublishError
from mlreef_hooks.pipeline import Findings
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import did_you_mean

if TYPE_CHECKING:
    from mlreef_hooks.pipeline_check import ResolvedPipeline, ResolvedStep
    from mlreef_hooks.pipeline_run import PipelineRun


@dataclass(frozen=True, kw_only=True)
class PipelineWishes:
    """What stands on the command line beside the pipeline's file."""

    inputs: tuple[str, ...]
    output_path: Path | None
    index: str | None
    cache: Path | None
    runs: Path | None
    quiet: bool


def read_file(config_file: str | None, path: Path, index: str | None) -> "ResolvedPipeline":
    """The pipeline in a file, checked; findings go to standard error, PublishError for errors."""
    from mlreef_hooks.pipeline_check import resolve_pipeline
    from mlreef_hooks.pipeline_toml import BYTES, read_pipeline

    try:
        with path.open("rb") as opened:
            content = opened.read(BYTES + 1)
    except OSError as error:
        raise PublishError(f"{path} cannot be read: {error.strerror}", "name a file") from None
    findings = Findings(str(path))
    try:
        file = read_pipeline(content, findings)
        find = partial(find_in, open_index(load_config(config_file), index))
        resolved = resolve_pipeline(file, find, findings) if file else None
    finally:
        for finding in findings:
            click.echo(str(finding), err=True)
    findings.refuse()
    if resolved is None:
        raise PublishError(f"{path} is no pipeline", "see docs/pipelines.md")
    return resolved


def run_pipeline(config_file: str | None, path: Path, wishes: PipelineWishes) -> int:
    """Run a pipeline and return 0, or the exit status of the step that failed."""
    from mlreef_hooks.pipeline_outputs import Outputs

    pipeline = read_file(config_file, path, wishes.index)
    inputs = read_inputs(pipeline.inputs, wishes.inputs)
    if wishes.output_path is None:
        raise PublishError("the outputs have no place", "give --output DIR")
    _keep_apart(inputs, wishes.output_path)
    outputs = Outputs(wishes.output_path, pipeline.outputs)
    outputs.prepare()
    end_with_the_run()
    bar = ImageBar(sys.stderr, quiet=wishes.quiet)
    run = _open_run(config_file, pipeline, inputs, wishes, bar)
    record = run.begin(str(path))
    try:
        folders = run.follow(record)
        if record.error is None:
            outputs.place(folders)
    finally:
        bar.clear()
        outputs.write_record(record.to_json())
    if record.error:
        click.echo(f"error: {plain(record.error)}", err=True)
    return record.status


def _open_run(
    config_file: str | None,
    pipeline: "ResolvedPipeline",
    inputs: Mapping[str, Path],
    wishes: PipelineWishes,
    bar: ImageBar,
) -> "PipelineRun":
    from mlreef_hooks.pipeline_run import PipelineRun
    from mlreef_hooks.step_cache import StepCache

    return PipelineRun(
        pipeline=pipeline,
        inputs=inputs,
        runner=open_runner(load_config(config_file), wishes.runs, partial(write_beside, bar), bar),
        cache=StepCache(wishes.cache or user_caches() / "pipelines"),
        tell=_tell,
    )


def read_inputs(wanted: Mapping[str, str], pairs: Sequence[str]) -> dict[str, Path]:
    """The folders or files of the inputs, written `NAME=PATH`; a single input needs no name.

    PublishError that lists everything that is wrong.
    """
    found: dict[str, Path] = {}
    faults: list[str] = []
    for pair in pairs:
        name, equals, place = pair.partition("=")
        if len(wanted) == 1 and not (equals and name in wanted):
            (name,), place = wanted, pair
        if name not in wanted:
            hint = did_you_mean(name, list(wanted)) if wanted else "the pipeline takes none"
            faults.append(f"{name}: no such input, {hint}" if equals else f"{pair}: write name=DIR")
        elif name in found:
            faults.append(f"{name}: given twice")
        elif not place or not Path(place).exists():
            faults.append(f"{place} does not exist")
        found.setdefault(name, Path(place))
    faults += [f"the input {name} is missing" for name in wanted if name not in found]
    if faults:
        options = " ".join(f"--input {name}=DIR" for name in wanted)
        raise PublishError("; ".join(faults), f"write {options or 'no --input'}")
    return found


def _keep_apart(inputs: Mapping[str, Path], output: Path) -> None:
    """PublishError where what is written would change what is read, or lie among it."""
    for name, path in inputs.items():
        one, other = output.resolve(), path.resolve()
        if one.is_relative_to(other) or other.is_relative_to(one):
            raise PublishError(
                f"the input {name} and the output folder are one in the other",
                "name another folder",
            )


def _tell(step: "ResolvedStep", reused: bool) -> None:
    what = "not run again: nothing changed" if reused else "runs"
    click.echo(plain(f"step {step.name} ({step.module}) {what}"), err=True)

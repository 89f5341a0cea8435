"""The command that runs a module."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from mlreef_hooks.cli.completion import modules
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.options import index_option
from mlreef_hooks.cli.running import (
    ImageBar,
    end_with_the_run,
    open_runner,
    runs_option,
    write_beside,
)
from mlreef_hooks.cli.user import find_in, open_index
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, deprecation
from mlreef_hooks.plain_text import plain
from mlreef_hooks.run_record import RunRecord
from mlreef_hooks.run_store import check_record_place, write_record
from mlreef_hooks.run_values import parse_parameters, read_values

_MOST_PARAMETERS = 1 << 20  # bytes of a file of parameters


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What stands on the command line beside the module."""

    input_path: Path | None
    output_path: Path | None
    pairs: tuple[str, ...]
    parameters: Path | None
    raw: tuple[str, ...]
    record: Path | None
    runs: Path | None
    quiet: bool


@click.command("run")
@click.argument(
    "module", metavar="NAMESPACE/NAME[@VERSION]", required=False, shell_complete=modules
)
@click.option(
    "--pipeline", type=click.Path(dir_okay=False, path_type=Path),
    help="Run a pipeline's file in place of a module.",
)  # fmt: skip
@click.option(
    "--input", "inputs", multiple=True, metavar="PATH",
    help="The input folder or file; NAME=PATH for an input of a pipeline.",
)  # fmt: skip
@click.option("--output", "output_path", type=click.Path(path_type=Path), help="The output folder.")
@click.option(
    "-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter."
)
@click.option(
    "--parameters", type=click.Path(dir_okay=False, path_type=Path),
    help="A JSON or TOML file of parameters; those of -p come before it.",
)  # fmt: skip
@click.argument("raw", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENT...]")
@click.option(
    "--record", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the record of the run to this file too.",
)  # fmt: skip
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path),
    help="Where a pipeline keeps what its steps made (default: the user's own).",
)  # fmt: skip
@runs_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@index_option
@click.pass_obj
def run(config_file: str | None, /, pipeline: Path | None, index: str | None, **words: Any) -> int:
    """Run a module in its image, without network, on a read-only root, as you.

    The exit status is the module's. What stands after -- is handed to the module as it is.
    """
    if pipeline:
        return _run_pipeline(config_file, pipeline, index, words)
    return _run_module(config_file, index=index, **words)


def _run_pipeline(
    config_file: str | None, pipeline: Path, index: str | None, words: Mapping[str, Any]
) -> int:
    from mlreef_hooks.cli.pipeline import PipelineWishes, run_pipeline

    if any(words[name] for name in ("module", "pairs", "parameters", "raw", "record")):
        raise click.UsageError("a pipeline's file says all: beside it --input, --output, --cache")
    names = ("inputs", "output_path", "cache", "runs", "quiet")
    wishes = PipelineWishes(index=index, **{name: words[name] for name in names})
    return run_pipeline(config_file, pipeline, wishes)


def _run_module(
    config_file: str | None,
    *,
    module: str | None,
    index: str | None,
    inputs: tuple[str, ...],
    cache: Path | None,
    **words: Any,
) -> int:
    if module is None or cache or len(inputs) > 1:
        raise click.UsageError("name one module with one --input, or a --pipeline")
    wishes = Wishes(input_path=Path(inputs[0]) if inputs else None, **words)
    config = load_config(config_file)
    document, version = find_in(open_index(config, index), module)
    _warn(module, document, version)
    record = _run_version(config, document, version, wishes)
    _tell(record)
    return int(record.status or 0)


def _run_version(
    config: Config, document: Document, version: Document, wishes: Wishes
) -> RunRecord:
    values = _read_values(version, wishes)
    if wishes.record:
        check_record_place(wishes.record, wishes.output_path)
    end_with_the_run()
    bar = ImageBar(sys.stderr, quiet=wishes.quiet)
    runner = open_runner(config, wishes.runs, partial(write_beside, bar), bar)
    if wishes.record:
        runner = replace(runner, on_record=partial(_copy, wishes.record))
    try:
        return runner.run(
            document, version, values, input_path=wishes.input_path,
            output_path=wishes.output_path, raw=wishes.raw,
        )  # fmt: skip
    finally:
        bar.clear()


def _read_values(version: Document, wishes: Wishes) -> dict[str, Any]:
    from mlreef_hooks.module_run import container_paths

    paths = container_paths(wishes.input_path, wishes.output_path)
    given = _read_parameters(wishes.parameters) if wishes.parameters else {}
    return read_values(
        version["parameters"], paths, pairs=wishes.pairs, given=given, raw=wishes.raw
    )


def _read_parameters(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_PARAMETERS + 1)
    except OSError as error:
        raise PublishError(f"{path} cannot be read: {error.strerror}", "name a file") from None
    if len(content) > _MOST_PARAMETERS:
        raise PublishError(f"{path} is too large for parameters", "name a file of parameters")
    return parse_parameters(content, str(path))


def _copy(path: Path, record: RunRecord) -> None:
    try:
        write_record(path, record)
    except OSError as error:
        raise PublishError(
            f"{path} cannot be written: {error.strerror}", "name another file with --record"
        ) from error


def _tell(record: RunRecord) -> None:
    """Say what of a run that went well is not as it should be."""
    if record.error:
        click.echo(plain(f"warning: {record.error}"), err=True)
    if record.succeeded and record.metrics_missing:
        names = ", ".join(record.metrics_missing)
        said = f"warning: metrics.json says nothing of {names}, which the module's code names"
        click.echo(plain(said), err=True)


def _warn(module: str, document: Document, version: Document) -> None:
    reason = deprecation(document, version)
    if version.get("yanked"):
        click.echo(plain(f"warning: {module} is yanked: {version['yank_reason']}"), err=True)
    if reason:
        click.echo(plain(f"warning: {module} is deprecated: {reason}"), err=True)

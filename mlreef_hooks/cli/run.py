"""The command that runs a module."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.user import find_in, index_option, open_index
from mlreef_hooks.command_line import complete_values, parse_values, write_arguments
from mlreef_hooks.config import Config
from mlreef_hooks.config_images import DockerEngine
from mlreef_hooks.index import Document, deprecation
from mlreef_hooks.plain_text import plain


def _engine(config: Config) -> DockerEngine:
    """The engine for runs: the configuration's, else the one that docker itself would use."""
    settings, usual = config.builder.docker, os.environ.get("DOCKER_HOST")
    untold = settings.addresses == (DockerEngine.url,)
    return replace(settings, url=usual) if usual and untold else settings


@click.command("run", context_settings={"ignore_unknown_options": False})
@click.argument("module", metavar="NAMESPACE/NAME[@VERSION]")
@click.option(
    "--input", "input_path", type=click.Path(path_type=Path), help="The input folder or file."
)
@click.option("--output", "output_path", type=click.Path(path_type=Path), help="The output folder.")
@click.option(
    "-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter."
)
@click.argument("raw", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENT...]")
@index_option
@click.pass_obj
def run(
    config_file: str | None,
    module: str,
    input_path: Path | None,
    output_path: Path | None,
    pairs: tuple[str, ...],
    raw: tuple[str, ...],
    index: str | None,
) -> int:
    """Run a module in its image, without network, on a read-only root, as you.

    The exit status is the module's. What stands after -- is handed to the module as it is.
    """
    from mlreef_hooks.module_run import ModuleRun, run_module
    from mlreef_hooks.oci_layout import OciLayouts

    config = load_config(config_file)
    document, version = find_in(open_index(config, index), module)
    _warn(module, document, version)
    wanted = ModuleRun(version=version, input_path=input_path, output_path=output_path)
    arguments = _write_arguments(version["parameters"], pairs, wanted.container_paths(), raw)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    layouts = OciLayouts(config.images_path)
    return run_module(wanted, arguments, _engine(config), layouts, _write_through)


def _warn(module: str, document: Document, version: Document) -> None:
    reason = deprecation(document, version)
    if version.get("yanked"):
        click.echo(plain(f"warning: {module} is yanked: {version['yank_reason']}"), err=True)
    if reason:
        click.echo(plain(f"warning: {module} is deprecated: {reason}"), err=True)


def _write_arguments(
    parameters: Sequence[Document],
    pairs: Sequence[str],
    paths: Mapping[str, str],
    raw: Sequence[str],
) -> list[str]:
    """The words after the module's command; PublishError that lists what is wrong with `pairs`."""
    values = parse_values(parameters, pairs)
    # Raw arguments are the user's own affair: only then may a required parameter be among them.
    complete = _add_paths if raw else complete_values
    return write_arguments(parameters, complete(parameters, values, paths), raw)


def _add_paths(
    parameters: Sequence[Document], values: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, Any]:
    names = {each["name"]: each["name"].replace("_", "-") for each in parameters}
    return {name: paths[word] for name, word in names.items() if word in paths} | dict(values)


def _end(number: int, _frame: object) -> None:
    """End as the signal says, but not before the container is gone."""
    sys.exit(128 + number)


def _write_through(stream: str, chunk: bytes) -> None:
    out: Any = getattr(sys, stream).buffer
    out.write(chunk)
    out.flush()

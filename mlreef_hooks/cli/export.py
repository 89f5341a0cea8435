"""The command that writes modules, pipelines and the index for other programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mlreef_hooks.cli.completion import modules
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.options import index_option
from mlreef_hooks.cli.pipeline import read_file
from mlreef_hooks.cli.user import find_in, open_index
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, named
from mlreef_hooks.manifest import python_name
from mlreef_hooks.plain_text import counted

FORMATS = ("cwl", "gitlab-ci", "trs")


@click.command("export")
@click.argument(
    "module", metavar="NAMESPACE/NAME[@VERSION]", required=False, shell_complete=modules
)
@click.option(
    "--pipeline", type=click.Path(dir_okay=False, path_type=Path),
    help="Write a pipeline's file in place of a module.",
)  # fmt: skip
@click.option(
    "--to", "form", type=click.Choice(FORMATS), required=True, help="The program it is for.",
)  # fmt: skip
@click.option(
    "-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE",
    help="A parameter of the module, where the format holds values.",
)  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), help="The file, or the folder for trs.")
@click.option("--url", default="", help="The address of the output folder, for trs.")
@index_option
@click.pass_obj
def export(
    config_file: str | None, /, module: str | None, pipeline: Path | None, form: str, **words: Any
) -> None:
    """Write a module, a pipeline, or the whole index for another program."""
    if form == "trs":
        if module or pipeline or words["pairs"] or words["output"] is None:
            raise click.UsageError("trs is of the whole index: give --output DIR alone")
        _write_registry(config_file, words["index"], words["output"], words["url"])
        return
    if bool(module) == bool(pipeline) or words["url"]:
        raise click.UsageError("name a module or a --pipeline")
    if pipeline:
        text = _pipeline_text(config_file, pipeline, form, words)
    else:
        text = _module_text(config_file, str(module), form, words)
    _write(text, words["output"])


def _pipeline_text(
    config_file: str | None, pipeline: Path, form: str, words: Mapping[str, Any]
) -> str:
    from mlreef_hooks.exports.table import EXPORTS

    if words["pairs"]:
        raise click.UsageError("the parameters of a pipeline are in its file")
    resolved = read_file(config_file, pipeline, words["index"])
    text = EXPORTS[form].pipeline(resolved)
    for name, version in {step.module: step.version for step in resolved.steps}.items():
        _tell_place(name, version)
    return text


def _module_text(config_file: str | None, module: str, form: str, words: Mapping[str, Any]) -> str:
    from mlreef_hooks.exports.table import EXPORTS
    from mlreef_hooks.manifest import REQUIRED_PATHS
    from mlreef_hooks.run_values import read_values

    document, version = find_in(open_index(load_config(config_file), words["index"]), module)
    if "version" not in version:
        raise PublishError(f"{module} changes with its branch", "name a version")
    chosen, values = EXPORTS[form], {}
    if chosen.takes_values:
        paths = dict.fromkeys(REQUIRED_PATHS, "")
        read = read_values(version["parameters"], paths, pairs=words["pairs"])
        values = {name: value for name, value in read.items() if name not in _names(paths)}
    elif words["pairs"]:
        raise click.UsageError(f"{form} takes the parameters when it is run")
    text = chosen.module(document, version, values)
    _tell_place(named(document, version["version"]), version)
    return text


def _tell_place(name: str, version: Document) -> None:
    """Tell where an image is that no other machine can fetch."""
    from mlreef_hooks.exports.images import registry_name

    if registry_name(version["image"]) is None:
        click.echo(
            f"warning: the image of {name} is in no registry: only an engine that has it runs this",
            err=True,
        )


def _names(paths: Mapping[str, str]) -> set[str]:
    """The paths by either way to write them."""
    return {*paths} | {python_name(name) for name in paths}


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PublishError(
            f"{output} cannot be written: {error.strerror}", "name another file with --output"
        ) from error


def _write_registry(config_file: str | None, place: str | None, output: Path, url: str) -> None:
    from mlreef_hooks.export_files import write_audiences
    from mlreef_hooks.exports.trs import CWLTOOL_ROOT, ROOT, registry_files
    from mlreef_hooks.index_audience import audience_of

    index = open_index(load_config(config_file), place)
    found = (index.find(line["namespace"], line["name"]) for line in index.lines())
    audiences: dict[str, list[Document]] = {}
    for document in filter(None, found):
        audience = audience_of(document["visibility"], document["namespace"])
        audiences.setdefault(audience, []).append(document)
    files = {
        audience: registry_files(documents, audience, url and f"{url.rstrip('/')}/{audience}")
        for audience, documents in audiences.items()
    }
    write_audiences(output, files, (ROOT, CWLTOOL_ROOT))
    tools = sum(map(len, audiences.values()))
    click.echo(f"{counted(tools, 'module')} of {counted(len(files), 'audience')} in {output}")

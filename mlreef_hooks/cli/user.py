"""Commands for pipeline users: find a module, see it."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
from packaging.version import InvalidVersion, Version

from mlreef_hooks.cli.completion import modules
from mlreef_hooks.cli.configuration import load_config, user_caches
from mlreef_hooks.cli.module_page import marks, page_of
from mlreef_hooks.cli.options import form_option, index_option
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, find_version, newest
from mlreef_hooks.index_sources import Reader, open_folder, open_indexes
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import did_you_mean
from mlreef_hooks.push import EDGE
from mlreef_hooks.reader_index import Modules


def open_index(config: Config, place: str | None) -> Modules:
    """The index at `place`, or those that this configuration reads, else the site's own.

    PublishError where there is none.
    """
    own = config.index.read or [str(config.index_path)]
    return open_indexes([place] if place else own, reader_of(config))


def reader_of(config: Config) -> Reader:
    """Who runs this command, as a reader of indexes."""
    return Reader(settings=config.index, caches=user_caches() / "index", warn=_warn)


def _warn(text: str) -> None:
    click.echo(plain(f"warning: {text}"), err=True)


def find_in(index: Modules, module: str, hint: str = "") -> tuple[Document, Document]:
    """The document and the version that `NAMESPACE/NAME[@VERSION]` names.

    PublishError where there is none, with `hint`, or else with the names of modules like it. Only
    a name without its namespace, or a wrong one, is looked up in the listings.
    """
    place, _, wanted = module.partition("@")
    namespace, _, name = place.rpartition("/")
    document = index.find(namespace, name) if namespace else None
    if document is None:
        names = [f"{line['namespace']}/{line['name']}" for line in index.lines()]
        short = [each for each in names if each.rpartition("/")[2] == place]
        namespace, _, name = "".join(short[:1]).rpartition("/")
        document = index.find(namespace, name) if len(short) == 1 else None
    if document is None:
        like = did_you_mean(place, names) if names else "the index is empty"
        raise PublishError(f"there is no module {place}", hint or like)
    return document, _find_version(document, wanted)


def find_module(config: Config, folder: Path | None, module: str) -> tuple[Document, Document]:
    """The document and the version that a name means in the index of a folder, or the site's."""
    return find_in(open_folder(folder or config.index_path), module)


def _find_version(document: Document, wanted: str) -> Document:
    """The version or channel of a module that is wanted; without a wish the newest version."""
    versions, channels = document["versions"], document.get("channels", {})
    if wanted in channels:
        return {**channels[wanted], "channel": wanted}
    if not wanted and not versions:
        hint = f"name its {EDGE}: {document['namespace']}/{document['name']}@{EDGE}"
        raise PublishError(f"{document['name']} has no version yet", hint)
    try:
        version = find_version(document, str(Version(wanted))) if wanted else newest(versions)
    except InvalidVersion:
        version = None
    if version is None:
        known = ", ".join([*(each["version"] for each in versions), *channels])
        raise PublishError(
            f"{document['name']} has no version {wanted}",
            f"{'it has' if channels else 'its versions are'} {known}",
        )
    return version


@click.command("list")
@form_option
@index_option
@click.pass_obj
def list_modules(config_file: str | None, form: str, index: str | None) -> None:
    """List the modules of the index, one line each."""
    lines = open_index(load_config(config_file), index).lines()
    click.echo(listed(lines, form))


def listed(lines: Sequence[Document], form: str) -> str:
    """Listing lines as `text` or `json`."""
    return json.dumps(lines, indent=2) if form == "json" else table_of(lines)


def table_of(lines: Sequence[Document]) -> str:
    """Listing lines for people, a module a line."""
    if not lines:
        return "no modules"
    rows = [
        (
            f"{line['namespace']}/{line['name']}",
            line["version"] + marks(line, line.get("deprecated")),
            line["kind"],
            plain(f"{','.join(line['inputs'])}->{','.join(line['outputs'])}"),
            plain(line["title"]),
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


@click.command("show")
@click.argument("module", metavar="NAMESPACE/NAME[@VERSION]", shell_complete=modules)
@form_option
@index_option
@click.pass_obj
def show(config_file: str | None, module: str, form: str, index: str | None) -> None:
    """Show a module: what it does, its parameters, its versions."""
    document, version = find_in(open_index(load_config(config_file), index), module)
    click.echo(json.dumps(document, indent=2) if form == "json" else page_of(document, version))

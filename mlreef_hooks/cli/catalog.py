"""`catalog`: the site of the modules, one for each audience; made, or brought up to date."""

from pathlib import Path

import click

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_sources import open_folder
from mlreef_hooks.plain_text import counted, plain


@click.command("catalog")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path),
    help="The site's folder (default: the configuration's).",
)  # fmt: skip
@click.option(
    "--index", "index_path", type=click.Path(file_okay=False, path_type=Path),
    help="The index's folder (default: the configuration's).",
)  # fmt: skip
@click.pass_obj
def catalog(config_file: str | None, output: Path | None, index_path: Path | None) -> int:
    """Write the catalogue, a static site for each audience of the index; only what changed."""
    from mlreef_hooks.catalog.update import update_catalog

    config = load_config(config_file)
    if output is None and not config.catalog.path:
        hint = "name one with --output, or as catalog.path"
        raise PublishError("there is no folder for the catalogue", hint)
    folder = output or Path(config.catalog.path)
    try:
        updates = update_catalog(open_folder(index_path or config.index_path), folder)
    except OSError as error:
        hint = "make room, or correct the permissions"
        raise PublishError(f"the catalogue cannot be written: {error}", hint) from error
    for each in updates:
        for fault in each.broken:
            click.echo(plain(f"warning: not shown: {fault}"), err=True)
        made, gone = counted(each.made, "page"), counted(each.gone, "module")
        modules = counted(each.modules, "module")
        click.echo(plain(f"{each.audience}: {modules}, {made} made, {gone} taken out"))
    if not updates:
        click.echo("no modules")
    return int(any(each.broken for each in updates))

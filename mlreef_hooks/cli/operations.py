"""Commands for administrators about what is published."""

import click

from mlreef_hooks.cli.completion import modules
from mlreef_hooks.cli.jobs import open_own
from mlreef_hooks.cli.user import find_module
from mlreef_hooks.index import Document, named
from mlreef_hooks.site import Site
from mlreef_hooks.withdrawal import read_reason, set_deprecation, set_yank

_version = click.argument("module", metavar="NAMESPACE/NAME@VERSION", shell_complete=modules)
_module = click.argument("module", metavar="NAMESPACE/NAME[@VERSION]", shell_complete=modules)
_reason = click.option("--reason", required=True, help="Why, for those who use it.")


def _find(config_file: str | None, module: str) -> tuple[Site, Document, Document]:
    site = open_own(config_file)
    return site, *find_module(site.config, None, module)


def _find_version(config_file: str | None, module: str) -> tuple[Site, Document, str]:
    if not module.partition("@")[2]:
        raise click.UsageError("name the version, as in vision/add-noise@1.2.0")
    site, document, version = _find(config_file, module)
    return site, document, version["version"]


@click.command("yank")
@_version
@_reason
@click.pass_obj
def yank(config_file: str | None, module: str, reason: str) -> None:
    """Yank a version: nobody gets it any more who does not name it.

    It stays in the index with the reason, and what pinned it still works. No push takes it back.
    """
    said = read_reason(reason)
    site, document, version = _find_version(config_file, module)
    set_yank(document, version, said, site)
    click.echo(f"{named(document, version)} is yanked")


@click.command("unyank")
@_version
@click.pass_obj
def unyank(config_file: str | None, module: str) -> None:
    """Take a yank back, whoever yanked the version."""
    site, document, version = _find_version(config_file, module)
    set_yank(document, version, None, site)
    click.echo(f"{named(document, version)} is not yanked")


@click.command("deprecate")
@_module
@_reason
@click.pass_obj
def deprecate(config_file: str | None, module: str, reason: str) -> None:
    """Advise against a version, or against a module; users are warned and get it as before."""
    said = read_reason(reason)
    _deprecate(config_file, module, said)


@click.command("undeprecate")
@_module
@click.pass_obj
def undeprecate(config_file: str | None, module: str) -> None:
    """Take the advice against a version back, or that against a module as a whole."""
    _deprecate(config_file, module, None)


def _deprecate(config_file: str | None, module: str, reason: str | None) -> None:
    site, document, found = _find(config_file, module)
    version = found["version"] if module.partition("@")[2] else None
    set_deprecation(document, version, reason, site)
    word = "deprecated" if reason else "not deprecated"
    name = f"{document['namespace']}/{document['name']}"
    click.echo(f"{named(document, version) if version else name} is {word}")

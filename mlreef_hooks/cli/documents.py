"""What the service tells of modules to accounts that may not look at its files."""

import json

import click

from mlreef_hooks.audience import find_repository
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.relay import Relayed, asker, may_see
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.index import Document
from mlreef_hooks.site import Site
from mlreef_hooks.visibility import PRIVATE


@click.command("documents", cls=Relayed)
@click.pass_obj
def documents(config_file: str | None) -> None:
    """Print the documents of all modules that this account may see, as one JSON array."""
    site = open_site(load_config(config_file), click.echo)
    found = [each for each in site.index.documents() if _is_for_asker(each, site)]
    click.echo(json.dumps(found))


def _is_for_asker(document: Document, site: Site) -> bool:
    """True where who asks could read the module's repository; it has an account on the server."""
    if asker() is None or document["visibility"] != PRIVATE:
        return True
    git_dir = find_repository(document["repository"], site)
    return git_dir is not None and may_see(git_dir)

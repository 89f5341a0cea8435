"""The command that finds modules."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from mlreef_hooks.cli.completion import from_words
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.options import form_option, index_option
from mlreef_hooks.cli.user import listed, open_index
from mlreef_hooks.index_search import Query, known, matching
from mlreef_hooks.manifest import KIND_WORDS, TYPE_WORDS


def _one_of(words: Mapping[str, str]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """What an option's word means, or each of them; a usage error says which one is meant."""

    def read(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                return tuple(known(word, words) for word in value)
            return known(value, words) if value else value
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, parameter) from None

    return read


@click.command("search")
@click.argument("words", nargs=-1)
@click.option(
    "--kind",
    default="",
    callback=_one_of(KIND_WORDS),
    help="What it is.",
    shell_complete=from_words(KIND_WORDS),
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    callback=_one_of(TYPE_WORDS),
    help="Data that goes in.",
    shell_complete=from_words(TYPE_WORDS),
)
@click.option(
    "--output", "outputs", multiple=True, callback=_one_of(TYPE_WORDS), help="Data that comes out.",
    shell_complete=from_words(TYPE_WORDS),
)  # fmt: skip
@click.option("--author", default="", help="A part of the author's name.")
@click.option("--tag", "tags", multiple=True, help="One of its tags.")
@click.option("--base", default="", help="The base environment.")
@click.option("--gpu/--no-gpu", default=None, help="Whether it needs a GPU.")
@form_option
@index_option
@click.pass_obj
def search(config_file: str | None, /, form: str, index: str | None, **asked: Any) -> None:
    """Find the modules that hold all of the words, and are what the options say."""
    lines = open_index(load_config(config_file), index).lines()
    click.echo(listed(matching(lines, Query(**asked)), form))

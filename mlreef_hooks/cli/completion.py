"""What a shell may complete where click alone does not know: modules, rules, words of a search."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Items = list["CompletionItem"]
Completer = Callable[[click.Context, click.Parameter, str], Items]


def from_words(words: Iterable[str]) -> Completer:
    """The words of a fixed set that begin so, in any case."""
    known = [*words]

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
        return _items(word for word in known if word.lower().startswith(incomplete.lower()))

    return complete


def rules(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """The rules that begin so."""
    from mlreef_hooks.problems import RULES

    return _items(rule for rule in RULES if rule.startswith(incomplete))


def modules(ctx: click.Context, _: click.Parameter, incomplete: str) -> Items:
    """The modules that begin so, of the indexes in folders: nothing goes over a network.

    Nothing where there is none, or it cannot be read: whoever runs the command is told why.
    """
    from mlreef_hooks.cli.configuration import load_config
    from mlreef_hooks.errors import PublishError
    from mlreef_hooks.index_sources import open_folder

    try:
        config = load_config(ctx.find_root().params.get("config_path"))
        named = ctx.params.get("index")
        places = [named] if named else config.index.read or [str(config.index_path)]
        folders = [Path(place) for place in places if Path(place).is_dir()]
        lines = [line for folder in folders for line in open_folder(folder).lines()]
    except (PublishError, OSError):
        return []
    names = {f"{line['namespace']}/{line['name']}" for line in lines}
    return _items(sorted(name for name in names if name.startswith(incomplete)))


def _items(words: Iterable[str]) -> Items:
    from click.shell_completion import CompletionItem  # no other command waits for it

    return [CompletionItem(word) for word in words]

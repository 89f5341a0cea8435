"""Mistyped words of the command line: a command, or a value from a fixed set, with the nearest."""

import re
from collections.abc import Iterable

import click

from mlreef_hooks import problems
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import did_you_mean

_QUOTED = 60  # characters of a word
_CHOICE = re.compile(r"'(.+)' is not one of ", re.DOTALL)  # click's words; it keeps no value


def no_such_command(word: str, known: Iterable[str], context: click.Context) -> click.UsageError:
    """The error for a word that is no command."""
    hint = nearest(word, known, "mlreef-hooks --help lists all")
    return click.UsageError(f"No such command '{plain(word)[:_QUOTED]}': {hint}", context)


def with_nearest(error: click.ClickException) -> click.ClickException:
    """The error; one about a word that is none of the choices names the nearest of them."""
    if not isinstance(error, click.BadParameter) or error.param is None:
        return error
    found, kind = _CHOICE.match(error.message), error.param.type
    if not found or not isinstance(kind, click.Choice):
        return error
    hint = nearest(found[1], map(str, kind.choices), "")
    said = f"{plain(error.message).rstrip('.')}{': ' if hint else ''}{hint}"
    return click.BadParameter(said, error.ctx, error.param, error.param_hint)


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """A hint that names the known word nearest to `word`, `otherwise` where none is near."""
    words = [*known]
    return otherwise if problems.nearest(word, words) is None else did_you_mean(word, words)

"""The man page of `mlreef-hooks`, with all commands, out of what their `--help` says.

`python -m mlreef_hooks.cli.manual > mlreef-hooks.1`
"""

import inspect
import re
from collections.abc import Iterator

import click

from mlreef_hooks import __version__
from mlreef_hooks.cli.main import COMMANDS, commands

_STATUSES = {
    "0": "done",
    "1": "an expected failure, with an error: and a hint: on standard error",
    "2": "a mistake in the command line",
    "3": "a bug of mlreef-hooks",
    "130": "interrupted",
}
_FILES = {
    "/etc/mlreef-hooks/config.toml": "the site's configuration; MLREEF_HOOKS_CONFIG names another",
    "~/.config/mlreef-hooks/config.toml": "that of a user, where there is no site's",
}


def manual() -> str:
    """The page, in the language of `man(7)`."""
    return "\n".join(_lines()) + "\n"


def contexts() -> Iterator[click.Context]:
    """That of the program, then that of each command."""
    top = click.Context(commands, info_name="mlreef-hooks", **commands.context_settings)
    yield top
    for word in COMMANDS:
        if command := commands.get_command(top, word):
            yield click.Context(command, info_name=word, parent=top)


def options(context: click.Context) -> Iterator[click.Option]:
    """The options that a help text shows; `--help` is one of the program alone."""
    command = context.command
    for parameter in command.params if context.parent else command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield parameter


def _lines() -> Iterator[str]:
    name = "mlreef-hooks"
    top, *below = contexts()
    yield f'.TH MLREEF\\-HOOKS 1 "" "{as_roff(f"{name} {__version__}")}" "User Commands"'
    yield from (".SH NAME", f"{as_roff(name)} \\- {as_roff(_first_line(commands).rstrip('.'))}")
    yield from (".SH SYNOPSIS", f".B {as_roff(name)}", as_roff("[OPTIONS] COMMAND [ARGS]..."))
    yield from (".SH OPTIONS", *_options(top))
    yield ".SH COMMANDS"
    for context in below:
        yield from _command(context)
    for head, rows in (("EXIT STATUS", _STATUSES), ("FILES", _FILES)):
        yield f".SH {head}"
        for term, meaning in rows.items():
            yield from (".TP", f".B {as_roff(term)}", as_roff(meaning))


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f'.SS "{as_roff(str(context.info_name))}"'
    yield f".B {as_roff(context.command_path)}"
    yield as_roff(" ".join(command.collect_usage_pieces(context)))
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield from (".PP", as_roff(paragraph))
    yield from _options(context)


def _options(context: click.Context) -> Iterator[str]:
    for option in options(context):
        if record := option.get_help_record(context):
            yield from (".TP", f".B {as_roff(record[0])}", as_roff(record[1]))


def _first_line(command: click.Command) -> str:
    return (command.help or "").partition("\n")[0]


def as_roff(words: str) -> str:
    """Words as one line, of which nothing is a request, an escape or a quote of roff."""
    line = " ".join(words.split()).replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return re.sub(r"^(?=[.'])", r"\&", line)


if __name__ == "__main__":
    click.echo(manual(), nl=False)

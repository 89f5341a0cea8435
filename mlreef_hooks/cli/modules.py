"""`ssh git@HOST modules ...`: the index over ssh, for one reader. The words come from the network:
they are read by a fixed grammar, and nothing in them is ever run.
"""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.module_page import page_of
from mlreef_hooks.cli.relay import is_others, relayed_output
from mlreef_hooks.cli.user import find_in, listed
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_search import NOTHING, Query, known, matching
from mlreef_hooks.index_sources import open_folder
from mlreef_hooks.manifest import KIND_WORDS, TYPE_WORDS
from mlreef_hooks.reader_index import Documents, Modules, ReaderIndex
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.people import ACCESS
from mlreef_hooks.servers.table import open_server
from mlreef_hooks.servers.visibility import RepositoryVisibility
from mlreef_hooks.visibility import PRIVATE

_LONGEST = 4096  # characters of what is asked
_MOST_WORDS = 20
_FORMS = ("text", "json")
_LISTED = "modules list shows all that you may see"  # the same whether there is such a module
_USAGE = (
    "write modules list, modules search WORD..., or modules show NAMESPACE/NAME[@VERSION],"
    " and --format json where you like"
)
# Of a search, as of the command of that name: the field of a query, and the words that it takes.
_OPTIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "--kind": ("kind", KIND_WORDS),
    "--input": ("inputs", TYPE_WORDS),
    "--output": ("outputs", TYPE_WORDS),
    "--author": ("author", {}),
    "--tag": ("tags", {}),
    "--base": ("base", {}),
}
_SWITCHES = {"--gpu": True, "--no-gpu": False}


class NoQuestionError(click.ClickException):
    """What is asked is none of the questions. The exit status is that of a usage error."""

    exit_code = click.UsageError.exit_code

    def __init__(self, said: str = _USAGE) -> None:
        super().__init__(said)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked: `list`, `search` or `show`, its words and options, and `text` or `json`."""

    verb: str
    words: tuple[str, ...]
    form: str
    query: Query = NOTHING


@click.command("modules")
@click.option("--user", default="", help="Who asks, as the git server calls them.")
@click.option(
    "--server", type=click.Choice(["plain", "gitolite"]), default="plain",
    help="Who knows what they may read.",
)  # fmt: skip
@click.pass_obj
def modules(config_file: str | None, user: str, server: str) -> None:
    """Answer `modules list|search|show` of an ssh client, of what this user may read.

    The question is in SSH_ORIGINAL_COMMAND, as sshd sets it for a forced command.
    """
    question = read_question(os.environ.get("SSH_ORIGINAL_COMMAND", ""))
    config = load_config(config_file)
    index = ReaderIndex(
        index=_modules(config, config_file),
        readings=lambda keys: ACCESS[server](config, user, keys, partial(_visibility, config)),
    )
    click.echo(answer(question, index))


def _modules(config: Config, config_file: str | None) -> Modules:
    """All modules; where a service publishes, those that it shows this account."""
    if not is_others(config):
        return open_folder(config.index_path)
    return Documents(json.loads(relayed_output(config, config_file, ["documents"])))


def read_question(command: str) -> Question:
    """The question in what an ssh client wants to be run; NoQuestionError where it is none."""
    try:
        words = shlex.split(command) if len(command) <= _LONGEST else []
    except ValueError:
        words = []
    asked, options = _split(words)
    form = options.pop("--format", _FORMS[:1])[-1]
    if asked[:1] != ["modules"] or form not in _FORMS or len(words) > _MOST_WORDS:
        raise NoQuestionError
    verb, rest = "".join(asked[1:2]), tuple(asked[2:])
    fits = {"list": not rest, "search": bool(rest or options), "show": len(rest) == 1}
    if not fits.get(verb) or any(word.startswith("-") for word in rest):
        raise NoQuestionError
    if options and verb != "search":
        raise NoQuestionError
    return Question(verb=verb, words=rest, form=form, query=_read_query(options))


def _split(words: Sequence[str]) -> tuple[list[str], dict[str, Sequence[str]]]:
    """The words without options, and the values of each option: `--kind model`, `--kind=model`."""
    asked: list[str] = []
    options: dict[str, Sequence[str]] = {}
    waiting = iter(words)
    for word in waiting:
        name, mark, value = word.partition("=")
        if word in _SWITCHES:
            options[word] = ("",)
        elif name in ("--format", *_OPTIONS):
            options[name] = (*options.get(name, ()), value if mark else next(waiting, ""))
        else:
            asked.append(word)
    return asked, options


def _read_query(options: Mapping[str, Sequence[str]]) -> Query:
    """What the options of a search say."""
    facts: dict[str, Any] = {}
    for name, values in options.items():
        if name in _SWITCHES:
            facts["gpu"] = _SWITCHES[name]
            continue
        field, words = _OPTIONS[name]
        try:
            read = tuple(known(value, words) for value in values) if words else tuple(values)
        except ValueError as error:
            raise NoQuestionError(f"{name}: {error}") from None
        facts[field] = read if field in ("inputs", "outputs", "tags") else read[-1]
    return Query(**facts)


def answer(question: Question, index: ReaderIndex) -> str:
    """The text, or the JSON, that answers a question."""
    if question.verb == "show":
        document, version = find_in(index, question.words[0], _LISTED)
        return _json(document) if question.form == "json" else page_of(document, version)
    query = replace(question.query, words=question.words)
    return listed(matching(index.lines(), query), question.form)


def _json(document: object) -> str:
    return json.dumps(document, indent=2)


def _visibility(config: Config, git_dir: Path) -> str:
    """Who may read a repository now; private where that cannot be told."""
    try:
        with closing(GitRepository(git_dir)) as repository:
            ask = RepositoryVisibility(
                config=config, called=open_server(config, os.getuid()).called
            )
            return ask(repository.git_dir, repository.settings()).word
    except PublishError:
        return PRIVATE

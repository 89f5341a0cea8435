"""`ssh git@HOST modules ...`: the index over ssh, for one reader. The words come from the network:
they are read by a fixed grammar, and nothing in them is ever run.
"""

import json
import os
import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.relay import is_others, relayed_output
from mlreef_hooks.cli.user import find_in, page_of, table_of
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_sources import open_folder
from mlreef_hooks.reader_index import Documents, Modules, ReaderIndex, matching
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.people import ACCESS
from mlreef_hooks.servers.table import open_server
from mlreef_hooks.servers.visibility import RepositoryVisibility

_LONGEST = 4096  # characters of what is asked
_MOST_WORDS = 20
_FORMS = ("text", "json")
_LISTED = "modules list shows all that you may see"  # the same whether there is such a module
_USAGE = (
    "write modules list, modules search WORD..., or modules show NAMESPACE/NAME[@VERSION],"
    " and --format json where you like"
)


class NoQuestionError(click.ClickException):
    """What is asked is none of the questions. The exit status is that of a usage error."""

    exit_code = click.UsageError.exit_code

    def __init__(self) -> None:
        super().__init__(_USAGE)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked: `list`, `search` or `show`, its words, and `text` or `json`."""

    verb: str
    words: tuple[str, ...]
    form: str


@click.command("modules")
@click.option("--user", default="", help="Who asks, as the git server calls them.")
@click.option("--server", type=click.Choice(["plain", "gitolite"]), default="plain")
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
    asked, form = _without_format(words)
    if asked[:1] != ["modules"] or form not in _FORMS or len(asked) > _MOST_WORDS:
        raise NoQuestionError
    verb, rest = "".join(asked[1:2]), tuple(asked[2:])
    fits = {"list": not rest, "search": bool(rest), "show": len(rest) == 1}
    if not fits.get(verb) or any(word.startswith("-") for word in rest):
        raise NoQuestionError
    return Question(verb=verb, words=rest, form=form)


def _without_format(words: Sequence[str]) -> tuple[list[str], str]:
    """The words without `--format FORM` or `--format=FORM`, and the form."""
    asked, form, waiting = [], _FORMS[0], iter(words)
    for word in waiting:
        if word == "--format":
            form = next(waiting, "")
        elif word.startswith("--format="):
            form = word.partition("=")[2]
        else:
            asked.append(word)
    return asked, form


def answer(question: Question, index: ReaderIndex) -> str:
    """The text, or the JSON, that answers a question."""
    if question.verb == "show":
        document, version = find_in(index, question.words[0], _LISTED)
        return _json(document) if question.form == "json" else page_of(document, version)
    lines = matching(index.lines(), question.words)
    return _json(lines) if question.form == "json" else table_of(lines)


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
        return "private"

"""docs/reference.md is what the program makes of the code, and holds all of it."""

import os
import subprocess
import sys

import click
import pytest

from mlreef_hooks.cli.main import COMMANDS, commands
from mlreef_hooks.problems import RULES
from tests.support.pages import ROOT, TEXTS, code, sections, table
from tests.test_docs import config_keys
from tests.test_docs_index import SECTIONS, schema_fields, schema_of

PAGE = "docs/reference.md"
AGAIN = f"python -m mlreef_hooks.cli.reference > {PAGE}"


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_page_is_what_the_program_writes(columns: str) -> None:
    environment = {**os.environ, "COLUMNS": columns, "MLREEF_HOOKS_CONFIG": "/nowhere.toml"}
    words = [sys.executable, "-m", "mlreef_hooks.cli.reference"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=True)
    same = done.stdout.decode() == TEXTS[PAGE]
    assert same, f"write it again: .cache/test-venv/bin/{AGAIN}"
    assert f"`{AGAIN}`" in TEXTS[PAGE]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_options(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    (text,) = [each for head, each in sections(PAGE).items() if head == name]
    written = {word for row in table(text, "option") for word in code(row[0])}
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert written == {word for each in options for word in (*each.opts, *each.secondary_opts)}


def test_every_key_and_every_rule_is_there() -> None:
    keys = [code(row[0])[0] for row in table(TEXTS[PAGE], "key")]
    assert sorted(keys) == sorted(key for key, _ in config_keys())
    assert [code(row[0])[0] for row in table(TEXTS[PAGE], "rule")] == list(RULES)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_field_is_there(name: str) -> None:
    texts = [text for head, text in sections(PAGE).items() if head.startswith(f"{name}.json")]
    fields = {code(row[0])[0] for text in texts for row in table(text, "field")}
    schema = schema_of(name)
    expected = {field.rpartition(".")[2] for field, _ in schema_fields(schema, schema)}
    assert {field.rpartition(".")[2] for field in fields} == expected

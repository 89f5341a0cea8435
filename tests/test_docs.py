"""The docs are complete and true: commands, configuration, examples for authors, links."""

import dataclasses
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import click
import pytest

from mlreef_hooks.cli.configuration import SITE_STATE
from mlreef_hooks.cli.main import BUG, COMMANDS, EXPECTED_FAILURE
from mlreef_hooks.cli.main import commands as every_command
from mlreef_hooks.config import Config, parse_config
from mlreef_hooks.config_images import Base
from mlreef_hooks.manifest import DATA_TYPES, KINDS, METRICS, PARAMETER_TYPES, PYTHON_TYPES
from mlreef_hooks.module_keys import READERS
from mlreef_hooks.pipeline import Findings
from mlreef_hooks.pipeline_toml import read_pipeline
from mlreef_hooks.problems import RULES
from mlreef_hooks.source.annotation_fields import METRIC, PARAMETER, PROCESSOR
from mlreef_hooks.validation import validate
from tests.support.pages import (
    ROOT,
    SOURCES,
    TEXTS,
    Block,
    anchors,
    blocks,
    code,
    dotted,
    opening,
    prose,
    sections,
    table,
)  # fmt: skip
from tests.support.trees import memory_tree, png

# -- commands ------------------------------------------------------------------------------------


def command_of(name: str) -> click.Command:
    """The command of this name."""
    command = every_command.get_command(click.Context(every_command), name)
    assert command is not None, name
    return command


def words_of(command: click.Command) -> set[str]:
    """The options of a command, and what its arguments are called."""
    words: set[str] = set()
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            words.add(parameter.metavar or str(parameter.name).upper())
        else:
            words |= {*parameter.opts, *parameter.secondary_opts}
    return words


def documented_words(text: str) -> set[str]:
    """The options and arguments in the first columns of a section's tables."""
    rows = table(text, "option") + table(text, "argument or option")
    spans = [span for row in rows for span in code(row[0])]
    return {span.split(" " if span.startswith("-") else " [")[0] for span in spans}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_section_with_exactly_its_options(name: str) -> None:
    text, command = sections("docs/commands.md")[name], command_of(name)
    assert documented_words(text) == words_of(command)
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice):
            choices = r"\|".join(parameter.type.choices)
            option = isinstance(parameter, click.Option)
            name_ = parameter.opts[0] if option else str(parameter.name).upper()
            assert f"`{name_} [{choices}]`" in text


def test_no_other_command_has_a_section() -> None:
    common = {"Exit statuses", "Options of every command", "Completion and manual"}
    assert set(sections("docs/commands.md")) - common == set(COMMANDS)
    assert set(COMMANDS) <= set(code(opening("docs/commands.md")))


def test_the_options_of_every_command_and_the_exit_statuses() -> None:
    common = sections("docs/commands.md")
    expected = words_of(every_command) | set(every_command.context_settings["help_option_names"])
    assert documented_words(common["Options of every command"]) == expected
    statuses = {int(row[0]) for row in table(common["Exit statuses"], "status")}
    assert statuses >= {0, EXPECTED_FAILURE, click.UsageError.exit_code, BUG}


@pytest.mark.parametrize("page", TEXTS)
def test_what_a_page_shows_of_the_command_line_exists(page: str) -> None:
    shown = [block.text.replace("\\\n", "") for block in blocks(TEXTS[page])] + code(TEXTS[page])
    for line in "\n".join(shown).splitlines():
        for name, rest in re.findall(r"mlreef-hooks (?:--config \S+ )?([a-z][a-z-]*)(.*)", line):
            used = re.findall(r"(?<=\s)--?[a-z][a-z-]*", re.split(r" -- |  #", rest)[0])
            assert set(used) <= words_of(command_of(name)) | {"--help"}, line


def test_the_options_of_the_installer_are_documented() -> None:
    usage = (ROOT / "install.sh").read_text().partition("<<'END'")[2].partition("\nEND\n")[0]
    rows = table(TEXTS["docs/admin.md"], "option of `install.sh`")
    documented = {span.split(" ")[0] for row in rows for span in code(row[0])}
    assert documented == set(re.findall(r"^  (--[a-z-]+)", usage, re.MULTILINE))


def test_every_setting_of_a_repository_is_documented() -> None:
    rows = table(sections("docs/admin.md")["Per-repository settings"], "setting")
    documented = {code(row[0])[0].split(" ")[2].lower() for row in rows}
    named = re.findall(r'(?:settings[^"\n]*|\nSETTING = )"(mlreef\.\w+)"', SOURCES)
    assert documented == set(named)


# -- configuration -------------------------------------------------------------------------------


def config_keys(kind: Any = Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key, dotted, with its default."""
    defaults, types_of = kind(), typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(types_of[field.name]):
            yield from config_keys(types_of[field.name], f"{prefix}{field.name}.")
        elif field.name == "base":
            yield from config_keys(Base, "base.NAME.")
        elif field.name == "rules":
            adjustable = {name: rule for name, rule in RULES.items() if rule.adjustable}
            yield from ((f"rules.{name}", rule.severity) for name, rule in adjustable.items())
        else:
            yield prefix + field.name, getattr(defaults, field.name)


def test_every_key_is_documented_with_its_default() -> None:
    rows = table(TEXTS["docs/config.md"], "key")
    rows += [
        [f"`rules.{code(rule)[0]}`", *rest]
        for rule, *rest in table(TEXTS["docs/config.md"], "rule")
    ]
    assert all(meaning for _, _, meaning in rows)
    documented = {
        code(key)[0]: tomllib.loads(f"default = {code(default)[0]}")["default"]
        for key, default, _ in rows
    }
    expected = {
        key: list(default) if isinstance(default, tuple) else default
        for key, default in config_keys()
    }
    assert documented == expected | {"state": str(SITE_STATE)}


def test_the_complete_configuration_holds_every_key() -> None:
    (example,) = blocks(sections("docs/config.md")["A complete example"])
    names = dotted(tomllib.loads(example.text))
    names |= {re.sub(r"^base\.\w+", "base.NAME", name) for name in names}
    assert {key for key, _ in config_keys()} - names == set()


TOML_BLOCKS = [
    pytest.param(block, id=f"{page}-{place}")
    for page, text in TEXTS.items()
    for place, block in enumerate(blocks(text))
    if block.language == "toml"
]


@pytest.mark.parametrize("block", TOML_BLOCKS)
def test_a_toml_block_parses_and_says_which_file_it_is(block: Block) -> None:
    tomllib.loads(block.text)
    assert block.file.endswith(("mlreef.toml", "config.toml", "pipeline.toml"))
    if block.file.endswith("config.toml"):
        parse_config(block.text, path=block.file, state="/state")
    if block.file.endswith("pipeline.toml"):
        findings = Findings(block.file)
        read_pipeline(block.text.encode(), findings)
        assert list(findings) == []


# -- what authors copy ---------------------------------------------------------------------------

FOR_AUTHORS = blocks(TEXTS["docs/authors.md"])


def author_projects() -> Iterator[dict[str, str]]:
    """Each Python file by itself, and beside each `mlreef.toml` the files that it is about."""
    others = [block for block in FOR_AUTHORS if block.file not in ("", "mlreef.toml")]
    files = {block.file: block.text for block in others}
    requirements = {"requirements.txt": files.pop("requirements.txt")}
    for file, text in files.items():
        yield {file: text, **requirements}
    for block in FOR_AUTHORS:
        if block.file == "mlreef.toml":
            named = {file: text for file, text in files.items() if f'"{file}"' in block.text}
            yield {
                **(named or {"turn.py": files["turn.py"]}),
                **requirements,
                block.file: block.text,
            }


@pytest.mark.parametrize("files", list(author_projects()), ids="+".join)
def test_an_example_for_authors_is_publishable(files: Mapping[str, str]) -> None:
    tree = memory_tree({**files, "docs/preview.png": png()})
    found = validate(tree, name="turn", config=Config())
    assert [str(each) for each in found.problems if each.severity == "error"] == []
    assert found.manifests
    if "mlreef.toml" in files or "turn_pictures.py" in files:
        assert found.problems == ()  # only argparse alone leaves something to assume


def test_the_examples_for_authors_are_whole_files_and_show_every_key() -> None:
    assert all(block.file for block in FOR_AUTHORS if block.language in ("python", "toml"))
    shown = [dotted(tomllib.loads(block.text)) for block in FOR_AUTHORS if block.language == "toml"]
    expected = {f"module.{key}" for key in (*READERS, "resources.gpu", "resources.memory")}
    assert any(expected <= keys for keys in shown)


def test_every_word_of_the_annotations_is_named() -> None:
    words = {*KINDS, *KINDS.values(), *DATA_TYPES, *METRICS, *PYTHON_TYPES, *PARAMETER.spellings}
    words |= {word.upper() for word in PARAMETER_TYPES}
    for signature in (PROCESSOR, PARAMETER, METRIC):
        words |= {signature.name, *signature.arguments, *signature.keywords}
    assert words - set(code(sections("docs/authors.md")["Parameters by annotations"])) == set()


# -- links ---------------------------------------------------------------------------------------


def links(page: str) -> Iterator[tuple[str, str]]:
    """The place, relative to the repository, and the anchor of each link that stays in it."""
    for place, anchor in re.findall(r"\]\(([^)\s#]*)#?([^)\s]*)\)", prose(TEXTS[page])):
        if not re.match(r"https?:", place):
            target = (ROOT / page).parent / place if place else ROOT / page
            yield str(target.resolve().relative_to(ROOT)), anchor


@pytest.mark.parametrize("page", TEXTS)
def test_relative_links_lead_somewhere(page: str) -> None:
    for place, anchor in links(page):
        assert (ROOT / place).exists(), place
        assert not anchor or anchor in anchors(place), f"{place}#{anchor}"


def test_every_page_can_be_reached() -> None:
    linked = {place for page in TEXTS for place, _ in links(page) if place != page}
    assert {page for page in TEXTS if page.startswith("docs/")} - linked == set()

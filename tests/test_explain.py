"""`mlreef-hooks explain`, and mistyped words that are answered with the nearest one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlreef_hooks.cli.explain import explain
from mlreef_hooks.config import parse_config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.fixing import FIXED_RULES
from mlreef_hooks.problems import RULES
from mlreef_hooks.rule_page import explain_rule
from tests.support.pages import TEXTS

PAGE = TEXTS["docs/rules.md"]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints."""
    explain.main(list(words), standalone_mode=False)
    return capsys.readouterr().out


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """What `mlreef-hooks WORDS` did."""
    command = [sys.executable, "-m", "mlreef_hooks", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_rule_with_its_example_and_fix(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "requirement-unpinned") == (
        "requirement-unpinned: error (your site may soften it)\n"
        "\n"
        "A requirement has neither an exact version nor a hash: tomorrow it would be another one.\n"
        "\n"
        "Example:\n"
        "\n"
        "    # requirements.txt\n"
        "    numpy>=2\n"
        "\n"
        "Fix: write the version; `mlreef-hooks check --fix` writes those that you have installed.\n"
        "\n"
        "    # requirements.txt\n"
        "    numpy==2.4.6\n"
    )


def test_what_check_mends_by_itself_is_said() -> None:
    said = [rule for rule in RULES if "check --fix" in explain_rule(rule, PAGE).fix]
    assert sorted(said) == sorted(FIXED_RULES)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_explained_without_markup(rule: str) -> None:
    found = explain_rule(rule, PAGE)
    assert found.meaning
    assert found.fix or rule == "tree-duplicate"
    for text in (found.meaning, found.example, found.fix):
        assert "```" not in text
        assert "](" not in text
        assert text == text.strip("\n")


def test_all_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys).splitlines()
    assert [line.split()[:2] for line in lines] == [[name, RULES[name].severity] for name in RULES]
    listed = json.loads(said(capsys, "--format", "json"))
    assert [each["rule"] for each in listed] == [*RULES]
    assert json.loads(said(capsys, "tree-path", "--format", "json")) in listed


def test_the_page_that_goes_with_the_program_is_the_one_of_the_docs() -> None:
    package = Path(__file__).parents[1] / "mlreef_hooks"
    assert (package / "rules.md").resolve() == package.parent / "docs" / "rules.md"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("requiremnt-unpined", "did you mean requirement-unpinned?"),
        ("\x1b[2J", "mlreef-hooks explain lists all"),
    ],
)
def test_a_rule_that_is_none(word: str, hint: str) -> None:
    with pytest.raises(PublishError) as raised:
        explain.main([word], standalone_mode=False)
    assert raised.value.hint == hint
    assert raised.value.message.isprintable()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["lisst"], "No such command 'lisst': did you mean list?"),
        (["x\x1b[2J"], "No such command 'x[2J': mlreef-hooks --help lists all"),
        (["check", "--format", "jsn"], "did you mean json?"),
        (["check", "--fromat", "json"], "Did you mean '--format'?"),
    ],
)
def test_a_mistyped_word_of_the_command_line(words: list[str], hint: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr


def test_a_mistyped_value_of_the_configuration() -> None:
    with pytest.raises(PublishError) as raised:
        parse_config('[server]\nkind = "gitolit"\n', path="config.toml", state="/s")
    assert "did you mean gitolite?" in f"{raised.value.message} {raised.value.hint}"


def test_a_full_disk_is_no_bug() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mlreef_hooks", "explain"], stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: no space is left to write to\nhint: ")

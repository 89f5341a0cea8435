"""`explain`: what a rule means, what breaks it, and what mends it."""

import json
from pathlib import Path

import click

from mlreef_hooks.cli.completion import rules
from mlreef_hooks.cli.options import form_option
from mlreef_hooks.cli.words import nearest
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import RULES
from mlreef_hooks.rule_page import Explanation, explain_rule

_PAGE = Path(__file__).parents[1] / "rules.md"
_QUOTED = 60  # characters of a word


@click.command("explain")
@click.argument("rule", required=False, shell_complete=rules)
@form_option
def explain(rule: str | None, form: str) -> None:
    """Explain a rule of `check`: what it means, an example, the fix.

    Without RULE, list all rules.
    """
    if rule is not None and rule not in RULES:
        hint = nearest(rule, RULES, "mlreef-hooks explain lists all")
        raise PublishError(f"there is no rule {plain(rule)[:_QUOTED]}", hint)
    page = _PAGE.read_text(encoding="utf-8")
    found = [explain_rule(each, page) for each in ([rule] if rule else RULES)]
    if form == "json":
        documents = [each.to_json() for each in found]
        click.echo(json.dumps(documents[0] if rule else documents, indent=2))
    elif rule:
        click.echo(_as_text(found[0]))
    else:
        click.echo("\n".join(map(_as_line, found)))


def _as_line(found: Explanation) -> str:
    width = max(map(len, RULES))
    return f"{found.rule:{width}}  {found.severity:7}  {found.summary}"


def _as_text(found: Explanation) -> str:
    softened = " (your site may soften it)" if found.adjustable else ""
    parts = [f"{found.rule}: {found.severity}{softened}", found.meaning]
    if found.example:
        parts += ["Example:", found.example]
    if found.fix:
        parts.append(f"Fix: {found.fix}")
    return "\n\n".join(parts)

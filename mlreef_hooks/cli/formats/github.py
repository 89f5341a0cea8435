"""Workflow commands, which GitHub shows beside the lines of a change; Gitea reads the same.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from mlreef_hooks.cli.formats.found import Found
from mlreef_hooks.cli.formats.text import summary
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import Problem

# The escapes of @actions/core; without them a text could end the command and begin another.
_TEXT = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_VALUE = {**_TEXT, ":": "%3A", ",": "%2C"}


def as_github(found: Found) -> str:
    """A command for each finding, then the summary for the log."""
    return "\n".join([*(_command(found, each) for each in found.problems), *summary(found)])


def _command(found: Found, problem: Problem) -> str:
    values = {"file": found.place(problem), "title": problem.rule}
    if problem.line is not None:
        values["line"] = str(problem.line)
    if values["file"] == ".":
        del values["file"]
    said = ",".join(f"{key}={_escaped(value, _VALUE)}" for key, value in values.items())
    text = _escaped(f"{problem.message}: {problem.hint}", _TEXT)
    return f"::{problem.severity} {said}::{text}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(each, each) for each in plain(text))

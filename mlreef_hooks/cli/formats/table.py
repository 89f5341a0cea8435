"""All forms by the words of `--format`."""

from collections.abc import Callable, Mapping

from mlreef_hooks.cli.formats.found import Found
from mlreef_hooks.cli.formats.github import as_github
from mlreef_hooks.cli.formats.gitlab import as_gitlab
from mlreef_hooks.cli.formats.json_document import as_json
from mlreef_hooks.cli.formats.sarif import as_sarif
from mlreef_hooks.cli.formats.text import as_text

FORMATS: Mapping[str, Callable[[Found], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "gitlab": as_gitlab,
    "sarif": as_sarif,
}

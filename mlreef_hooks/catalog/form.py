"""The form of a module: a field for each parameter, and what the `run` line and the CWL job say.

The script of the page makes both anew, by the same rules, while somebody fills the form in.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlreef_hooks.index import Document
from mlreef_hooks.manifest import REQUIRED_PATHS

_CONTROLS = {
    "integer": "number",
    "float": "number",
    "boolean": "select",
    "list": "lines",
    "tuple": "lines",
    "dictionary": "json",
    "object": "json",
}
_SHOWN = 200  # characters of a default
_CHOICES = 200
_PATHS = dict(zip(REQUIRED_PATHS, ("--input", "--output"), strict=True))
_EXAMPLES = {"input-path": "INPUT", "output-path": "OUTPUT"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One parameter in a form. `control` is `text`, `number`, `select`, `lines` (a value a line),
    `json`, `input` (a path) or `output`; `default` is the value without it, as text.
    """

    name: str
    type: str
    control: str
    required: bool
    default: str
    description: str
    choices: Sequence[tuple[str, str]]  # the JSON of each, and its text


def fields_of(version: Document) -> list[Field]:
    """The fields of a version, in the order of its parameters; the paths come first."""
    fields = [_field(parameter) for parameter in version["parameters"]]
    return sorted(fields, key=lambda field: field.control not in ("input", "output"))


def _field(parameter: Document) -> Field:
    choices = parameter["choices"]
    control = _CONTROLS.get(parameter["type"], "text")
    if choices is not None and control != "lines":
        control = "select"
    elif parameter["type"] == "boolean":
        choices = [True, False]
    if role := _role(parameter):
        control = role.removesuffix("-path")
    return Field(
        name=parameter["name"],
        type=parameter["type"],
        control=control,
        required=parameter["required"],
        default=_text(parameter["default"])[:_SHOWN],
        description=parameter["description"],
        choices=[(json.dumps(each), _text(each)) for each in (choices or [])[:_CHOICES]],
    )


def _role(parameter: Document) -> str | None:
    word = str(parameter["name"]).replace("_", "-")
    return word if word in _PATHS else None


def _text(value: Any) -> str:
    """A value as somebody would write it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def run_line(document: Document, version: Document) -> str:
    """The command line of a first try: paths, and a place for what must be given."""
    words = ["mlreef-hooks", "run", f"{document['namespace']}/{document['name']}"]
    words[-1] += f"@{version['version']}"
    for parameter in version["parameters"]:
        if role := _role(parameter):
            words += [_PATHS[role], _EXAMPLES[role]]
    for parameter in _to_give(version):
        words += ["-p", f"{parameter['name']}={_proposal(parameter)}"]
    return " ".join(map(shlex.quote, words))


def _to_give(version: Document) -> Iterator[Document]:
    for parameter in version["parameters"]:
        if parameter["required"] and not _role(parameter):
            yield parameter


def _proposal(parameter: Document) -> str:
    choices = parameter["choices"] or [None]
    said = _text(parameter["default"] if parameter["default"] is not None else choices[0])
    return said or "VALUE"


def job_of(version: Document) -> str:
    """The input object of a CWL job for the same try, as JSON."""
    job: dict[str, Any] = {}
    for parameter in version["parameters"]:
        if _role(parameter) == "input-path":
            job[parameter["name"]] = {"class": "Directory", "location": _EXAMPLES["input-path"]}
    for parameter in _to_give(version):
        default = parameter["default"]
        job[parameter["name"]] = _proposal(parameter) if default is None else default
    return json.dumps(job, indent=2, ensure_ascii=False)

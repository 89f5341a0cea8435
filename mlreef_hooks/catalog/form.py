"""The form of a module: a field for each parameter, and what the `run` line and the CWL job say.

The script of the page makes both anew, by the same rules, while somebody fills the form in.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlreef_hooks.exports.cwl_inputs import cwl_value
from mlreef_hooks.index import Document
from mlreef_hooks.manifest import REQUIRED_PATHS

_NUMBERS = ("integer", "float")
_SHOWN = 200  # characters of a default
_CHOICES = 200
_PATHS = dict(zip(REQUIRED_PATHS, ("--input", "--output"), strict=True))
_EXAMPLES = {"input-path": "INPUT", "output-path": "OUTPUT"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of the values that can be chosen: `value` as JSON, `text` for people and for `run`, and
    `job` as the JSON of a CWL job.
    """

    value: str
    text: str
    job: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """One parameter in a form. `control` is `text`, `number`, `select`, `lines` (a value a line),
    `tuples` (several values a line), `input` (a path) or `output`; `default` is the value without
    it, as text; `needed` where there is none.
    """

    name: str
    type: str
    control: str
    needed: bool
    default: str
    description: str
    choices: Sequence[Choice]


def fields_of(version: Document) -> list[Field]:
    """The fields of a version, in the order of its parameters; the paths come first."""
    fields = [_field(parameter) for parameter in version["parameters"]]
    return sorted(fields, key=lambda field: field.control not in ("input", "output"))


def _field(parameter: Document) -> Field:
    choices = [True, False] if parameter["type"] == "boolean" else parameter["choices"]
    return Field(
        name=parameter["name"],
        type=parameter["type"],
        control=_control(parameter),
        needed=_is_needed(parameter),
        default=_text(parameter["default"])[:_SHOWN],
        description=parameter["description"],
        choices=[
            Choice(value=_json(each), text=_text(each), job=_json(cwl_value(parameter, each)))
            for each in (choices or [])[:_CHOICES]
        ],
    )


def _control(parameter: Document) -> str:
    if role := _role(parameter):
        return role.removesuffix("-path")
    if _is_list(parameter):
        return "tuples" if _is_nested(parameter) else "lines"
    if parameter["choices"] is not None or parameter["type"] == "boolean":
        return "select"
    return "number" if parameter["type"] in _NUMBERS else "text"


def _is_needed(parameter: Document) -> bool:
    return bool(parameter["required"]) and parameter["default"] is None


def _role(parameter: Document) -> str | None:
    word = str(parameter["name"]).replace("_", "-")
    return word if word in _PATHS else None


def _is_list(parameter: Document) -> bool:
    several = parameter.get("nargs") not in (None, 0) or parameter.get("repeated")
    return parameter["type"] in ("list", "tuple") and bool(several)


def _is_nested(parameter: Document) -> bool:
    return bool(parameter.get("repeated")) and parameter.get("nargs") is not None


def _text(value: Any) -> str:
    """A value as somebody would write it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def run_line(document: Document, version: Document) -> str:
    """The command line of a first try: paths, and a place for what must be given."""
    words = ["mlreef-hooks", "run", f"{document['namespace']}/{document['name']}"]
    words[-1] += f"@{version['version']}"
    for parameter in version["parameters"]:
        if role := _role(parameter):
            words += [_PATHS[role], _EXAMPLES[role]]
    for parameter in _to_give(version):
        words += ["-p", f"{parameter['name']}={_text(_proposal(parameter))}"]
    return " ".join(map(shlex.quote, words))


def _to_give(version: Document) -> Iterator[Document]:
    for parameter in version["parameters"]:
        if _is_needed(parameter) and not _role(parameter):
            yield parameter


def _proposal(parameter: Document) -> Any:
    proposed = next(iter(parameter["choices"] or []), "VALUE")
    return [[proposed]] if _control(parameter) == "tuples" else proposed


def job_of(version: Document) -> str:
    """The input object of a CWL job for the same try, as JSON; the output is the runner's."""
    place = {"class": "Directory", "location": _EXAMPLES["input-path"]}
    reads = any(_role(parameter) == "input-path" for parameter in version["parameters"])
    job: dict[str, Any] = {"input-path": place} if reads else {}
    for parameter in _to_give(version):
        job[parameter["name"]] = cwl_value(parameter, _proposal(parameter))
    return json.dumps(job, indent=2, ensure_ascii=False)

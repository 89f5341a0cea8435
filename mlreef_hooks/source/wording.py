"""How findings quote pushed text, and the lines of Python that their hints propose."""

import re
from collections.abc import Mapping

from mlreef_hooks.manifest import JSONValue, Parameter

QUOTED_LENGTH = 60
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")

_TYPE_ARGUMENTS: Mapping[str, str] = {
    "integer": "type=int",
    "float": "type=float",
    "complex": "type=complex",
    "boolean": 'action="store_true"',
    "list": 'nargs="*"',
    "tuple": 'nargs="*"',
    "dictionary": "type=json.loads",
    "object": "type=json.loads",
}


def quoted(text: str) -> str:
    """The text as a Python literal, shortened: no control or bidi character reaches a terminal."""
    literal = repr(text if len(text) <= QUOTED_LENGTH else text[: QUOTED_LENGTH - 3] + "...")
    return literal if '"' in literal else f'"{literal[1:-1]}"'


def shown(value: JSONValue) -> str:
    """The value as it stands in Python source, `...` in place of one that is long."""
    if isinstance(value, str):
        return quoted(value)
    text = repr(value)
    return text if len(text) <= QUOTED_LENGTH else "..."


def type_argument(parameter_type: str) -> str:
    """The argument of `add_argument` that makes argparse take values of a type."""
    return _TYPE_ARGUMENTS.get(parameter_type, "type=str")


def annotation_line(parameter: Parameter) -> str:
    """The annotation that says what a parameter says."""
    parts = [f"name={quoted(parameter.name)}", f'type="{parameter.type.upper()}"']
    parts += [f"required={parameter.required}"]
    if parameter.default is not None:
        parts.append(f"defaultValue={shown(parameter.default)}")
    return f"@parameter({', '.join(parts)})"


def add_argument_line(parameter: Parameter) -> str:
    """The argparse call that accepts a parameter."""
    parts = [quoted(f"--{parameter.name}")]
    if parameter.type == "boolean" and parameter.default is True:
        parts.append("action=argparse.BooleanOptionalAction")  # store_true could not say no
    elif parameter.type in _TYPE_ARGUMENTS:
        parts.append(type_argument(parameter.type))
    if parameter.required:
        parts.append("required=True")
    if parameter.default is not None and not parameter.required:
        parts.append(f"default={shown(parameter.default)}")
    return f"parser.add_argument({', '.join(parts)})"


def proposed_name(text: str) -> str:
    """A name that may stand in place of one that may not; empty where nothing of it can stay."""
    return _NO_NAME.sub("-", text[:QUOTED_LENGTH]).strip("-")

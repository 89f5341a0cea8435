"""Parameters as inputs of a CWL tool: types, and how each is written on the command line.

What is written is what `command_line.write_arguments` writes. No field that a runner evaluates
holds a text of a module or a user, so that no `$(...)` of theirs is an expression. Tables are
passed as JSON texts: in a document a key such as `$include` would be obeyed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlreef_hooks.manifest import REMAINDER, REQUIRED_PATHS

Parameter = Mapping[str, Any]  # as in the index
Document = dict[str, Any]

_SEVERAL = ("list", "tuple")
_NUMBERS = {"integer": "long", "float": "double"}
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # others a runner may take for an address
_LONGEST = 1 << 63  # of a CWL long
OPTIONS, END_OF_OPTIONS, POSITIONAL = 1, 2, 3  # places on the command line


def parameter_inputs(parameters: Sequence[Parameter]) -> Document:
    """The inputs of a tool, without those of its folders."""
    return {
        each["name"]: _input(each, place)
        for place, each in enumerate(parameters)
        if not is_path(each)
    }


def is_path(parameter: Parameter) -> bool:
    """True for `input-path` and `output-path`, however they are written."""
    return parameter["name"].replace("_", "-") in REQUIRED_PATHS


def option_of(parameter: Parameter) -> str | None:
    """What stands before a value, None for a positional argument."""
    option = parameter.get("option", f"--{parameter['name']}")
    return None if option is None else str(option)


def needs_end_of_options(parameters: Sequence[Parameter]) -> bool:
    """True where a `--` stands before the positional arguments, which may begin with a dash."""
    positional = [each for each in parameters if option_of(each) is None]
    return bool(positional) and all(each.get("nargs") != REMAINDER for each in positional)


def joined(option: str) -> Document:
    """The binding of one value that is never taken for an option of its own."""
    return {"prefix": f"{option}=" if len(option) > 2 else option, "separate": False}


def cwl_value(parameter: Parameter, value: Any) -> Any:
    """A value of a parameter as the input of the tool takes it."""
    if parameter.get("nargs") == 0:
        return _switch_word(parameter, value) if parameter.get("negative") else bool(value)
    if value is False and parameter.get("negative") is not None:
        return parameter["negative"]
    if _is_list(parameter):
        items = value if isinstance(value, list) else [value]
        return [[*map(_text, each)] if _is_nested(parameter) else _text(each) for each in items]
    if _type(parameter) in _NUMBERS.values() and isinstance(value, int | float):
        return value if abs(value) < _LONGEST or isinstance(value, float) else float(value)
    return _text(value)


def _input(parameter: Parameter, place: int) -> Document:
    required = parameter["required"] and parameter["default"] is None
    kind = _type(parameter)
    document: Document = {"type": kind if required else ["null", kind]}
    document["inputBinding"] = _binding(parameter, place)
    if parameter["required"] and parameter["default"] is not None:
        document["default"] = cwl_value(parameter, parameter["default"])
    if said := _doc(parameter):
        document["doc"] = said
    return document


def _type(parameter: Parameter) -> Any:
    if parameter.get("nargs") == 0:
        negative = parameter.get("negative")
        return _enum([str(option_of(parameter)), str(negative)]) if negative else "boolean"
    if _is_list(parameter):
        return _list_type(parameter)
    if parameter["type"] == "boolean":
        words = ["true", "false" if parameter.get("negative") is None else parameter["negative"]]
        return _enum(words) if all(map(_SYMBOL.fullmatch, words)) else "string"
    choices = parameter["choices"]
    if choices and parameter["type"] not in _NUMBERS:
        texts = [_text(each) for each in choices]
        return _enum(texts) if all(map(_SYMBOL.fullmatch, texts)) else "string"
    return _NUMBERS.get(parameter["type"], "string")


def _enum(symbols: Sequence[str]) -> Document:
    return {"type": "enum", "symbols": list(symbols)}


def _list_type(parameter: Parameter) -> Document:
    option = option_of(parameter)
    if not parameter.get("repeated") or option is None:
        return {"type": "array", "items": "string"}
    if _is_nested(parameter):
        items = {"type": "array", "items": "string", "inputBinding": {"prefix": option}}
        return {"type": "array", "items": items}
    return {"type": "array", "items": "string", "inputBinding": joined(option)}


def _is_list(parameter: Parameter) -> bool:
    several = parameter["type"] in _SEVERAL
    return several and (parameter.get("nargs") is not None or bool(parameter.get("repeated")))


def _is_nested(parameter: Parameter) -> bool:
    return bool(parameter.get("repeated")) and parameter.get("nargs") is not None


def _binding(parameter: Parameter, place: int) -> Document:
    option = option_of(parameter)
    if option is None:
        return {"position": POSITIONAL + place}
    if parameter.get("nargs") == 0:
        prefix = {} if parameter.get("negative") else {"prefix": option}
        return {"position": OPTIONS, **prefix}
    if _is_list(parameter):
        prefix = {} if parameter.get("repeated") else {"prefix": option}
        return {"position": OPTIONS, **prefix}
    return {"position": OPTIONS, **joined(option)}


def _switch_word(parameter: Parameter, value: Any) -> str:
    return str(option_of(parameter) if value else parameter["negative"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _doc(parameter: Parameter) -> str:
    facts = [parameter["description"]] if parameter["description"] else []
    if parameter["choices"] is not None:
        facts.append("One of " + ", ".join(map(_text, parameter["choices"])) + ".")
    if parameter["default"] is not None:
        facts.append(f"Default: {_text(parameter['default'])}.")
    return "\n".join(facts)

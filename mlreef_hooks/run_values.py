"""The parameter values of one run, from wherever they come: checked, completed, all faults at once.

What is checked is what `parameters_schema` of the index says, which is made of the same parameters.
"""

import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlreef_hooks.command_line import (
    SEE,
    TRUTHS,
    Parameter,
    complete_values,
    is_choice,
    miscounted,
    missing_parameters,
    read_pairs,
    unknown,
    write_arguments,
)
from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import python_name

_SHOWN = 100  # characters of a value that is wrong


def read_values(
    parameters: Sequence[Parameter],
    paths: Mapping[str, str],
    *,
    pairs: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    raw: Sequence[str] = (),
) -> dict[str, Any]:
    """The values of a run, with `paths` for `input-path` and `output-path`, and with the default of
    what is required.

    `pairs` are written `name=value`; `given` are values as JSON has them, and give way to `pairs`.
    Where `raw` words follow, a required parameter may be among them, and none is missed.
    PublishError that lists everything that is wrong.
    """
    typed, faults = _typed_values(parameters, given or {})
    written, more = read_pairs(parameters, pairs)
    faults += more
    values = typed | written
    named = _named(parameters, [*(given or {}), *(pair.partition("=")[0] for pair in pairs)])
    missing = [] if raw else missing_parameters(parameters, named, paths)
    if faults or missing:
        said = ["parameters are missing"] if missing else []
        hint = "give " + " and ".join(missing) if missing else SEE
        raise PublishError("; ".join([*faults, *said]), hint)
    return _with_paths(parameters, values, paths) if raw else _complete(parameters, values, paths)


def _complete(
    parameters: Sequence[Parameter], values: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, Any]:
    complete = complete_values(parameters, values, paths)
    write_arguments(parameters, complete)  # what cannot be written is told before anything starts
    return complete


def _with_paths(
    parameters: Sequence[Parameter], values: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, Any]:
    names = {each["name"]: each["name"].replace("_", "-") for each in parameters}
    return {name: paths[word] for name, word in names.items() if word in paths} | dict(values)


def _named(parameters: Sequence[Parameter], names: Sequence[str]) -> set[str]:
    """The parameters that are given, rightly or not."""
    wanted = {python_name(name) for name in names}
    return {each["name"] for each in parameters if python_name(each["name"]) in wanted}


def _typed_values(
    parameters: Sequence[Parameter], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    by_name = {python_name(each["name"]): each for each in parameters}
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in given.items():
        parameter = by_name.get(python_name(name))
        fault = unknown(name, parameters) if parameter is None else _fault(parameter, value)
        if fault:
            faults.append(fault)
        elif parameter:
            values[parameter["name"]] = value
    return values, faults + [fault for each in parameters if (fault := miscounted(each, values))]


def _fault(parameter: Parameter, value: Any) -> str | None:
    """What is wrong with a value by itself."""
    name, choices = parameter["name"], parameter["choices"]
    if not _is_json(value) or not _CHECKS.get(parameter["type"], _anything)(value):
        return (
            f"{name}: {_shown(value)} is not of type {parameter['type']}{_meant(parameter, value)}"
        )
    chosen = value if isinstance(value, list) else [value]
    if choices is not None and not all(is_choice(each, choices) for each in chosen):
        return f"{name}: {_shown(value)} is not one of {', '.join(map(str, choices))}"
    return None


def _meant(parameter: Parameter, value: Any) -> str:
    """How JSON and TOML write the truth that a command line takes as a word; empty for others."""
    truth = TRUTHS.get(str(value).lower()) if parameter["type"] == "boolean" else None
    return "" if truth is None else f", write {str(truth).lower()}"


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _anything(value: Any) -> bool:
    return value is not None


def _is_complex(value: Any) -> bool:
    try:
        complex(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": _is_number,
    "complex": _is_complex,
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "tuple": lambda value: isinstance(value, list),
    "dictionary": lambda value: isinstance(value, dict),
}


def parse_parameters(content: bytes, name: str) -> dict[str, Any]:
    """The values in a file of parameters, JSON where its name ends with `.json`, else TOML.

    PublishError where it is none, or no table of values.
    """
    try:
        text = content.decode()
        read = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PublishError(f"{name} cannot be read: {error}", "write JSON or TOML") from None
    if not isinstance(read, dict):
        raise PublishError(f"{name} is no table of parameters", 'write it as {"name": value}')
    return read


def recorded_values(
    parameters: Sequence[Parameter], values: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, Any]:
    """The values that a run is remembered by: with every default, without the `paths`."""
    defaults = {each["name"]: each["default"] for each in parameters}
    known = {name: value for name, value in defaults.items() if value is not None} | dict(values)
    return {name: known[name] for name in defaults if name in known and not _is_path(name, paths)}


def _is_path(name: str, paths: Mapping[str, str]) -> bool:
    return name.replace("_", "-") in paths

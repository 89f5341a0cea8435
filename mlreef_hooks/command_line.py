"""Parameter values to the words of a module's command line, checked before anything starts."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import REQUIRED_PATHS, python_name
from mlreef_hooks.problems import did_you_mean

Parameter = Mapping[str, Any]  # as in the index
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SEVERAL = ("list", "tuple")


def parse_values(parameters: Sequence[Parameter], pairs: Sequence[str]) -> dict[str, Any]:
    """The values written as `name=value`, of the parameters' types.

    A list is written by its name several times, or once as a JSON array. PublishError that lists
    everything that is wrong: unknown names, values of another type, values that are no choice.
    """
    by_name = {python_name(parameter["name"]): parameter for parameter in parameters}
    values: dict[str, Any] = {}
    faults: list[str] = []
    for pair in pairs:
        name, equals, text = pair.partition("=")
        parameter = by_name.get(python_name(name))
        if not equals:
            faults.append(f"{pair}: write name=value")
        elif parameter is None:
            known = [each["name"] for each in parameters]
            faults.append(f"{name}: no such parameter, {did_you_mean(name, known)}")
        else:
            _add(parameter, text, values, faults)
    if faults:
        raise PublishError("; ".join(faults), "see the parameters with mlreef-hooks show")
    return values


def _add(parameter: Parameter, text: str, values: dict[str, Any], faults: list[str]) -> None:
    name, choices = parameter["name"], parameter["choices"]
    try:
        read = _READERS.get(parameter["type"], str)(text)
    except (ValueError, KeyError):
        faults.append(f"{name}: {text!r} is not of type {parameter['type']}")
        return
    several = parameter["type"] in _SEVERAL
    if choices is not None and any(each not in choices for each in (read if several else [read])):
        faults.append(f"{name}: {text!r} is not one of {', '.join(map(str, choices))}")
    elif several:
        values[name] = [*values.get(name, []), *read]
    elif name in values:
        faults.append(f"{name}: given twice")
    else:
        values[name] = read


def _read_several(text: str) -> list[Any]:
    return list(json.loads(text)) if text.startswith("[") else [text]


def _read_json(text: str) -> Any:
    return json.loads(text)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "float": float,
    "complex": lambda text: str(complex(text)),
    "boolean": lambda text: _TRUTHS[text.lower()],
    "list": _read_several,
    "tuple": _read_several,
    "dictionary": _read_json,
}


def complete_values(
    parameters: Sequence[Parameter], values: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, Any]:
    """The values with `paths` for `input-path` and `output-path`, and defaults where one is needed.

    Defaults of optional parameters are left to the module. PublishError that lists what is missing.
    """
    complete, missing = dict(values), []
    for parameter in parameters:
        name = parameter["name"]
        path = paths.get(name.replace("_", "-"))
        if name in complete:
            continue
        if path is not None:
            complete[name] = path
        elif parameter["required"] and parameter["default"] is not None:
            complete[name] = parameter["default"]
        elif parameter["required"]:
            missing.append(_how_to_give(name))
    if missing:
        raise PublishError("parameters are missing", "give " + " and ".join(missing))
    return complete


def _how_to_give(name: str) -> str:
    word = name.replace("_", "-")
    if word in REQUIRED_PATHS:
        return f"--{word.removesuffix('-path')} DIR"
    return f"-p {name}=VALUE"


def write_arguments(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> list[str]:
    """The words after the module's command: options first, then positional arguments."""
    options: list[str] = []
    positional: list[str] = []
    for parameter in parameters:
        if parameter["name"] in values:
            option = parameter.get("option", f"--{parameter['name']}")
            words = _words(parameter, option, values[parameter["name"]])
            (positional if option is None else options).extend(words)
    # A positional value may begin with a dash, and an option may take any number of values.
    return [*options, *(["--", *positional] if positional else [])]


def _words(parameter: Parameter, option: str | None, value: Any) -> list[str]:
    if parameter.get("nargs") == 0:
        return _flag(parameter, str(option), on=bool(value))
    texts = [_text(each) for each in value] if isinstance(value, list) else [_text(value)]
    if option is None:
        return texts
    if parameter.get("repeated"):
        return [word for text in texts for word in _option(option, text)]
    if parameter.get("nargs") is None:
        return _option(option, texts[0] if not isinstance(value, list) else _text(value))
    return [option, *texts]


def _flag(parameter: Parameter, option: str, *, on: bool) -> list[str]:
    """A flag is written to change its default: `--no-cache` has the default false."""
    if parameter.get("negative"):
        return [option if on else str(parameter["negative"])]
    return [option] if on != parameter["default"] or parameter["default"] is None and on else []


def _option(option: str, text: str) -> list[str]:
    """One option and its value, joined where the value could be taken for an option."""
    if text.startswith("-") and option.startswith("--"):
        return [f"{option}={text}"]
    return [option, text]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

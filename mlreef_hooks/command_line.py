"""Parameter values to the words of a module's command line, checked before anything starts."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import REMAINDER, REQUIRED_PATHS, python_name
from mlreef_hooks.problems import did_you_mean

Parameter = Mapping[str, Any]  # as in the index
SEE = "see the parameters with mlreef-hooks show"
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SEVERAL = ("list", "tuple")
_NUMBER = re.compile(r"-\d+|-\d*\.\d+")  # what argparse takes for a negative number


def read_pairs(
    parameters: Sequence[Parameter], pairs: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The values written as `name=value`, of the parameters' types, and all that is wrong: unknown
    names, values of another type, values that are no choice.

    A list is written by its name several times, or once as a JSON array.
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
            faults.append(unknown(name, parameters))
        else:
            _add(parameter, text, values, faults)
    faults += [fault for each in parameters if (fault := miscounted(each, values))]
    return values, faults


def unknown(name: str, parameters: Sequence[Parameter]) -> str:
    """What is said of a parameter that is not there."""
    known = [each["name"] for each in parameters]
    like = did_you_mean(name, known) if known else "the module has none"
    return f"{name}: no such parameter, {like}"


def _add(parameter: Parameter, text: str, values: dict[str, Any], faults: list[str]) -> None:
    name, choices = parameter["name"], parameter["choices"]
    try:
        read = _READERS.get(parameter["type"], str)(text)
    except (ValueError, KeyError, RecursionError):
        faults.append(f"{name}: {text!r} is not of type {parameter['type']}")
        return
    several = parameter["type"] in _SEVERAL
    chosen = read if several else [read]
    if choices is not None and not all(is_choice(each, choices) for each in chosen):
        faults.append(f"{name}: {text!r} is not one of {', '.join(map(_text, choices))}")
    elif several:
        values[name] = [*values.get(name, []), *read]
    elif name in values:
        faults.append(f"{name}: given twice")
    else:
        values[name] = read


def is_choice(value: Any, choices: Sequence[Any]) -> bool:
    """True for a choice, or the text of one: the items of a list are written as text."""
    same = (each for each in choices if isinstance(each, bool) == isinstance(value, bool))
    return value in same or value in map(_text, choices)


def miscounted(parameter: Parameter, values: Mapping[str, Any]) -> str | None:
    """The fault of a list that has another length than the module takes."""
    wanted, given = parameter.get("nargs"), values.get(parameter["name"])
    if not isinstance(given, list) or not isinstance(wanted, int) or parameter.get("repeated"):
        return None
    if len(given) == wanted:
        return None
    return f"{parameter['name']}: takes {wanted} values and has {len(given)}"


def _read_several(text: str) -> list[Any]:
    return list(json.loads(text)) if text.startswith("[") else [text]


def _read_dictionary(text: str) -> dict[str, Any]:
    read = json.loads(text)
    if not isinstance(read, dict):
        raise ValueError("no dictionary")
    return read


_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "float": float,
    "complex": lambda text: str(complex(text)),
    "boolean": lambda text: TRUTHS[text.lower()],
    "list": _read_several,
    "tuple": _read_several,
    "dictionary": _read_dictionary,
}


def complete_values(
    parameters: Sequence[Parameter], values: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, Any]:
    """The values with `paths` for `input-path` and `output-path`, and defaults where one is needed.

    Defaults of optional parameters are left to the module. PublishError that lists what is missing,
    or a path that is given twice.
    """
    complete, missing = dict(values), missing_parameters(parameters, values, paths)
    twice = [name for name in values if _dashed(name) in paths]
    if twice:
        raise PublishError(f"{twice[0]} is given twice", f"leave out -p {twice[0]}=...")
    if missing:
        raise PublishError("parameters are missing", "give " + " and ".join(missing))
    for parameter in parameters:
        name = parameter["name"]
        path = paths.get(_dashed(name))
        if name not in complete and path is not None:
            complete[name] = path
        elif name not in complete and parameter["required"]:
            complete[name] = parameter["default"]
    return complete


def missing_parameters(
    parameters: Sequence[Parameter], given: Collection[str], paths: Collection[str]
) -> list[str]:
    """How to give each required parameter that is not given, has no default and is none of the
    `paths`.
    """
    return [
        _how_to_give(each["name"])
        for each in parameters
        if each["required"] and each["default"] is None
        if each["name"] not in given and _dashed(each["name"]) not in paths
    ]


def _how_to_give(name: str) -> str:
    word = _dashed(name)
    if word in REQUIRED_PATHS:
        return f"--{word.removesuffix('-path')} DIR"
    return f"-p {name}=VALUE"


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def write_arguments(
    parameters: Sequence[Parameter], values: Mapping[str, Any], raw: Sequence[str] = ()
) -> list[str]:
    """The words after the module's command: options, `raw` words, positional arguments."""
    options: list[str] = []
    positional: list[str] = []
    rest: list[str] = []
    for parameter in parameters:
        if parameter["name"] in values:
            option = parameter.get("option", f"--{parameter['name']}")
            words = _words(parameter, option, values[parameter["name"]])
            takes_rest = option is None and parameter.get("nargs") == REMAINDER
            place = rest if takes_rest else positional if option is None else options
            place.extend(words)
    return [*options, *raw, *_marked(positional, raw, rest), *rest]


def _marked(positional: Sequence[str], raw: Sequence[str], rest: Sequence[str]) -> list[str]:
    """Positional words behind a `--` where they need one.

    They may begin with a dash, and an option before them may take any number of values. What takes
    all the rest of a line (`nargs=argparse.REMAINDER`) would take the `--` too.
    """
    first = [*positional, *rest][:1]
    if rest and first[0].startswith("-"):
        hint = "begin it with something else, such as ./ before a path"
        raise PublishError(f"{first[0]!r} would be taken for an option", hint)
    marked = bool(positional) and not rest and "--" not in raw
    return [*(["--"] if marked else []), *positional]


def _words(parameter: Parameter, option: str | None, value: Any) -> list[str]:
    nargs = parameter.get("nargs")
    if nargs == 0:
        return _flag(parameter, str(option), on=bool(value))
    if value is False and parameter.get("negative") is not None:
        value = parameter["negative"]
    if option is None:
        return _texts(value)
    if parameter.get("repeated") and isinstance(value, list):
        return [word for each in value for word in _option(option, _texts(each))]
    return _option(option, [_text(value)] if nargs is None else _texts(value))


def _flag(parameter: Parameter, option: str, *, on: bool) -> list[str]:
    """A flag is written where it is wanted; its counterpart (`--no-shuffle`) where it is not."""
    if parameter.get("negative"):
        return [option if on else str(parameter["negative"])]
    return [option] if on else []


def _option(option: str, texts: Sequence[str]) -> list[str]:
    """One option and its values; a single one is joined where it could be taken for an option."""
    dashed = [text for text in texts if text.startswith("-")]
    if len(texts) == 1 and dashed:
        return [f"{option}={texts[0]}" if len(option) > 2 else f"{option}{texts[0]}"]
    for text in dashed:
        if not _NUMBER.fullmatch(text):
            hint = "begin it with something else, such as ./ before a path"
            raise PublishError(f"{option}: {text!r} would be taken for an option", hint)
    return [option, *texts]


def _texts(value: Any) -> list[str]:
    return [_text(each) for each in value] if isinstance(value, list) else [_text(value)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

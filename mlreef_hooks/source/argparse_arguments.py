"""One `add_argument` call, read into a parameter as argparse understands it."""

import ast
import re
from collections.abc import Mapping

from mlreef_hooks.manifest import PARAMETER_NAME, REMAINDER, JSONValue
from mlreef_hooks.source.argparse_call import ArgumentCall, ParsedParameter
from mlreef_hooks.source.argparse_types import (
    ACTIONS,
    NARGS,
    SILENT_ACTIONS,
    SUPPRESS,
    Action,
    converter_type,
    is_path_type,
)
from mlreef_hooks.source.choices import Choices, read_choices
from mlreef_hooks.source.defaults import EXAMPLES, fits_type, not_chosen, parse_default
from mlreef_hooks.source.wording import proposed_name, quoted, shown, type_argument

_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    list: "list",
    dict: "dictionary",
}
_INFERRED = frozenset({"boolean", "integer", "float"})
_CONVERTED = frozenset({"integer", "float", "complex"})
HELP_LENGTH = 4096
_HELP_FIELD = re.compile(r"%%|%\(default\)s")
_SWITCH = 'action="store_true" or action=argparse.BooleanOptionalAction'


def read_argument(argument: ArgumentCall) -> ParsedParameter | None:
    """The parameter of an `add_argument` call; None where a pipeline cannot fill it."""
    if argument.spellings is None:
        argument.add(
            "argparse-name-not-static",
            "the name of an argument cannot be read from the source",
            'write each argument by itself, as in parser.add_argument("--angle", type=int)',
        )
        return None
    if argument.spread:
        argument.add_spread()
    action = _read_action(argument)
    name = _read_name(argument) if action else None
    return _parameter(argument, action, name) if action and name else None


def _parameter(argument: ArgumentCall, action: Action, name: str) -> ParsedParameter:
    nargs = 0 if action.flag else _read_nargs(argument)
    many = action.repeated or nargs not in (None, 0, "?")
    value_type = "boolean" if action.flag else _read_type(argument, many=many)
    choices = None if action.flag else _read_choices(argument)
    return ParsedParameter(
        name=name,
        type="list" if many else value_type,
        required=_is_required(argument, nargs),
        default=_read_default(argument, action, value_type, choices, many=many),
        description=_read_help(argument, action),
        choices=choices,
        option=argument.option,
        nargs=nargs,
        negative=_negative(argument, action, value_type, nargs),
        repeated=action.repeated and (action.nested or nargs is None),
        line=argument.line,
        spellings=argument.spellings or (),
        unread=frozenset(argument.unread),
        is_path=is_path_type(argument.parts.get("type"), argument.source),
    )


def _read_action(argument: ArgumentCall) -> Action | None:
    """What the action does; None for one that takes no value from a pipeline."""
    expression = argument.parts.get("action")
    if expression is None:
        return ACTIONS["store"]
    literal = argument.source.literals.read(expression)
    word = argument.source.name_of(expression) if literal is None else literal.value
    if not isinstance(word, str):
        word = "made by a call"
    if word in ACTIONS or word in SILENT_ACTIONS:
        return ACTIONS.get(word)
    required = _is_required(argument, _read_nargs(argument))
    argument.add(
        "argparse-action-required" if required else "argparse-action",
        f"the action of {quoted(argument.name)} ({quoted(word)}) takes no value from a pipeline",
        "write an argument that takes one value, as in"
        f" parser.add_argument({quoted(argument.option or argument.name)}, type=int)"
        if required
        else 'write action="store" with a type= to offer it to pipelines; as it is, it is left out',
    )
    return None


def _read_name(argument: ArgumentCall) -> str | None:
    """The parameter's name; the one that the hint proposes where it cannot stand."""
    name = argument.name
    if PARAMETER_NAME.fullmatch(name):
        return name
    proposed = proposed_name(name)
    argument.add(
        "parameter-name-invalid",
        f"{quoted(name)} is no name for a parameter",
        f"write parser.add_argument({quoted('--' + (proposed or 'angle'))}, ...)",
    )
    return proposed


def _read_nargs(argument: ArgumentCall) -> int | str | None:
    literal = argument.static("nargs")
    if literal is None or literal.value is None:
        return None
    value = literal.value
    if type(value) is int and value > 0:
        return value
    if isinstance(value, str) and value in NARGS:
        return NARGS[value]
    argument.add_unread("nargs")
    return None


def _read_type(argument: ArgumentCall, *, many: bool) -> str:
    """The type of a value, or of each value of a list."""
    expression = argument.parts.get("type")
    if expression is None:
        return "string" if many else _inferred_type(argument)
    known = converter_type(expression, argument.source)
    if known == "boolean":
        argument.add(
            "argparse-type",
            f'{quoted(argument.name)} has type=bool, which makes True of "False" too',
            f"write {_SWITCH}",
        )
    if known is None:
        argument.unread.add("type")
        argument.add(
            "argparse-type",
            f"{quoted(argument.name)} is converted by the program's own type",
            "write type=int, float, str, json.loads or pathlib.Path where one of them does; as it"
            " is, pipelines see a text",
        )
    return known or "string"


def _inferred_type(argument: ArgumentCall) -> str:
    """The type of an argument that names none: a number as default says what is meant."""
    literal = argument.static("default")
    inferred = None if literal is None else _TYPES.get(type(literal.value))
    if literal is None or inferred not in _INFERRED:
        return "string"
    argument.unread.add("type")
    argument.add(
        "argparse-type",
        f"{quoted(argument.name)} has the default {shown(literal.value)} and no type, so that"
        " every other value reaches the program as text",
        f"write {_SWITCH if inferred == 'boolean' else type_argument(inferred)}; as it is,"
        f" {inferred} is taken as its type",
    )
    return inferred


def _read_choices(argument: ArgumentCall) -> Choices | None:
    expression = argument.parts.get("choices")
    if expression is None or (isinstance(expression, ast.Constant) and expression.value is None):
        return None
    choices = read_choices(expression, argument.source.literals)
    if choices is None:
        argument.add_unread("choices")
    return choices


def _read_default(
    argument: ArgumentCall, action: Action, value_type: str, choices: Choices | None, *, many: bool
) -> JSONValue:
    """The default as the program sees it; None where it has none or none that can be read."""
    literal = argument.static("default")
    if "default" not in argument.parts or not action.keeps_default:
        return action.default
    if literal is None or literal.value in (None, SUPPRESS):  # SUPPRESS: it is not even set
        return action.default
    try:
        default = _converted(argument, action, value_type, literal.value, many=many)
    except OverflowError:  # infinity and NaN
        argument.add_unread("default")
        return None
    except ValueError:
        _add_misfit(argument, value_type, literal.value, many=many)
        return None
    _check_choice(argument, default, choices)
    return default


def _converted(
    argument: ArgumentCall, action: Action, value_type: str, value: JSONValue, *, many: bool
) -> JSONValue:
    """The default after argparse's conversion, which is for text alone; ValueError if none fits."""
    if many:
        return _checked_list(argument, value_type, value)
    if isinstance(value, str) and value_type in _CONVERTED:
        return parse_default(value_type, value)
    if isinstance(value, str) and value_type == "boolean" and not action.flag:
        return bool(value)  # type=bool
    if "type" not in argument.unread and not fits_type(value_type, value):
        raise ValueError(value_type)
    return value


def _checked_list(argument: ArgumentCall, value_type: str, value: JSONValue) -> JSONValue:
    if not isinstance(value, list):
        raise ValueError("list")
    flat = "type" in argument.parts and not any(isinstance(item, list) for item in value)
    if flat and "type" not in argument.unread:
        for item in value:
            if not fits_type(value_type, item):
                raise ValueError(value_type)
    return value


def _add_misfit(argument: ArgumentCall, wanted: str, value: JSONValue, *, many: bool) -> None:
    fault, example = f"is no {wanted}", EXAMPLES[wanted]
    if many and isinstance(value, list):
        fault, example = f"holds a value that is no {wanted}", f"[{EXAMPLES[wanted]}]"
    elif many:
        fault, example = "is no list", f"[{shown(value)}]"
    other = _TYPES[type(value)]
    argument.add(
        "parameter-default-type",
        f"the default {shown(value)} of {quoted(argument.name)} {fault}",
        f"write a default such as default={example}"
        f"{'' if many or other == 'string' else f', or {type_argument(other)}'}",
    )


def _check_choice(argument: ArgumentCall, default: JSONValue, choices: Choices | None) -> None:
    if choices is None or ("type" in argument.parts and "type" in argument.unread):
        return
    strange = not_chosen(default, choices)
    if strange:
        argument.add(
            "parameter-default-type",
            f"the default {shown(strange[0])} of {quoted(argument.name)} is not one of its choices",
            f"write one of {', '.join(map(shown, choices[:10]))} as default, or add"
            f" {shown(strange[0])} to choices",
        )


def _is_required(argument: ArgumentCall, nargs: int | str | None) -> bool:
    if not argument.flags:
        return nargs not in ("?", "*", REMAINDER)
    literal = argument.static("required")
    return literal is not None and bool(literal.value)


def _negative(
    argument: ArgumentCall, action: Action, value_type: str, nargs: int | str | None
) -> str | None:
    """What says no: the option that switches a flag off, or for `bool` the only text that is."""
    if value_type == "boolean" and nargs != 0:
        return ""
    option = argument.option or ""
    return f"--no-{option[2:]}" if action.negative and option.startswith("--") else None


def _read_help(argument: ArgumentCall, action: Action) -> str:
    """The help text with `%%` and `%(default)s` replaced as argparse does."""
    literal = argument.static("help")
    if literal is None or not isinstance(literal.value, str) or literal.value == SUPPRESS:
        return ""
    default = argument.static("default")
    fields = {"%%": "%"}
    if default is not None and default.value != SUPPRESS:
        fields["%(default)s"] = str(default.value)
    elif "default" not in argument.parts and not argument.spread:
        fields["%(default)s"] = str(action.default)
    # A long default in a help text that repeats it would fill the memory.
    if literal.value.count("%(default)s") * len(fields.get("%(default)s", "")) > HELP_LENGTH:
        return literal.value
    return _HELP_FIELD.sub(lambda match: fields.get(match[0], match[0]), literal.value)

"""The lines of a wrapper that read parameters, and those that hand them on to a script."""

import keyword
import pprint
from ast import literal_eval
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mlreef_hooks.manifest import REMAINDER, REQUIRED_PATHS, JSONValue, Parameter, python_name

_TYPES = {"integer": "int", "float": "float", "complex": "complex"}
_TEXTS = ("string", "undefined")
_WIDTH = 96
_TAKEN = frozenset({*map(python_name, REQUIRED_PATHS), "help"})


def offered(parameters: Sequence[Parameter], paths: Sequence[Parameter | None]) -> list[Parameter]:
    """The parameters that a wrapper has beside its two paths: none that takes the rest of a line,
    for nobody can say that by name.
    """
    return [
        each
        for each in parameters
        if not any(each is path for path in paths)
        and python_name(each.name) not in _TAKEN
        and each.nargs != REMAINDER
    ]


def variable(parameter: Parameter) -> str:
    """The name of the parameter's value in Python."""
    name = python_name(parameter.name)
    if name.isidentifier() and not keyword.iskeyword(name):
        return name
    return f"_{name}" if f"_{name}".isidentifier() else f"value_{parameter.line}"


def reading_line(parameter: Parameter) -> str:
    """The `add_argument` call of a wrapper; what is not given is None or the script's default."""
    parts = [literal(f"--{parameter.name}")]
    if variable(parameter) != python_name(parameter.name):
        parts.append(f"dest={literal(variable(parameter))}")
    parts += _kind(parameter)
    if parameter.required:
        parts.append("required=True")
    elif shown_default(parameter) is not None:
        parts.append(f"default={literal(shown_default(parameter))}")
    choices = shown_choices(parameter)
    if choices is not None:
        parts.append(f"choices={literal(choices)}")
    if parameter.description:
        parts.append(f"help={literal(' '.join(parameter.description.split()).replace('%', '%%'))}")
    return call("    parser.add_argument", parts)


def declared(parameter: Parameter) -> Parameter:
    """The parameter as `reading_line` has a wrapper declare it."""
    flag = _is_flag(parameter)
    either = flag and (parameter.nargs != 0 or bool(parameter.negative))
    nargs = None if parameter.nargs == "?" else parameter.nargs
    value_type = parameter.type if parameter.type in _TYPES else "string"
    many = parameter.repeated or nargs not in (None, 0)
    default = None if parameter.required else shown_default(parameter)
    choices = shown_choices(parameter)
    return replace(
        parameter,
        type="boolean" if flag else "list" if many else value_type,
        default=False if flag and not either else default,
        choices=None if choices is None else tuple(choices),
        description=" ".join(parameter.description.split()),
        option=f"--{parameter.name}",
        nargs=0 if flag else nargs,
        negative=f"--no-{parameter.name}" if either else None,
    )


def _is_flag(parameter: Parameter) -> bool:
    """True where a wrapper has the parameter without a value."""
    boolean = parameter.type == "boolean" and bool(parameter.option)
    return parameter.nargs == 0 or (boolean and not parameter.negative)


def _kind(parameter: Parameter) -> list[str]:
    if parameter.nargs == 0:
        if parameter.negative:
            return ["action=argparse.BooleanOptionalAction"]
        return ['action="store_true"']
    if parameter.type == "boolean" and parameter.option and not parameter.negative:
        return ["action=argparse.BooleanOptionalAction"]
    kind = [f"type={_TYPES[parameter.type]}"] if parameter.type in _TYPES else []
    if parameter.repeated:
        nested = [] if parameter.nargs is None else [f"nargs={parameter.nargs!r}"]
        return ['action="append"', *nested, *kind]
    return kind if parameter.nargs in (None, "?") else [f"nargs={parameter.nargs!r}", *kind]


def shown_default(parameter: Parameter) -> JSONValue:
    """The script's default where it is shown, and so is what is not handed on; else None, as for
    one that the script requires whatever its default is.
    """
    value = parameter.default
    if parameter.required or parameter.repeated or isinstance(value, list | dict):
        return None
    if parameter.nargs == 0:
        return value if parameter.negative else None
    if parameter.type not in _TEXTS or isinstance(value, str | None):
        return value
    return None if isinstance(value, bool) else str(value)  # a type of the script's own reads it


def shown_choices(parameter: Parameter) -> list[JSONValue] | None:
    """The values that a wrapper takes, as texts where a type of the script's own reads them; None
    for any.
    """
    if parameter.choices is None or _is_flag(parameter):
        return None
    texts = parameter.type in _TEXTS
    return [str(each) if texts else each for each in parameter.choices]


def handing_lines(parameter: Parameter) -> Iterator[str]:
    """The statements that add the words of a parameter to `words`, or to `rest` where it stands
    for itself.
    """
    value = f"args.{variable(parameter)}"
    if parameter.nargs == 0:
        yield f"    if {_is_given(parameter, value)}:"
        yield f"        words.append({_switch(parameter, value)})"
    elif parameter.required and parameter.option is None:
        yield f"    rest += {_texts(parameter, value)}"
    else:
        yield f"    if {_is_given(parameter, value)}:"
        yield f"        {_added(parameter, value)}"


def _is_given(parameter: Parameter, value: str) -> str:
    if parameter.nargs == 0 and not parameter.negative:
        return value
    shown = shown_default(parameter)
    if shown is None or isinstance(shown, bool):
        return f"{value} is not {literal(shown)}"
    return f"{value} != {literal(shown)}"


def _switch(parameter: Parameter, value: str) -> str:
    option = literal(parameter.option)
    return (
        f"{option} if {value} else {literal(parameter.negative)}" if parameter.negative else option
    )


def _added(parameter: Parameter, value: str) -> str:
    option = parameter.option
    if option is None:
        return f"rest += {_texts(parameter, value)}"
    if parameter.repeated and parameter.nargs is None:
        return f"words += [{joined(option, 'each')} for each in {value}]"
    if parameter.repeated:
        return (
            f"words += [word for each in {value} for word in ({literal(option)}, *map(str, each))]"
        )
    if parameter.nargs in (None, "?"):
        return f"words.append({joined(option, value)})"
    return f"words += [{literal(option)}, *map(str, {value})]"


def _texts(parameter: Parameter, value: str) -> str:
    return f"[str({value})]" if parameter.nargs in (None, "?") else f"map(str, {value})"


def joined(option: str, value: str) -> str:
    """An option with its value as one word, which a value that begins with a dash needs."""
    equals = "" if len(option) == 2 else "="
    return f'f"{_inside(option)}{equals}{{{value}}}"'


def _inside(text: str) -> str:
    """A text as it stands in an f-string between double quotes."""
    return literal(text)[1:-1].replace("{", "{{").replace("}", "}}")


def literal(value: JSONValue) -> str:
    """The value as Python has it, a text in double quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if not isinstance(value, str):
        return repr(value)
    plain = repr('"' + value)[2:-1].replace('"', '\\"')  # the first makes repr choose '
    return f'"{plain}"'.replace("\\'", "'")


def call(begin: str, parts: Sequence[str]) -> str:
    """A call on one line, or with each argument on its own where that would be too long."""
    line = f"{begin}({', '.join(parts)})"
    if len(line) <= _WIDTH:
        return line
    indent = " " * (len(begin) - len(begin.lstrip()) + 4)
    inner = "".join(f"{indent}{_folded(part, indent)},\n" for part in parts)
    return f"{begin}(\n{inner}{indent[4:]})"


def _folded(part: str, indent: str) -> str:
    """A long help text over several lines; anything else stays as it is."""
    if not part.startswith("help=") or len(indent + part) < _WIDTH:
        return part
    value = literal_eval(part.removeprefix("help="))
    lines = pprint.pformat(value, width=_WIDTH - len(indent) - 4).strip("()").split("\n")
    body = "".join(f"\n{indent}    {literal(literal_eval(line.strip()))}" for line in lines)
    return f"help=({body}\n{indent})" if len(lines) > 1 else part

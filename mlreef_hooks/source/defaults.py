"""Defaults and the types of parameters: what fits, and what text says a value of a type."""

from collections.abc import Callable, Hashable, Mapping, Sequence

from mlreef_hooks.manifest import JSONValue
from mlreef_hooks.source.literals import complex_text, finite_float, finite_integer, read_text

# A default of each type, as it stands in Python source.
EXAMPLES: Mapping[str, str] = {
    "string": '"text"',
    "integer": "3",
    "float": "0.5",
    "complex": "1+2j",
    "boolean": "True",
    "list": '["a", "b"]',
    "tuple": '("a", "b")',
    "dictionary": '{"a": 1}',
}
_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


def fits_type(parameter_type: str, value: JSONValue) -> bool:
    """True where a value is one of the type; None fits every type, an integer fits a float."""
    return value is None or _FITS[parameter_type](value)


def parse_default(parameter_type: str, text: str) -> JSONValue:
    """The value of a type that a text says, such as 3 for `"3"`.

    ValueError where it says none of that type, OverflowError where JSON has none like it (`inf`).
    """
    return _PARSERS[parameter_type](text) if parameter_type in _PARSERS else text


def comparable(value: JSONValue) -> Hashable:
    """What is equal for equal values: 1 and 1.0 are, 1 and True are not."""
    if isinstance(value, list):
        return ("list", *map(comparable, value))
    if isinstance(value, dict):
        return ("dict", frozenset((key, comparable(item)) for key, item in value.items()))
    return (isinstance(value, bool), value)


def not_chosen(value: JSONValue, choices: Sequence[JSONValue]) -> list[JSONValue]:
    """Those of the values (of a list: its items) that are none of the choices."""
    known = {comparable(choice) for choice in choices}
    values = value if isinstance(value, list) else [value]
    return [each for each in values if comparable(each) not in known]


def _is_number(value: JSONValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_complex(value: JSONValue) -> bool:
    if not isinstance(value, str):
        return _is_number(value)
    try:
        _complex(value)
    except (ValueError, OverflowError):
        return False
    return True


def _complex(text: str) -> JSONValue:
    return complex_text(complex(text))


def _boolean(text: str) -> JSONValue:
    if text.strip().lower() not in _BOOLEANS:
        raise ValueError("neither True nor False")
    return _BOOLEANS[text.strip().lower()]


def _list(text: str) -> JSONValue:
    literal = read_text(text)
    if literal is None or not isinstance(literal.value, list):
        raise ValueError("no list")
    return literal.value


def _dictionary(text: str) -> JSONValue:
    literal = read_text(text)
    if literal is None or not isinstance(literal.value, dict):
        raise ValueError("no dictionary")
    return literal.value


_FITS: Mapping[str, Callable[[JSONValue], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": _is_number,
    "complex": _is_complex,
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "tuple": lambda value: isinstance(value, list),
    "dictionary": lambda value: isinstance(value, dict),
    "object": lambda value: True,
    "undefined": lambda value: True,
}

_PARSERS: Mapping[str, Callable[[str], JSONValue]] = {
    "integer": lambda text: finite_integer(int(text)),
    "float": lambda text: finite_float(float(text)),
    "complex": _complex,
    "boolean": _boolean,
    "list": _list,
    "tuple": _list,
    "dictionary": _dictionary,
}

"""A TOML table into frozen dataclasses: names, types and forms, with every fault at once."""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Literal, NewType, TypeVar

from mlreef_hooks.problems import did_you_mean

Table = TypeVar("Table")
Count = NewType("Count", int)  # a number that may be 0
Check = Callable[[Any], Iterable[str]]  # a value of the right type -> what is wrong, behind its key


def text_key(default: str, form: str, hint: str) -> Any:
    """A field that holds a text; one of another form is a fault, with `hint` behind "write"."""

    def check(value: str) -> Iterator[str]:
        if not re.fullmatch(form, value):
            yield f": write {hint}"

    return field(default=default, metadata={"check": check})


def path_key() -> Any:
    """A field that holds the absolute path of a file or folder, or nothing."""
    return text_key("", r"(?:/[^\0]*)?", "an absolute path")


def table_key(form: str, hint: str) -> Any:
    """A field that holds a table whose keys the site chooses, all of a form."""

    def check(table: Mapping[str, object]) -> Iterator[str]:
        return (f".{name}: {hint}" for name in table if not re.fullmatch(form, name))

    return field(default_factory=dict, metadata={"check": check})


def read_table(kind: type[Table], table: object, where: str, faults: list[str]) -> Table | None:
    """The dataclass `kind` with what a TOML table says, None where it is no table.

    Everything that is wrong with it is added to `faults`, by its full key below `where`.
    """
    if not isinstance(table, dict):
        faults.append(f"{where}: write a table")
        return None
    types_of = typing.get_type_hints(kind)
    checks = {
        each.name: each.metadata.get("check") for each in dataclasses.fields(typing.cast(Any, kind))
    }
    values: dict[str, Any] = {}
    for key, value in table.items():
        place = f"{where}.{key}" if where else key
        if key not in types_of:
            faults.append(f"{place}: unknown key, {did_you_mean(key, list(types_of))}")
            continue
        read = _read_value(types_of[key], value, place, faults)
        check = checks[key]
        if read is not None and check is not None:
            faults.extend(f"{place}{fault}" for fault in check(value))
        if read is not None:
            values[key] = read
    return kind(**values)


def _read_value(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    if dataclasses.is_dataclass(kind):
        return read_table(typing.cast(type, kind), value, place, faults)
    return _READERS[typing.get_origin(kind) or kind](kind, value, place, faults)


def _read_mapping(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    if not isinstance(value, dict):
        faults.append(f"{place}: write a table")
        return None
    (_, inner) = typing.get_args(kind)
    read = {key: _read_value(inner, each, f"{place}.{key}", faults) for key, each in value.items()}
    return types.MappingProxyType(read)


def _read_list(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        faults.append(f"{place}: write a list of texts")
        return None
    return tuple(value)


def _read_word(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    words = typing.get_args(kind)
    if value not in words:
        hint = did_you_mean(value, list(words)) if isinstance(value, str) else ""
        near = f", {hint}" if hint.startswith("did you mean") else ""
        faults.append(f"{place}: write {' or '.join(words)}{near}")
        return None
    return value


def _read_scalar(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    words = {str: "a text in quotes", int: "a whole number above 0", bool: "true or false"}
    if type(value) is kind and (not isinstance(value, int) or kind is bool or value > 0):
        return value
    faults.append(f"{place}: write {words[kind]}")
    return None


def _read_count(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    if type(value) is int and value >= 0:
        return Count(value)
    faults.append(f"{place}: write a whole number")
    return None


_READERS: Mapping[Any, Callable[[Any, object, str, list[str]], Any]] = {
    str: _read_scalar,
    int: _read_scalar,
    bool: _read_scalar,
    Count: _read_count,
    tuple: _read_list,
    typing.get_origin(Mapping[str, str]): _read_mapping,
    Literal: _read_word,
}

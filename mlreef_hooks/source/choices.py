"""The values that an argparse option may be given: `choices` of literals, keys and ranges."""

import ast
from typing import Any

from mlreef_hooks.manifest import JSONValue
from mlreef_hooks.source.literals import LiteralReader

MAX_CHOICES = 1000  # more are a range of numbers, such as all ports, and no list to choose from

Choices = tuple[JSONValue, ...]


def read_choices(expression: ast.expr, literals: LiteralReader) -> Choices | None:
    """The values of `choices=...`, None where only running the program could tell them.

    The keys of a dictionary are known even where its values are not: `choices=MODELS`,
    `list(MODELS)`, `sorted(MODELS.keys())`.
    """
    wrapped, ordered = _unwrapped(expression, literals)
    choices = (
        _range(wrapped, literals) if isinstance(wrapped, ast.Call) else _items(wrapped, literals)
    )
    if choices is None or len(choices) > MAX_CHOICES:
        return None
    return _sorted(choices) if ordered else choices


def _unwrapped(expression: ast.expr, literals: LiteralReader) -> tuple[ast.expr, bool]:
    """The expression inside `list(...)`, `.keys()` and the like, and whether it is sorted."""
    ordered = False
    for _ in range(_WRAPPINGS):
        if isinstance(expression, ast.Name):
            inner = literals.definition(expression.id)
        elif isinstance(expression, ast.Call):
            ordered |= isinstance(expression.func, ast.Name) and expression.func.id == "sorted"
            inner = _wrapped(expression)
        else:
            inner = None
        if inner is None:
            return expression, ordered
        expression = inner
    return expression, ordered


def _wrapped(call: ast.Call) -> ast.expr | None:
    function = call.func
    if call.keywords:
        return None
    if isinstance(function, ast.Name) and function.id in _CONTAINERS and len(call.args) == 1:
        return call.args[0]
    if isinstance(function, ast.Attribute) and function.attr == "keys" and not call.args:
        return function.value
    return None


def _items(expression: ast.expr, literals: LiteralReader) -> Choices | None:
    if isinstance(expression, ast.Dict):
        return _keys(expression, literals)
    literal = literals.read(expression)
    if literal is None or not isinstance(literal.value, list | str):
        return None
    return tuple(literal.value)


def _keys(expression: ast.Dict, literals: LiteralReader) -> Choices | None:
    read = [None if key is None else literals.read(key) for key in expression.keys]
    keys = tuple(key.value for key in read if key is not None)
    return keys if len(keys) == len(read) else None


def _range(call: ast.Call, literals: LiteralReader) -> Choices | None:
    if not isinstance(call.func, ast.Name) or call.func.id != "range" or call.keywords:
        return None
    read = [literals.read(argument) for argument in call.args[:4]]
    bounds = [each.value for each in read if each is not None and type(each.value) is int]
    if len(bounds) != len(read):
        return None
    try:
        return tuple(range(*bounds)[: MAX_CHOICES + 1])
    except (TypeError, ValueError):
        return None


def _sorted(choices: Choices) -> Choices | None:
    values: list[Any] = [*choices]  # which can be compared or not
    try:
        return tuple(sorted(values))
    except TypeError:
        return None


_WRAPPINGS = 8  # list(sorted(set(NAMES.keys()))) and a name or two
_CONTAINERS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "dict"})

"""JSON values of Python expressions, read from the source and never computed by running it."""

import ast
import cmath
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from mlreef_hooks.manifest import JSONValue
from mlreef_hooks.source.names import module_constants

# A source of a few lines can describe a value that fills the memory (a list of two names, each a
# list of two names, and so on), so depth and size are bounded. A size counts characters and items.
DEPTH = 32
LITERAL_SIZE = 1 << 16
MODULE_SIZE = 1 << 20  # of everything that is read from one module
INTEGER_BITS = 1023  # a larger integer does not fit into a float


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A value that is known without running anything; `size` in characters and items."""

    value: JSONValue
    size: int


class _NotStaticError(Exception):
    """Only running the program could tell the value, or JSON has none like it."""


class LiteralReader:
    """Reads the literals of one module, and the names that stand for one."""

    def __init__(self, module: ast.Module) -> None:
        self._module = module
        self._known: dict[str, Literal | None] = {}
        self._left = MODULE_SIZE
        self._literal_left = LITERAL_SIZE

    @cached_property
    def _constants(self) -> Mapping[str, ast.expr]:
        return module_constants(self._module)

    def definition(self, name: str) -> ast.expr | None:
        """The expression that the module binds to a name, exactly once and at its top level."""
        return self._constants.get(name)

    def read(self, expression: ast.expr) -> Literal | None:
        """The JSON value of an expression; None where only running it could tell.

        A tuple and a set become a list, keys become text as in `json.dumps`, a complex number its
        text. Bytes, `...`, infinity and half of a surrogate pair have no JSON value.
        """
        self._literal_left = LITERAL_SIZE
        try:
            value = self._value(expression, DEPTH)
        except _NotStaticError:
            return None
        return Literal(value=value, size=LITERAL_SIZE - self._literal_left)

    def _value(self, expression: ast.expr, depth: int) -> JSONValue:
        read = _READERS.get(type(expression))
        if read is None or depth == 0:
            raise _NotStaticError
        return read(self, expression, depth - 1)

    def _spend(self, size: int) -> None:
        self._left -= size
        self._literal_left -= size
        if self._left < 0 or self._literal_left < 0:
            raise _NotStaticError

    def _constant(self, node: ast.Constant, depth: int) -> JSONValue:
        check = _CONSTANTS.get(type(node.value))
        if check is None:
            raise _NotStaticError
        value = check(node.value)
        self._spend(1 + (len(value) if isinstance(value, str) else 0))
        return value

    def _items(self, node: ast.List | ast.Tuple | ast.Set, depth: int) -> JSONValue:
        self._spend(1)
        return [self._value(item, depth) for item in node.elts]

    def _mapping(self, node: ast.Dict, depth: int) -> JSONValue:
        self._spend(1)
        pairs: dict[str, JSONValue] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:  # {**other}
                raise _NotStaticError
            pairs[_key(self._value(key, depth))] = self._value(value, depth)
        return pairs

    def _signed(self, node: ast.UnaryOp, depth: int) -> JSONValue:
        sign = _SIGNS.get(type(node.op))
        operand = node.operand
        number = operand.value if isinstance(operand, ast.Constant) else None
        if sign is None or isinstance(number, bool):
            raise _NotStaticError
        if not isinstance(number, int | float | complex):
            raise _NotStaticError
        return self._constant(ast.Constant(value=sign * number), depth)

    def _sum(self, node: ast.BinOp, depth: int) -> JSONValue:
        if isinstance(node.right, ast.Constant) and type(node.right.value) is complex:
            return self._complex(node, node.right.value, depth)
        texts = [self._value(term, depth) for term in _terms(node)]
        if not all(isinstance(text, str) for text in texts):
            raise _NotStaticError
        return "".join(str(text) for text in texts)

    def _complex(self, node: ast.BinOp, imaginary: complex, depth: int) -> JSONValue:
        sign = _OPERATORS.get(type(node.op))
        real = self._value(node.left, depth)
        if sign is None or not isinstance(real, int | float) or isinstance(real, bool):
            raise _NotStaticError
        return _complex(real + sign * imaginary)

    def _joined(self, node: ast.JoinedStr, depth: int) -> JSONValue:
        """An f-string without placeholders."""
        return "".join(str(self._value(part, depth)) for part in node.values)

    def _named(self, node: ast.Name, depth: int) -> JSONValue:
        if node.id in self._known:
            known = self._known[node.id]
            if known is None:
                raise _NotStaticError
            self._spend(known.size)
            return known.value
        self._known[node.id] = None  # a name that leads back to itself stands for nothing
        expression = self.definition(node.id)
        if expression is None:
            raise _NotStaticError
        before = self._literal_left
        value = self._value(expression, depth)
        self._known[node.id] = Literal(value=value, size=before - self._literal_left)
        return value


def read_text(text: str) -> Literal | None:
    """The JSON value of a Python literal that stands in a text, such as `"[1, 2]"`, None if none.

    MLReef's own examples write lists this way: `defaultValue="[]"`.
    """
    if len(text) > LITERAL_SIZE:
        return None
    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return LiteralReader(ast.Module(body=[], type_ignores=[])).read(expression)


def finite_integer(value: int) -> int:
    """The integer itself; OverflowError where JSON readers would lose it."""
    if value.bit_length() > INTEGER_BITS:
        raise OverflowError(f"more than {INTEGER_BITS} bits")
    return value


def finite_float(value: float) -> float:
    """The number itself; OverflowError for infinity and NaN, which JSON does not have."""
    if not math.isfinite(value):
        raise OverflowError("not finite")
    return value


def complex_text(value: complex) -> str:
    """The text of a complex number, such as `(1+2j)`; OverflowError where it is not finite."""
    if not cmath.isfinite(value):
        raise OverflowError("not finite")
    return str(value)


def _terms(node: ast.BinOp) -> Iterable[ast.expr]:
    """The terms of `a + b + c` from left to right; the tree is as deep as the sum is long."""
    terms: list[ast.expr] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
        terms.append(left.right)
        left = left.left
    terms.append(left)
    return reversed(terms)


def _key(value: JSONValue) -> str:
    if isinstance(value, list | dict):
        raise _NotStaticError
    return value if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _NotStaticError from None
    return value


def _integer(value: int) -> int:
    try:
        return finite_integer(value)
    except OverflowError:
        raise _NotStaticError from None


def _float(value: float) -> float:
    try:
        return finite_float(value)
    except OverflowError:
        raise _NotStaticError from None


def _complex(value: complex) -> str:
    try:
        return complex_text(value)
    except OverflowError:
        raise _NotStaticError from None


_SIGNS: Mapping[type[ast.unaryop], int] = {ast.UAdd: 1, ast.USub: -1}
_OPERATORS: Mapping[type[ast.operator], int] = {ast.Add: 1, ast.Sub: -1}
_CONSTANTS: Mapping[type, Callable[..., JSONValue]] = {
    type(None): lambda value: None,
    bool: bool,
    int: _integer,
    float: _float,
    complex: _complex,
    str: _text,
}
_READERS: Mapping[type[ast.expr], Callable[..., JSONValue]] = {
    ast.Constant: LiteralReader._constant,
    ast.List: LiteralReader._items,
    ast.Tuple: LiteralReader._items,
    ast.Set: LiteralReader._items,
    ast.Dict: LiteralReader._mapping,
    ast.UnaryOp: LiteralReader._signed,
    ast.BinOp: LiteralReader._sum,
    ast.JoinedStr: LiteralReader._joined,
    ast.Name: LiteralReader._named,
}

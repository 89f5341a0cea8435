"""The parameters of a function: its type hints, its defaults, and what its docstring says."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import PYTHON_TYPES, JSONValue, Parameter
from mlreef_hooks.source.argparse_call import ParsedParameter
from mlreef_hooks.source.literals import LiteralReader

_USUAL = ("main", "run", "process", "transform", "convert", "train", "predict", "apply")
_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "float", list: "list"}
# `:param angle: ...`, and `angle (int): ...` or `angle: ...` in a line of its own.
_SAID = (
    r"^[ \t]*(?:[:@]param[ \t]+(?:\w+[ \t]+)?{0}[ \t]*:|{0}[ \t]*(?:\([^)\n]*\))?[ \t]*:)\s*(.+)$"
)
_MOST = 200  # parameters of a function that people call
_LENGTH = 20_000  # characters of a docstring that are looked at for each of them


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A function that can be called with values by name."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]


def read_signature(module: ast.Module, named: str = "") -> Signature | None:
    """The function that does a file's work: the one that is `named`, else the only public one with
    parameters, or the one with a usual name; None where that cannot be told.
    """
    found = callable_functions(module)
    names = (named,) if named else _USUAL
    usual = [each for name in names for each in found if each.name == name]
    chosen = usual[:1] or (found if len(found) == 1 and not named else [])
    if not chosen:
        return None
    text = (ast.get_docstring(chosen[0]) or "")[:_LENGTH]
    reader = LiteralReader(module)
    try:
        parameters = tuple(_parameters(chosen[0].args, text, reader))
    except RecursionError:  # a type hint that nobody writes
        return None
    return Signature(name=chosen[0].name, description=text, parameters=parameters)


def callable_functions(module: ast.Module) -> list[ast.FunctionDef]:
    """The public functions of a file that can be called with values by name."""
    functions = [each for each in module.body if isinstance(each, ast.FunctionDef)]
    return [each for each in functions if not each.name.startswith("_") and _callable(each)]


def _callable(function: ast.FunctionDef) -> bool:
    """True for a function whose parameters all have names."""
    arguments = function.args
    several = arguments.vararg or arguments.kwarg or arguments.posonlyargs
    count = len(arguments.args) + len(arguments.kwonlyargs)
    return 0 < count <= _MOST and not several


def _parameters(arguments: ast.arguments, text: str, reader: LiteralReader) -> Iterator[Parameter]:
    missing: Sequence[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    named = zip(arguments.args, [*missing, *arguments.defaults], strict=True)
    by_keyword = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in (*named, *by_keyword):
        literal = None if default is None else reader.read(default)
        value = None if literal is None else literal.value
        said = re.search(_SAID.format(re.escape(argument.arg)), text, re.MULTILINE)
        kind, choices = _hinted(argument.annotation, reader)
        yield ParsedParameter(
            name=argument.arg.replace("_", "-"),
            type=kind or _TYPES.get(type(value), "string"),
            required=default is None,
            default=value,
            description=said[1].strip() if said else "",
            choices=choices,
            option=f"--{argument.arg.replace('_', '-')}",
            nargs="*" if (kind or _TYPES.get(type(value))) == "list" else None,
            line=argument.lineno,
            is_path=_is_path(argument.annotation),
            unread=frozenset({"default"} if default is not None and literal is None else ()),
        )


def _is_path(hint: ast.expr | None) -> bool:
    """True for `Path`, `Path | None`, `list[Path]` and the like."""
    names = () if hint is None else ast.walk(hint)
    return any(
        (each.id if isinstance(each, ast.Name) else each.attr) in ("Path", "PathLike")
        for each in names
        if isinstance(each, ast.Name | ast.Attribute)
    )


def _hinted(
    hint: ast.expr | None, reader: LiteralReader
) -> tuple[str | None, tuple[JSONValue, ...] | None]:
    """The type, and the choices, that a type hint says; None where it says none."""
    if isinstance(hint, ast.BinOp):  # int | None
        return _hinted(hint.left, reader)
    if isinstance(hint, ast.Subscript):
        outer = ast.unparse(hint.value).rpartition(".")[2]
        if outer == "Literal":
            literal = reader.read(hint.slice)
            values = literal.value if literal else None
            listed = values if isinstance(values, list) else [values]
            first = _TYPES.get(type(listed[0]), "string")
            return first, tuple(listed) if literal else None
        return _hinted(hint.slice if outer == "Optional" else hint.value, reader)
    word = ast.unparse(hint).rpartition(".")[2].lower() if hint is not None else ""
    kind = PYTHON_TYPES.get({"sequence": "list", "iterable": "list"}.get(word, word))
    return ("list" if kind == "tuple" else kind if kind != "dictionary" else None), None

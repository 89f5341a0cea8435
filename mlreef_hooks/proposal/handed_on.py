"""What a wrapper hands on to the script behind it, read from its source, edited or not."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlreef_hooks.source.literals import Literal, LiteralReader
from mlreef_hooks.source.wrapped_script import MAIN, WrappedScript

COMMAND_LINE = "command_line"  # the function that makes the words of a script
WORDS, REST = "words", "rest"  # what it collects: options, and what stands for itself
OPTIONS = "options"  # the values of a function whose defaults it has itself
_OPTION = re.compile(r"--?[A-Za-z_][\w-]*")


@dataclass(frozen=True, kw_only=True)
class Handed:
    """One thing that is handed on, in `line`.

    `words` are the options that are written for it, or the argument of the function; none for what
    stands for itself. `name` is the wrapper's own parameter as Python has it, empty for a path.
    `skipped` is the value for which nothing is handed on, None where it is always.
    """

    line: int
    words: frozenset[str] = frozenset()
    name: str = ""
    skipped: Literal | None = None

    @property
    def options(self) -> list[str]:
        """Those of the words that can be nothing but options."""
        return sorted(each for each in self.words if _OPTION.fullmatch(each))


def read_handed(module: ast.Module, script: WrappedScript) -> list[Handed]:
    """What the wrapper in `module` hands on to its script."""
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    if script.call is not None:
        return [*_keywords(script.call), *_optional_keywords(functions[MAIN])]
    if COMMAND_LINE not in functions:
        return []
    reader = LiteralReader(module)
    return [
        handed for statement in functions[COMMAND_LINE].body for handed in _added(statement, reader)
    ]


def _keywords(call: ast.Call) -> Iterator[Handed]:
    for each in call.keywords:
        if each.arg is not None:
            words = frozenset({each.arg})
            yield Handed(line=each.value.lineno, words=words, name=_argument(each.value))


def _optional_keywords(main: ast.FunctionDef) -> Iterator[Handed]:
    """The names in `options = {name: getattr(args, name) for name in ["size"]}`."""
    for statement in main.body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.DictComp(generators=[ast.comprehension(iter=ast.List(elts=names))]),
            ) if name == OPTIONS:
                for each in names:
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        yield Handed(
                            line=each.lineno, words=frozenset({each.value}), name=each.value
                        )


def _added(statement: ast.stmt, reader: LiteralReader) -> Iterator[Handed]:
    """What a statement of the function adds, by itself or where a value is given."""
    skipped, body, given = None, [statement], ""
    if isinstance(statement, ast.If):
        body, given = statement.body, _argument(statement.test)
        skipped = _skipped(statement.test, reader)
    for each in body:
        match each:
            case ast.AugAssign(target=ast.Name(id=target), value=value):
                pass
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=target), attr="append"), args=[value]
                )
            ):
                pass
            case _:
                continue
        if target in (WORDS, REST):
            words = frozenset(_texts(value)) if target == WORDS else frozenset()
            name = _argument(value) or given
            yield Handed(line=each.lineno, words=words, name=name, skipped=skipped)


def _skipped(test: ast.expr, reader: LiteralReader) -> Literal | None:
    match test:
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id="args")),
            ops=[ast.NotEq() | ast.IsNot()],
            comparators=[value],
        ):
            return reader.read(value)
    return None


def _texts(value: ast.expr) -> Iterator[str]:
    """The texts in an expression, without the `=` that stands before a value."""
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.removesuffix("=")


def _argument(value: ast.expr) -> str:
    """The parameter of the wrapper whose value an expression has."""
    for node in ast.walk(value):
        match node:
            case ast.Attribute(value=ast.Name(id="args"), attr=name):
                return name
    return ""

"""What a wrapper hands on to the script behind it, read from its source, edited or not."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlreef_hooks.source.literals import Literal, LiteralReader
from mlreef_hooks.source.wrapped_script import MAIN, WrappedScript

COMMAND_LINE = "command_line"  # the function that makes the words of a script
WORDS, REST = "words", "rest"  # what it collects: options, and what stands for itself
OPTIONS = "options"  # the values of a function whose defaults it has itself
_OPTIONS_USED = 4  # times, where `init` wrote it
_OPTION = re.compile(r"--?[A-Za-z_][\w-]*")


@dataclass(frozen=True, kw_only=True)
class Handed:
    """One thing that is handed on, in `line`.

    `words` are the options that are written for it, or the argument of the function; none for what
    stands for itself. `name` is the wrapper's own parameter as Python has it, empty for a path.
    `skipped` is the value for which nothing is handed on, None where it is always. `valued` says
    whether an option stands with a value, None where that cannot be told.
    """

    line: int
    words: frozenset[str] = frozenset()
    name: str = ""
    skipped: Literal | None = None
    valued: bool | None = None

    @property
    def options(self) -> list[str]:
        """Those of the words that can be nothing but options."""
        return sorted(each for each in self.words if _OPTION.fullmatch(each))


@dataclass(frozen=True, kw_only=True)
class HandedOn:
    """What a wrapper hands on, as far as it is `read`; `whole` is true where that is all: one that
    was changed may hand things on in ways that only running it could tell.
    """

    read: Sequence[Handed]
    whole: bool


def read_handed(module: ast.Module, script: WrappedScript) -> HandedOn:
    """What the wrapper in `module` hands on to its script."""
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    if script.call is not None:
        main = functions[MAIN]
        given = [*_keywords(script.call), *_optional_keywords(main)]
        return HandedOn(read=given, whole=_names_all(script.call, main))
    line = functions.get(COMMAND_LINE)
    reader = LiteralReader(module)
    found = [each for statement in line.body for each in _added(statement, reader)] if line else []
    whole = None not in found and _starts_plainly(functions.get(MAIN), bool(line))
    return HandedOn(read=[each for each in found if each], whole=whole)


def _names_all(call: ast.Call, main: ast.FunctionDef) -> bool:
    """True where the arguments of a call all have names that can be read."""
    if all(each.arg for each in call.keywords):
        return True
    used = [node for node in ast.walk(main) if isinstance(node, ast.Name) and node.id == OPTIONS]
    return len(used) == _OPTIONS_USED and any(True for _ in _optional_keywords(main))


def _starts_plainly(main: ast.FunctionDef | None, words: bool) -> bool:
    """True where the script is started with the words of the function and nothing else."""
    nodes = [*ast.walk(main)] if main else []
    if words and sum(isinstance(node, ast.Name) and node.id == WORDS for node in nodes) != 2:
        return False  # bound, and used once
    return any(_is_command(each, words) for each in nodes) and words == any(map(_is_made, nodes))


def _is_made(node: ast.AST) -> bool:
    """True where the words are bound to what the function makes."""
    match node:
        case ast.Assign(
            targets=[ast.Name(id="words")], value=ast.Call(func=ast.Name(id="command_line"))
        ):
            return True
    return False


def _is_command(node: ast.AST, words: bool) -> bool:
    match node:
        case ast.List(elts=[ast.Attribute(attr="executable"), ast.Name(id="SCRIPT"), *more]):
            pass
        case _:
            return False
    match more:
        case [ast.Starred(value=ast.Name(id="words"))]:
            return words
    return not more and not words


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


def _added(statement: ast.stmt, reader: LiteralReader) -> Iterator[Handed | None]:
    """What a statement of the function adds, by itself or where a value is given; None for what
    is not understood.
    """
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=ast.List(elts=[])):
            return
        case ast.Return(value=value) if value is not None and _is_end(value):
            return
        case ast.If(test=test, body=body, orelse=orelse):
            skipped, given = _skipped(test, reader), _argument(test)
            for each in body:
                yield from _collected(each, given, skipped)
            if orelse:
                yield None
        case _:
            yield from _collected(statement, "", None)


def _is_end(value: ast.expr) -> bool:
    """True for `[*words, "--", *rest] if rest else words`."""
    match value:
        case ast.IfExp(
            test=ast.Name(id="rest"),
            body=ast.List(
                elts=[
                    ast.Starred(value=ast.Name(id="words")),
                    ast.Constant(value="--"),
                    ast.Starred(value=ast.Name(id="rest")),
                ]
            ),
            orelse=ast.Name(id="words"),
        ):
            return True
    return False


def _collected(statement: ast.stmt, given: str, skipped: Literal | None) -> Iterator[Handed | None]:
    """What `words.append(...)` and `rest += ...` add."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=target), value=value):
            pass
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=target), attr="append"), args=[value]
            )
        ):
            pass
        case _:
            yield None
            return
    values = value.elts if target == REST and isinstance(value, ast.List) else [value]
    for each in values:
        words = frozenset(_texts(each)) if target == WORDS else frozenset()
        known = bool(words) if target == WORDS else target == REST
        if not known or isinstance(each, ast.Starred):
            yield None
            continue
        yield Handed(
            line=statement.lineno,
            words=words,
            name=_argument(each) or given,
            skipped=skipped,
            valued=_is_valued(each),
        )


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
    """The texts in an expression, an option without the `=` and what stands behind it."""
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            option = node.value.startswith("--")
            yield node.value.partition("=")[0] if option else node.value


def _is_valued(value: ast.expr) -> bool | None:
    """True for an option with a value, False for one without, None where that cannot be told."""
    match value:
        case ast.Constant(value=str(text)):
            return "=" in text
        case ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(other))):
            return None if "=" in one + other else False
        case ast.JoinedStr() | ast.ListComp() | ast.List(elts=[_, _, *_]):
            return True
    return None


def _argument(value: ast.expr) -> str:
    """The parameter of the wrapper whose value an expression has."""
    for node in ast.walk(value):
        match node:
            case ast.Attribute(value=ast.Name(id="args"), attr=name):
                return name
    return ""

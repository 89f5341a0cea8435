"""argparse calls written for parameters that are only annotated: the text of a file with them."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.annotation_writing import literal
from mlreef_hooks.source.argparse_calls import Calls, find_calls
from mlreef_hooks.source.inserted_lines import SourceLines
from mlreef_hooks.source.names import dotted_name, imported_names
from mlreef_hooks.source.source_file import SourceFile
from mlreef_hooks.source.wording import type_argument

_TEXTS = frozenset({"string", "undefined"})
_TABLES = frozenset({"dictionary", "object"})


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The statement below which calls can stand, and what they are calls of."""

    statement: ast.stmt
    parser: str


def add_arguments(content: bytes, parameters: Sequence[Parameter]) -> bytes | None:
    """A file whose parser accepts each parameter, below the arguments that it is given already.

    `content` compiles. None where the parser is not assigned to a name on lines of its own; all
    parameters are ones that `is_writable` takes.
    """
    module, lines = ast.parse(content), SourceLines.of(content)
    place = _place(module)
    if lines is None or place is None or not lines.alone(place.statement):
        return None
    imported = imported_names(module)
    added = [_call(place.parser, parameter, imported) for parameter in parameters]
    return lines.insert_below(place.statement, added)


def is_writable(parameter: Parameter, content: bytes) -> bool:
    """False where a call would need an import that the file does not have, or argparse has the
    option itself.
    """
    if parameter.name == "help":
        return False
    imported = imported_names(ast.parse(content))
    if parameter.type in _TABLES:
        return imported.get("json") == "json"
    return not _needs_switch(parameter) or "argparse" in imported.values()


def _needs_switch(parameter: Parameter) -> bool:
    """True for what both `--x` and `--no-x` must be able to say."""
    return parameter.type == "boolean" and (parameter.required or parameter.default is True)


def _place(module: ast.Module) -> _Place | None:
    calls = find_calls(module, SourceFile.of(module, "", Problems()))
    if len(calls.parsers) != 1:
        return None
    for block in _blocks(module):
        for number, statement in enumerate(block):
            parser = _assigned(statement, calls.parsers[0])
            if parser is not None:
                last = _last_argument(block[number:], parser, calls)
                return _Place(statement=last or statement, parser=parser)
    return None


def _blocks(module: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(module):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                yield value


def _assigned(statement: ast.stmt, parser: ast.Call) -> str | None:
    """The name that a statement gives to the parser; None where it does something else."""
    if isinstance(statement, ast.AnnAssign) and statement.value is parser:
        return dotted_name(statement.target, {})
    if not isinstance(statement, ast.Assign) or statement.value is not parser:
        return None
    return dotted_name(statement.targets[0], {}) if len(statement.targets) == 1 else None


def _last_argument(block: Sequence[ast.stmt], parser: str, calls: Calls) -> ast.stmt | None:
    """The last statement of a block that gives the parser itself, not a group, an argument."""
    found = None
    for statement in block:
        call = getattr(statement, "value", None)
        if isinstance(call, ast.Call) and any(call is each for each in calls.arguments):
            method = call.func
            if isinstance(method, ast.Attribute) and dotted_name(method.value, {}) == parser:
                found = statement
    return found


def _call(parser: str, parameter: Parameter, imported: Mapping[str, str]) -> str:
    parts = [literal(f"--{parameter.name}")]
    if _needs_switch(parameter):
        module = next(name for name, full in imported.items() if full == "argparse")
        parts.append(f"action={module}.BooleanOptionalAction")
    elif parameter.type not in _TEXTS:
        parts.append(type_argument(parameter.type))
    if parameter.required:
        parts.append("required=True")
    elif parameter.default is not None and not (
        parameter.type == "boolean" and parameter.default is False
    ):
        parts.append(f"default={literal(parameter.default)}")
    return f"{parser}.add_argument({', '.join(parts)})"

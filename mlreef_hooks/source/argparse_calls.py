"""The parameters that a Python file's argparse calls accept, read without running it.

Every `add_argument` of the file counts, whatever the parser is called and wherever it is handed
to: a group, a function, a method. Only the arguments of subcommands are left out.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlreef_hooks.problems import Problems
from mlreef_hooks.source.argparse_arguments import read_argument
from mlreef_hooks.source.argparse_call import ArgumentCall, ParsedParameter
from mlreef_hooks.source.names import CHAIN, dotted_name, imported_names
from mlreef_hooks.source.parameters import distinct_parameters
from mlreef_hooks.source.source_file import SourceFile

# A file without this word makes no parser, under whatever alias.
ARGPARSE_WORDS = ("ArgumentParser",)

_PARSER = "argparse.ArgumentParser"
_GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(kw_only=True)
class _Scope:
    """The names of a function or class: which of them stand for the parser of a subcommand."""

    outer: "_Scope | None" = None
    names: dict[str, bool] = field(default_factory=dict)

    def is_subparser(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return False


@dataclass(frozen=True, kw_only=True)
class _Calls:
    """The argparse calls of a file, each kind in the order of the source."""

    parsers: list[ast.Call] = field(default_factory=list)
    arguments: list[ast.Call] = field(default_factory=list)
    defaults: list[ast.Call] = field(default_factory=list)
    subcommands: list[ast.Call] = field(default_factory=list)


def has_main_parser(module: ast.Module) -> bool:
    """True where a file makes an argparse parser and has an `if __name__ == "__main__":`."""
    return any(map(_is_main_guard, module.body)) and bool(find_parsers(module))


def find_parsers(module: ast.Module) -> list[ast.Call]:
    """The calls that make an argparse parser, in the order of the source."""
    imported = imported_names(module)
    classes = _parser_classes(module, imported)
    calls = (node for node in ast.walk(module) if isinstance(node, ast.Call))
    found = (call for call in calls if dotted_name(call.func, imported) in classes)
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def read_argparse(
    module: ast.Module, path: str, problems: Problems
) -> tuple[ParsedParameter, ...] | None:
    """The parameters that a file's parser accepts, None where it makes no parser."""
    source = SourceFile.of(module, path, problems)
    calls = _find_calls(module, source)
    if not calls.parsers:
        return None
    _check_parsers(calls, source)
    arguments = [ArgumentCall(call, source) for call in calls.arguments]
    _set_defaults(calls.defaults, arguments, source)
    read = [read_argument(argument) for argument in arguments]
    return distinct_parameters([parameter for parameter in read if parameter is not None], source)


def _is_main_guard(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    test = statement.test
    sides = [test.left, *test.comparators]
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    texts = [side.value for side in sides if isinstance(side, ast.Constant)]
    equal = [isinstance(operator, ast.Eq) for operator in test.ops] == [True]
    return equal and names == ["__name__"] and texts == ["__main__"]


def _parser_classes(module: ast.Module, imported: Mapping[str, str]) -> set[str]:
    """The dotted names of `ArgumentParser` and of the classes that the file derives from it."""
    classes = {_PARSER}
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and any(
            dotted_name(base, imported) in classes for base in node.bases
        ):
            classes.add(node.name)
    return classes


def _find_calls(module: ast.Module, source: SourceFile) -> _Calls:
    calls = _Calls()
    classes = _parser_classes(module, source.imported)
    for node, scope in _walk(module):
        _bind_subparsers(node, scope)
        if not isinstance(node, ast.Call):
            continue
        if source.name_of(node.func) in classes:
            calls.parsers.append(node)
        if isinstance(node.func, ast.Attribute):
            _add_call(calls, node, node.func, scope)
    return calls


def _add_call(calls: _Calls, call: ast.Call, method: ast.Attribute, scope: _Scope) -> None:
    kinds = {
        "add_argument": calls.arguments,
        "set_defaults": calls.defaults,
        "add_subparsers": calls.subcommands,
    }
    if method.attr in kinds and not _is_subparser(method.value, scope):
        kinds[method.attr].append(call)


def _walk(module: ast.Module) -> Iterator[tuple[ast.AST, _Scope]]:
    """Every node in the order of the source with the scope it stands in; no recursion."""
    stack: list[tuple[ast.AST, _Scope]] = [(module, _Scope())]
    while stack:
        node, scope = stack.pop()
        yield node, scope
        inner = _Scope(outer=scope) if isinstance(node, _FUNCTIONS) else scope
        stack.extend((child, inner) for child in reversed(list(ast.iter_child_nodes(node))))


def _bind_subparsers(node: ast.AST, scope: _Scope) -> None:
    """Note which names an assignment makes the parser of a subcommand, or no longer one."""
    if isinstance(node, ast.Assign):
        targets: Sequence[ast.expr] = node.targets
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        targets = [node.target]
    else:
        return
    subparser = node.value is not None and _is_subparser(node.value, scope)
    for target in targets:
        name = dotted_name(target, {})
        if name is not None:
            scope.names[name] = subparser


def _is_subparser(expression: ast.expr, scope: _Scope) -> bool:
    """True for `sub.add_parser("train")`, a name that stands for it, and a group of either."""
    for _ in range(CHAIN):
        if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Attribute):
            break
        if expression.func.attr == "add_parser":
            return True
        if expression.func.attr not in _GROUPS:
            return False
        expression = expression.func.value
    name = dotted_name(expression, {})
    return name is not None and scope.is_subparser(name)


def _check_parsers(calls: _Calls, source: SourceFile) -> None:
    for call in calls.subcommands:
        source.add(
            "argparse-subcommands",
            call.func.end_lineno or call.lineno,
            "the parser has subcommands, and a module is one function",
            "write one file with one ArgumentParser() for each, and a [[module]] table in"
            " mlreef.toml for each file",
        )
    joined = any(keyword.arg == "parents" for call in calls.parsers for keyword in call.keywords)
    if len(calls.parsers) > 1 and not joined:
        source.add(
            "argparse-parsers",
            calls.parsers[1].lineno,
            f"a second parser beside the one in line {calls.parsers[0].lineno}",
            "write one ArgumentParser(), or parents=[...]; as it is, all options are taken as one"
            " parser's",
        )


def _set_defaults(
    calls: Sequence[ast.Call], arguments: Sequence[ArgumentCall], source: SourceFile
) -> None:
    """Let `parser.set_defaults(x=1)` override the defaults of the arguments before it.

    An argument that is added after it and has a default of its own keeps its own.
    """
    last: dict[str, tuple[int, ast.expr]] = {}
    for call in calls:
        line = call.func.end_lineno or call.lineno
        for keyword in call.keywords:
            if keyword.arg is None:
                source.add(
                    "argparse-value-not-static",
                    line,
                    "set_defaults takes defaults from `**`, which cannot be read from the source",
                    "write set_defaults(angle=30); as it is, the defaults of add_argument count",
                )
            else:
                last[keyword.arg] = (line, keyword.value)
    for argument in arguments:
        line, value = last.get(argument.destination, (0, None))
        if value is not None and (argument.line < line or "default" not in argument.parts):
            argument.parts["default"] = value

"""The calls of a Python file that make its argparse parser and give it arguments.

Every `add_argument` of the file counts, whatever the parser is called and wherever it is handed
to: a group, a function, a method. Only the arguments of subcommands are left out.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from mlreef_hooks.source.names import CHAIN, dotted_name, imported_names
from mlreef_hooks.source.nodes import nodes_of
from mlreef_hooks.source.source_file import SourceFile

# A file without this word makes no parser, under whatever alias.
ARGPARSE_WORDS = ("ArgumentParser",)

_PARSER = "argparse.ArgumentParser"
_GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})
# What somebody does with a parser; an object of another library has `add_argument` alone.
_OF_PARSERS = _GROUPS | {
    "parse_args", "parse_known_args", "parse_intermixed_args", "set_defaults", "add_subparsers",
    "print_help", "format_help",
}  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BRANCHES = 20  # of one statement
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


@dataclass(kw_only=True)
class _Scope:
    """The names of a function or class that stand for something that is not the program's parser:
    the parser of a subcommand, or an object of another library.
    """

    outer: "_Scope | None" = None
    names: dict[str, bool] = field(default_factory=dict)

    def is_other(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return False


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The argparse calls of a file, each kind in the order of the source."""

    parsers: list[ast.Call] = field(default_factory=list)
    arguments: list[ast.Call] = field(default_factory=list)
    defaults: list[ast.Call] = field(default_factory=list)
    subcommands: list[ast.Call] = field(default_factory=list)
    branches: list[tuple[range, range]] = field(default_factory=list)

    def exclusive(self, first: int, second: int) -> bool:
        """True where two lines stand in branches of which only one runs."""
        return any(
            (first in one and second in other) or (first in other and second in one)
            for one, other in self.branches
        )


def has_main_parser(module: ast.Module) -> bool:
    """True where a file makes an argparse parser and has an `if __name__ == "__main__":`."""
    return any(map(_is_main_guard, module.body)) and bool(find_parsers(module))


def find_parsers(module: ast.Module) -> list[ast.Call]:
    """The calls that make an argparse parser, in the order of the source."""
    imported = imported_names(module)
    classes = _parser_classes(module, imported)
    calls = (node for node in nodes_of(module) if isinstance(node, ast.Call))
    found = (call for call in calls if dotted_name(call.func, imported) in classes)
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


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
    for node in nodes_of(module):
        if isinstance(node, ast.ClassDef) and any(
            dotted_name(base, imported) in classes for base in node.bases
        ):
            classes.add(node.name)
    return classes


def find_calls(module: ast.Module, source: SourceFile) -> Calls:
    """The calls by what they do to the parser of the program."""
    calls = Calls()
    classes = _parser_classes(module, source.imported)
    used = _used_as_parsers(module)
    for node, scope in _walk(module):
        _bind_others(node, scope, source, classes, used)
        calls.branches.extend(_branches(node))
        if not isinstance(node, ast.Call):
            continue
        if source.name_of(node.func) in classes:
            calls.parsers.append(node)
        if isinstance(node.func, ast.Attribute):
            _add_call(calls, node, node.func, scope)
    return calls


def _add_call(calls: Calls, call: ast.Call, method: ast.Attribute, scope: _Scope) -> None:
    kinds = {
        "add_argument": calls.arguments,
        "set_defaults": calls.defaults,
        "add_subparsers": calls.subcommands,
    }
    if method.attr in kinds and not _is_other(method.value, scope):
        kinds[method.attr].append(call)


def _walk(module: ast.Module) -> Iterator[tuple[ast.AST, _Scope]]:
    """Every node in the order of the source with the scope it stands in; no recursion.

    Functions whose name occurs nowhere else are left out: nobody calls them. Methods may be called
    from outside.
    """
    named = _names(module)
    stack: list[tuple[ast.AST, _Scope, bool]] = [(module, _Scope(), False)]
    while stack:
        node, scope, method = stack.pop()
        if isinstance(node, _FUNCTIONS) and not (method or node.name in named):
            continue
        yield node, scope
        inner = _Scope(outer=scope) if isinstance(node, _SCOPES) else scope
        of_class = isinstance(node, ast.ClassDef)
        stack.extend((child, inner, of_class) for child in reversed([*ast.iter_child_nodes(node)]))


def _names(module: ast.Module) -> set[str]:
    """Every name that the module uses, as a variable, an attribute or a text, and those of
    functions that a decorator hands on.
    """
    found = set()
    for node in nodes_of(module):
        if isinstance(node, _FUNCTIONS) and node.decorator_list:
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value[:100])
    return found


def _branches(node: ast.AST) -> Iterator[tuple[range, range]]:
    """Pairs of branches of a statement, of which only one runs, as ranges of lines."""
    sides: list[Sequence[ast.stmt]] = []
    if isinstance(node, ast.If):
        sides = [node.body, node.orelse]
    elif isinstance(node, ast.Try):
        sides = [node.body, *(handler.body for handler in node.handlers)]
    elif isinstance(node, ast.Match):
        sides = [case.body for case in node.cases]
    lines = [range(side[0].lineno, (side[-1].end_lineno or 0) + 1) for side in sides if side]
    yield from combinations(lines[:_BRANCHES], 2)


def _used_as_parsers(module: ast.Module) -> set[str]:
    """The names of everything that the module uses as only a parser can be used."""
    found = set()
    for node in nodes_of(module):
        if isinstance(node, ast.Attribute) and node.attr in _OF_PARSERS:
            found.add(dotted_name(node.value, {}) or "")
    return found


def _bind_others(
    node: ast.AST, scope: _Scope, source: SourceFile, classes: set[str], used: set[str]
) -> None:
    """Note which names an assignment makes something else than the program's parser, or not."""
    if isinstance(node, ast.Assign):
        targets: Sequence[ast.expr] = node.targets
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        targets = [node.target]
    else:
        return
    for target in targets:
        name = dotted_name(target, {})
        if name is not None and node.value is not None:
            foreign = name not in used and _is_foreign(node.value, source, classes)
            scope.names[name] = foreign or _is_other(node.value, scope)


def _is_foreign(expression: ast.expr, source: SourceFile, classes: set[str]) -> bool:
    """True for what a class or function of another module makes, such as a browser's options."""
    if not isinstance(expression, ast.Call):
        return False
    made = source.name_of(expression.func) or ""
    local = dotted_name(expression.func, {}) or ""
    return made not in classes and made != local and "." in made


def _is_other(expression: ast.expr, scope: _Scope) -> bool:
    """True for `sub.add_parser("train")`, a name that stands for another thing than the program's
    parser, and a group of either.
    """
    for _ in range(CHAIN):
        if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Attribute):
            break
        if expression.func.attr == "add_parser":
            return True
        if expression.func.attr not in _GROUPS:
            return False
        expression = expression.func.value
    name = dotted_name(expression, {})
    return name is not None and scope.is_other(name)

"""What the names in a module stand for: imported things, and constants of the module."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from mlreef_hooks.source.nodes import nodes_of

# A chain such as a.b.c is followed no further than this: a source may hold many that are very long.
CHAIN = 32
_NAME_LENGTH = 1000  # of a module; each name that is imported from it is kept with it

# What `from argparse import *` brings, as far as parameters need it.
_STAR_EXPORTS: Mapping[str, Sequence[str]] = {
    "argparse": (
        "ArgumentParser", "BooleanOptionalAction", "FileType", "SUPPRESS", "OPTIONAL",
        "ZERO_OR_MORE", "ONE_OR_MORE", "REMAINDER",
    ),
}  # fmt: skip

_MUTATORS = frozenset({
    "add", "append", "clear", "difference_update", "discard", "extend", "insert",
    "intersection_update", "pop", "popitem", "remove", "reverse", "setdefault", "sort",
    "symmetric_difference_update", "update",
})  # fmt: skip


def imported_names(module: ast.Module) -> dict[str, str]:
    """The full dotted name of each imported name; a relative import keeps its dots.

    The first import of a name counts: a second one is what stands in `except ImportError`.
    """
    names: dict[str, str] = {}
    for node in nodes_of(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if len(alias.name) > _NAME_LENGTH:
                    continue
                top = alias.name.split(".")[0]
                names.setdefault(alias.asname or top, alias.name if alias.asname else top)
        elif isinstance(node, ast.ImportFrom):
            for local, full in _from_import(node):
                names.setdefault(local, full)
    return names


def _from_import(node: ast.ImportFrom) -> Iterator[tuple[str, str]]:
    if node.level + len(node.module or "") > _NAME_LENGTH:
        return
    origin = "." * node.level + (node.module or "")
    for alias in node.names:
        exported = _STAR_EXPORTS.get(origin, ()) if alias.name == "*" else (alias.name,)
        for name in exported:
            yield alias.asname or name, f"{origin}.{name}"


def dotted_name(expression: ast.expr, imported: Mapping[str, str]) -> str | None:
    """The full name that `a.b.c` stands for, imports resolved; None for any other expression."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute) and len(parts) < CHAIN:
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    return ".".join([imported.get(expression.id, expression.id), *reversed(parts)])


def module_constants(module: ast.Module) -> dict[str, ast.expr]:
    """The expressions of the names that a module binds exactly once, and at its top level.

    A name that anything else in the file binds (a parameter of a function, a loop, `global`) is
    left out, and so is one whose list or dictionary is changed in place: which value it has at
    some place only running the module could tell.
    """
    bound = Counter(name for node in nodes_of(module) for name in _bound_names(node))
    return {
        target.id: value
        for statement in module.body
        for target, value in _assigned(statement)
        if isinstance(target, ast.Name) and bound[target.id] == 1
    }


def binds_name(module: ast.Module, name: str) -> bool:
    """True where anything in a module may bind the name, such as `from elsewhere import *`."""
    return any({name, "*", "__getattr__"} & {*_bound_names(node)} for node in nodes_of(module))


def _assigned(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield target, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield statement.target, statement.value


def _bound_names(node: ast.AST) -> Sequence[str]:
    bound = _BINDINGS.get(type(node))
    return [name for name in bound(node) if name] if bound else ()


def _changed(node: ast.Attribute | ast.Subscript) -> Sequence[str]:
    """The name of a container that is changed in place: `names.append(...)`, `names[0] = ...`."""
    if not isinstance(node.value, ast.Name):
        return ()
    if isinstance(node, ast.Attribute) and node.attr not in _MUTATORS:
        return ()
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return ()
    return (node.value.id,)


_BINDINGS: Mapping[type[ast.AST], Callable[..., Sequence[str | None]]] = {
    ast.Name: lambda node: () if isinstance(node.ctx, ast.Load) else (node.id,),
    ast.FunctionDef: lambda node: (node.name,),
    ast.AsyncFunctionDef: lambda node: (node.name,),
    ast.ClassDef: lambda node: (node.name,),
    ast.arg: lambda node: (node.arg,),
    ast.alias: lambda node: (node.asname or node.name.split(".")[0],),
    ast.ExceptHandler: lambda node: (node.name,),
    ast.Global: lambda node: node.names,
    ast.Nonlocal: lambda node: node.names,
    ast.MatchAs: lambda node: (node.name,),
    ast.MatchStar: lambda node: (node.name,),
    ast.MatchMapping: lambda node: (node.rest,),
    ast.Attribute: _changed,
    ast.Subscript: _changed,
}

"""Every option that the parser of a Python file accepts, those that no pipeline fills included."""

import ast
from collections.abc import Iterator

from mlreef_hooks.problems import Problems
from mlreef_hooks.source.argparse_call import ArgumentCall
from mlreef_hooks.source.argparse_calls import Calls, find_calls
from mlreef_hooks.source.names import dotted_name
from mlreef_hooks.source.nodes import nodes_of
from mlreef_hooks.source.source_file import SourceFile

_HELP = ("-h", "--help")
_GROUPS = ("add_argument_group", "add_mutually_exclusive_group")


def accepted_options(module: ast.Module, path: str) -> frozenset[str] | None:
    """The options, and the names of positional arguments; None where the parser may have others,
    which only running it could tell, or which another file gives it.
    """
    source = SourceFile.of(module, path, Problems())
    calls = find_calls(module, source)
    if not calls.parsers or _has_parents(calls) or _is_handed_out(module, calls, source):
        return None
    accepted = {*_HELP}
    for call in calls.arguments:
        spellings = ArgumentCall(call, source).spellings
        if spellings is None:
            return None
        long = [each[2:] for each in spellings if each.startswith("--")]
        accepted |= {*spellings, *(f"--no-{each}" for each in long)}
    return frozenset(accepted)


def _has_parents(calls: Calls) -> bool:
    return any(keyword.arg == "parents" for call in calls.parsers for keyword in call.keywords)


def _is_handed_out(module: ast.Module, calls: Calls, source: SourceFile) -> bool:
    """True where something of another module gets the parser, or a group of it."""
    names = {*_parser_names(module, calls)}
    for node in nodes_of(module):
        if isinstance(node, ast.Call) and _is_foreign(node.func, source):
            values = (*node.args, *(each.value for each in node.keywords))
            if any(dotted_name(each, {}) in names for each in values):
                return True
    return False


def _parser_names(module: ast.Module, calls: Calls) -> Iterator[str | None]:
    parsers = {id(call) for call in calls.parsers}
    for node in nodes_of(module):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            function = node.value.func
            group = isinstance(function, ast.Attribute) and function.attr in _GROUPS
            if group or id(node.value) in parsers:
                yield from (dotted_name(each, {}) for each in node.targets)


def _is_foreign(function: ast.expr, source: SourceFile) -> bool:
    local = dotted_name(function, {})
    return local is not None and local.partition(".")[0] in source.imported

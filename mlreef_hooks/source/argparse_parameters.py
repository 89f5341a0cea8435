"""The parameters that a Python file's argparse calls accept, read without running it."""

import ast
from collections.abc import Iterable, Iterator, Sequence

from mlreef_hooks.manifest import python_name
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.argparse_arguments import read_argument
from mlreef_hooks.source.argparse_call import ArgumentCall, ParsedParameter
from mlreef_hooks.source.argparse_calls import Calls, find_calls
from mlreef_hooks.source.parameters import distinct_parameters
from mlreef_hooks.source.source_file import SourceFile


def read_argparse(
    module: ast.Module, path: str, problems: Problems
) -> tuple[ParsedParameter, ...] | None:
    """The parameters that a file's parser accepts, None where it makes no parser."""
    source = SourceFile.of(module, path, problems)
    calls = find_calls(module, source)
    if not calls.parsers:
        return None
    _check_parsers(calls, source)
    prefixes = _prefixes(calls.parsers, source)
    arguments = [ArgumentCall(call, source, prefixes) for call in calls.arguments]
    _set_defaults(calls.defaults, arguments, source)
    read = ((argument, read_argument(argument)) for argument in arguments)
    found = [(argument.receiver, parameter) for argument, parameter in read if parameter]
    return distinct_parameters(_chosen(found, calls, source), source)


def _prefixes(parsers: Sequence[ast.Call], source: SourceFile) -> str:
    """The characters that options begin with."""
    for expression in _keywords(parsers, "prefix_chars"):
        literal = source.literals.read(expression)
        if literal is not None and isinstance(literal.value, str):
            return literal.value
    return "-"


def _keywords(calls: Iterable[ast.Call], name: str) -> Iterator[ast.expr]:
    return (each.value for call in calls for each in call.keywords if each.arg == name)


def _chosen(
    found: Sequence[tuple[str, ParsedParameter]], calls: Calls, source: SourceFile
) -> list[ParsedParameter]:
    """The parameters without those that another takes the place of.

    Of two branches of the program only one runs, and parsers of their own may each have the same
    option: the first counts. Where a parser resolves conflicts, the last one does.
    """
    handlers = (source.literals.read(each) for each in _keywords(calls.parsers, "conflict_handler"))
    if any(each is not None and each.value == "resolve" for each in handlers):
        last = {python_name(parameter.name): parameter for _, parameter in found}
        return [
            parameter for _, parameter in found if last[python_name(parameter.name)] is parameter
        ]
    first: dict[str, tuple[str, ParsedParameter]] = {}
    chosen = []
    for receiver, parameter in found:
        before = first.setdefault(python_name(parameter.name), (receiver, parameter))
        branches = calls.exclusive(before[1].line, parameter.line)
        if before[1] is parameter or (before[0] == receiver and not branches):
            chosen.append(parameter)
    return chosen


def _check_parsers(calls: Calls, source: SourceFile) -> None:
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

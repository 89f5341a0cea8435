"""How a wrapper, as it was written, hands input and output on, and what would be otherwise in one
that is written anew: only its author knows what is meant then.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.proposal.arguments import variable
from mlreef_hooks.proposal.handed_on import COMMAND_LINE
from mlreef_hooks.proposal.paths import Paths, Takes, find_paths
from mlreef_hooks.proposal.script import Script, script_of
from mlreef_hooks.proposal.told_paths import called_in
from mlreef_hooks.proposal.wrapper_parts import PRINTS, READS, RETURNS
from mlreef_hooks.source.halves import spellings_of
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.source.wrapped_script import MAIN, WrappedScript

_LENGTH = 200  # of a path that is said
_WORDS = {
    Takes.NOTHING: "not at all",
    Takes.FILE: "as a file",
    Takes.FILES: "as a list of files",
    Takes.FOLDER: "as a folder",
}
_SOURCE, _TARGET = ("source", "each"), ("target", "result")  # what the paths are called there


@dataclass(frozen=True, kw_only=True)
class Use:
    """What is handed on of the input and the output folder; None for a script that runs beside its
    data. `source` and `target` are the options, or arguments of a function, that it is handed on
    as; empty where there is none.
    """

    reads: Takes | None
    writes: Takes | None
    source: str = ""
    target: str = ""


def read_use(module: ast.Module, wrapped: WrappedScript) -> Use:
    """How the wrapper in `module` does it; it is as it was written."""
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    if not wrapped.function and COMMAND_LINE not in functions:
        return Use(reads=None, writes=None)
    said = ast.get_docstring(module) or ""
    folder = MAIN in functions and _has_folder(functions[MAIN])
    prints = PRINTS in said or RETURNS in said
    named = list(_arguments(wrapped.call) if wrapped.call else _options(functions[COMMAND_LINE]))
    return Use(
        reads=next((each for each, text in READS.items() if text in said), Takes.NOTHING),
        writes=Takes.NOTHING if prints else Takes.FOLDER if folder else Takes.FILE,
        source=next((name for name, value in named if _mentions(value, _SOURCE)), ""),
        target=next((name for name, value in named if _mentions(value, _TARGET)), ""),
    )


def _has_folder(main: ast.FunctionDef) -> bool:
    """True where the whole output folder is handed on: `result = target`."""
    for node in ast.walk(main):
        match node:
            case ast.Assign(targets=[ast.Name(id="result")], value=ast.Name(id="target")):
                return True
    return False


def _arguments(call: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    yield from ((each.arg, each.value) for each in call.keywords if each.arg)


def _options(function: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    """The options that are written, each with the statement."""
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value.removesuffix("="), statement


def _mentions(node: ast.AST, names: Sequence[str]) -> bool:
    return any(isinstance(each, ast.Name) and each.id in names for each in ast.walk(node))


def keep_paths(use: Use, script: Script) -> Paths:
    """The script's input and output: what they are now, where it still has that, else told by
    names.
    """
    parameters = script.parameters
    return find_paths(parameters, _still(parameters, use.source), _still(parameters, use.target))


def _still(parameters: Sequence[Parameter], called: str) -> str | None:
    for each in parameters:
        if called and called in (variable(each), each.option, *spellings_of(each)):
            return each.name
    return None


def needless(wrapped: WrappedScript, behind: ast.Module) -> str:
    """What to do where the script in `behind` is an entry point by itself now; empty where not."""
    script = script_of(behind, wrapped.named, wrapped.function)
    if not script.has_parser or not script.complete:
        return ""
    return (
        f"{wrapped.named[:_LENGTH]} has --input-path and --output-path itself: write"
        f" entry_point = {quoted(wrapped.path)} into mlreef.toml, and remove this file"
    )


def why_left(module: ast.Module, wrapped: WrappedScript, behind: ast.Module) -> str:
    """Why a wrapper in `module` that is as it was written is not written anew for its script in
    `behind`; empty where it can be.
    """
    script = script_of(behind, wrapped.named[:_LENGTH], wrapped.function)
    if script.refused or script.dotted or script.function != wrapped.function:
        return f"{script.path} is no script that can be handed parameters on"
    use = read_use(module, wrapped)
    return needless(wrapped, behind) or _otherwise(use, script, keep_paths(use, script))


def _otherwise(use: Use, script: Script, paths: Paths) -> str:
    """What would be handed on otherwise, in words; empty where nothing is."""
    if not script.has_parser and not script.function:
        return "" if use.reads is None else f"{script.path} has no parser any more"
    if use.reads is None or use.writes is None:
        return f"{script.path} has a parser now, and ran beside its data"
    writes = Takes.FILE if paths.writes is Takes.FILES else paths.writes  # it gets one
    for folder, before, now, parameter in (
        ("input", use.reads, paths.reads, paths.source),
        ("output", use.writes, writes, paths.target),
    ):
        if before is not now:
            called = f" ({quoted(called_in(script, parameter))})" if parameter else ""
            said = f"the {folder} is handed on {_WORDS[before]}"
            return f"{said}, and written anew {_WORDS[now]}{called}"
    return ""

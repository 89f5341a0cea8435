"""The text of `mlreef_entry.py` for a script whose work a function does."""

import builtins
from collections.abc import Iterator, Sequence

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.proposal.arguments import call, literal, offered, shown_default, variable
from mlreef_hooks.proposal.path_names import is_path
from mlreef_hooks.proposal.paths import Paths, Takes
from mlreef_hooks.proposal.script import Script
from mlreef_hooks.proposal.wrapper_parts import (
    END,
    FILES_OF,
    HELP,
    READS,
    RETURNS,
    head,
    parser_function,
)

# What the wrapper itself calls so.
TAKEN = frozenset(dir(builtins)) | {
    "Path", "argparse", "args", "each", "files_of", "main", "options", "parse_arguments", "result",
    "returned", "source", "sys", "target",
}  # fmt: skip


def write_function_wrapper(script: Script, paths: Paths) -> str:
    """The wrapper of a script whose work a function does; it is imported when it is needed."""
    free = offered(script.parameters, (paths.source, paths.target))
    own = [each for each in free if not each.required and shown_default(each) is None]
    module = script.path.removesuffix(".py").replace("/", ".")
    said = READS[paths.reads] + ("" if paths.target else f"\n{RETURNS}")
    lines = [
        "\n\ndef main() -> int:",
        "    args = parse_arguments()",
        "    source, target = Path(args.input_path).resolve(), Path(args.output_path).resolve()",
        *_options(own),
        *_calls(script, paths, _given(free, own, paths)),
        "    return 0\n",
    ]
    return "".join(
        [
            head(script, f"Its function {script.function} does the work. {said}",
                  ("argparse", "sys")),
            f"\nfrom {module} import {_imported(script.function)}\n",
            parser_function(script, free, HELP[paths.reads]),
            FILES_OF if paths.reads in (Takes.FILE, Takes.FILES) else "",
            "\n".join(lines),
            END,
        ]
    )  # fmt: skip


def _given(free: Sequence[Parameter], own: Sequence[Parameter], paths: Paths) -> list[str]:
    """The arguments of the call."""
    return [
        *([f"{variable(paths.source)}={_source(paths)}"] if paths.source else []),
        *([f"{variable(paths.target)}={_path(paths.target, 'result')}"] if paths.target else []),
        *(f"{variable(each)}={_value(each)}" for each in free if each not in own),
        *(["**options"] if own else []),
    ]


def _source(paths: Paths) -> str:
    """What is read, as the function has it: a path or a text, or a list of them."""
    if paths.source is None or paths.reads is not Takes.FILES:
        return _path(paths.source, "each" if paths.reads is Takes.FILE else "source")
    files = "files_of(source)"
    each = _path(paths.source, "each")
    return files if each == "each" else f"[{each} for each in {files}]"


def _path(parameter: Parameter | None, value: str) -> str:
    return value if parameter is not None and is_path(parameter) else f"str({value})"


def _value(parameter: Parameter) -> str:
    value = f"args.{variable(parameter)}"
    return f"Path({value})" if is_path(parameter) and parameter.nargs is None else value


def _options(own: Sequence[Parameter]) -> Iterator[str]:
    """The lines that find which of the parameters are given whose defaults the function has."""
    if own:
        names = literal([variable(each) for each in own])
        yield f"    options = {{name: getattr(args, name) for name in {names}}}"
        yield "    options = {name: value for name, value in options.items() if value is not None}"


def _imported(function: str) -> str:
    return f"{function} as {_named(function)}" if function in TAKEN else function


def _named(function: str) -> str:
    """What the wrapper calls the function."""
    return f"run_{function}" if function in TAKEN else function


def _calls(script: Script, paths: Paths, given: list[str]) -> Iterator[str]:
    indent = "    "
    result = "target" if paths.writes is Takes.FOLDER else 'target / "result"'
    if paths.reads is Takes.FILE:
        yield "    for each in files_of(source):"
        indent = "        "
        if paths.writes is not Takes.FOLDER:
            result = "target / each.name"
    yield f"{indent}result = {result}"
    if paths.target:
        yield call(f"{indent}{_named(script.function)}", given)
    else:
        yield call(f"{indent}returned = {_named(script.function)}", given)
        yield f"{indent}if returned is not None:"
        yield f'{indent}    result.with_suffix(".txt").write_text(str(returned))'

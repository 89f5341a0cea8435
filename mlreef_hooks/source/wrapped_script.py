"""The script behind an entry point that `init` wrote, as its syntax tree names it.

A script is started: `SCRIPT = Path(__file__).resolve().parent / "turn.py"`, and somewhere
`[sys.executable, SCRIPT, ...]`. Or one of its functions is called by `main`, in a file whose
docstring begins as `init` begins it.
"""

import ast
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mlreef_hooks.source.nodes import nodes_of

WRAPPER = "mlreef_entry.py"  # what `init` calls it
# How the docstring of every wrapper begins. What was written before must be known all the same.
BEGINNING = "What pipelines start: hands folders and parameters on to "
NAME = "SCRIPT"  # of the constant
MAIN = "main"  # the function that calls another
_LENGTH = 1000  # of a module's name


@dataclass(frozen=True, kw_only=True)
class WrappedScript:
    """The script that an entry point hands parameters on to: as it is `named` there, relative to
    the entry point, and its `path` in the tree. `function` is the one that is called, empty where
    the script is started; `line` (from 1) is where it is named, `call` where it is called.
    """

    named: str
    path: str
    line: int
    function: str = ""
    call: ast.Call | None = None


def find_wrapped_script(module: ast.Module, path: str) -> WrappedScript | None:
    """The script behind the entry point at `path`; None for one that does its work itself."""
    for statement in module.body:
        named = _named(statement)
        if named is not None:
            return _script(named, path, statement.lineno) if _is_started(module) else None
    said = ast.get_docstring(module, clean=False)
    if not said or not said.startswith(BEGINNING):
        return None
    return _called(module, path, said.removeprefix(BEGINNING))


def _script(named: str, path: str, line: int, function: str = "") -> WrappedScript:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), named))
    return WrappedScript(named=named, path=place, line=line, function=function)


def _named(statement: ast.stmt) -> str | None:
    """The script that a constant names; None for any other statement."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.BinOp(
                left=ast.Attribute(
                    value=ast.Call(
                        func=ast.Attribute(
                            value=ast.Call(
                                func=ast.Name(id="Path"), args=[ast.Name(id="__file__")]
                            ),
                            attr="resolve",
                        )
                    ),
                    attr="parent",
                ),
                op=ast.Div(),
                right=ast.Constant(value=str(named)),
            ),
        ) if name == NAME:
            return named
    return None


def _is_started(module: ast.Module) -> bool:
    """True where Python is run with the script."""
    for node in nodes_of(module):
        match node:
            case ast.List(
                elts=[
                    ast.Attribute(value=ast.Name(id="sys"), attr="executable"),
                    ast.Name(id=name),
                    *_,
                ]
            ) if name == NAME:
                return True
    return False


def _called(module: ast.Module, path: str, said: str) -> WrappedScript | None:
    """The function that `main` calls with values by name alone, of the file that is `said`."""
    imported = {name: each for statement in module.body for name, each in _imported(statement)}
    functions = [each for each in module.body if isinstance(each, ast.FunctionDef)]
    for node in (node for each in functions if each.name == MAIN for node in ast.walk(each)):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[], keywords=[_, *_]) if name in imported:
                line, file, function = imported[name]
                if said.startswith(posixpath.basename(file)):
                    return replace(_script(file, path, line, function), call=node)
    return None


def _imported(statement: ast.stmt) -> Iterator[tuple[str, tuple[int, str, str]]]:
    """The names that `from module import name` gives, each with line, file and name there."""
    if not isinstance(statement, ast.ImportFrom) or statement.level:
        return
    if statement.module and len(statement.module) <= _LENGTH:
        file = f"{statement.module.replace('.', '/')}.py"
        for each in statement.names:
            yield each.asname or each.name, (statement.lineno, file, each.name)

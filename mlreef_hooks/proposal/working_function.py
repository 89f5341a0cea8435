"""Which function does the work of a file that only defines things: started, it does nothing."""

import ast
import posixpath

from mlreef_hooks.proposal.paths import find_paths
from mlreef_hooks.proposal.signature import callable_functions, read_signature
from mlreef_hooks.source.nodes import nodes_of

_DEFINITIONS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass,
)  # fmt: skip
# Calls whose value is a constant, and those that only set something up.
_CONSTANTS = frozenset({
    "abspath", "compile", "dict", "dirname", "float", "frozenset", "get", "getLogger", "getenv",
    "int", "join", "list", "namedtuple", "range", "resolve", "set", "str", "tuple",
})  # fmt: skip
_SET_UP = frozenset({
    "append", "basicConfig", "filterwarnings", "insert", "seed", "set_option", "setLevel",
    "simplefilter",
})  # fmt: skip


def only_defines(module: ast.Module) -> bool:
    """True for a file that does no work when it is started: imports, definitions, constants."""
    return all(map(_defines, module.body))


def _defines(statement: ast.stmt) -> bool:
    if isinstance(statement, _DEFINITIONS):
        return True
    if isinstance(statement, ast.If):  # such as `if TYPE_CHECKING:`
        return all(map(_defines, (*statement.body, *statement.orelse)))
    if isinstance(statement, ast.Try):  # such as `except ImportError: tqdm = None`
        bodies = (statement.body, *(each.body for each in statement.handlers), statement.orelse)
        return all(_defines(each) for body in (*bodies, statement.finalbody) for each in body)
    calls = [_name(each) for each in ast.walk(statement) if isinstance(each, ast.Call)]
    if isinstance(statement, ast.Expr):  # a text, or what only sets something up
        if calls[:1] and calls[0] not in _SET_UP:
            return False
        return isinstance(statement.value, ast.Constant | ast.Call) and all(
            map(_is_plain, calls[1:])
        )
    return isinstance(statement, ast.Assign | ast.AnnAssign) and all(map(_is_plain, calls))


def _is_plain(name: str) -> bool:
    """True for a call that makes a constant, or an object of a class."""
    return name in _CONSTANTS or name[:1].isupper()


def _name(call: ast.expr) -> str:
    """The last part of what a call calls, empty where it has no name."""
    match call:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return ""


def possible_functions(module: ast.Module) -> list[str]:
    """The names of the functions that could do the work, in their order."""
    return list(dict.fromkeys(each.name for each in callable_functions(module)))


def fitting_function(module: ast.Module) -> tuple[str, str]:
    """The function that does the work, with the reason; two empty texts where nothing tells: the
    only one that no other one uses, else the only one of these whose parameters look like an input.
    """
    used = {
        each.id
        for each in nodes_of(module)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }
    free = [name for name in possible_functions(module) if name not in used]
    if len(free) == 1:
        return free[0], "no other function calls it"
    reading = [name for name in free if _reads(module, name)]
    return (reading[0], "it alone has an input") if len(reading) == 1 else ("", "")


def _reads(module: ast.Module, name: str) -> bool:
    signature = read_signature(module, name)
    return signature is not None and find_paths(signature.parameters).source is not None


def file_to_import(path: str) -> str:
    """The path that a file needs so that its functions can be imported, where it has another."""
    folder, name = posixpath.split(path)
    stem = "".join(each if each.isalnum() else "_" for each in name.removesuffix(".py"))
    return posixpath.join(folder, f"{stem if stem[:1].isalpha() else f'_{stem}'}.py")

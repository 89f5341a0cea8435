"""What argparse's words mean for a parameter: converters, actions, constants of the module."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from mlreef_hooks.manifest import REMAINDER, JSONValue
from mlreef_hooks.source.source_file import SourceFile

SUPPRESS = "==SUPPRESS=="
CONSTANTS: Mapping[str, str] = {
    "argparse.SUPPRESS": SUPPRESS,
    "argparse.OPTIONAL": "?",
    "argparse.ZERO_OR_MORE": "*",
    "argparse.ONE_OR_MORE": "+",
    "argparse.REMAINDER": REMAINDER,
}
NARGS: Mapping[str, str] = {"?": "?", "*": "*", "+": "+", "...": REMAINDER, "A...": "+"}

# The types of the converters whose result is known; a path stays the text that it is.
CONVERTERS: Mapping[str, str] = {
    "str": "string",
    "int": "integer",
    "float": "float",
    "complex": "complex",
    "bool": "boolean",
    "open": "string",
    "io.open": "string",
    "Path": "string",
    "os.fspath": "string",
    "str.lower": "string",
    "str.upper": "string",
    "str.strip": "string",
    "argparse.FileType": "string",
    "json.loads": "object",
    "ast.literal_eval": "object",
}
_PATH_MODULES = ("os.path.", "pathlib.", "posixpath.")
_PATH_TYPES = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath"})


@dataclass(frozen=True, kw_only=True)
class Action:
    """What an action does with the command line: a flag takes no value, a list collects values."""

    flag: bool = False
    default: JSONValue = None
    repeated: bool = False
    keeps_default: bool = True  # False where the default is a constant of the program's own
    nested: bool = False  # several values after one option make a list in the list
    negative: bool = False  # `--no-shuffle` beside `--shuffle`


ACTIONS: Mapping[str, Action] = {
    "store": Action(),
    "store_true": Action(flag=True, default=False),
    # Given or not given is all that a pipeline sees of these, whatever the program stores.
    "store_false": Action(flag=True, default=False, keeps_default=False),
    "store_const": Action(flag=True, default=False, keeps_default=False),
    "append": Action(repeated=True, nested=True),
    "extend": Action(repeated=True),
    "argparse.BooleanOptionalAction": Action(flag=True, negative=True),
}
SILENT_ACTIONS = frozenset({"help", "version"})  # they print something and end the program


def converter_type(expression: ast.expr, source: SourceFile) -> str | None:
    """The parameter type of `type=...`, None where only running the converter could tell."""
    if isinstance(expression, ast.Constant) and expression.value is None:
        return "string"
    if isinstance(expression, ast.Call):
        made = source.name_of(expression.func)
        return "string" if made == "argparse.FileType" else None
    name = source.name_of(expression) or ""
    return "string" if name.startswith(_PATH_MODULES) else CONVERTERS.get(name)


def is_path_type(expression: ast.expr | None, source: SourceFile) -> bool:
    """True for a `type=...` that makes a path, or opens a file."""
    called = expression.func if isinstance(expression, ast.Call) else expression
    name = (source.name_of(called) if called else None) or ""
    return name.startswith(_PATH_MODULES) or name in ("Path", "open", "argparse.FileType")


def path_argument(expression: ast.expr, source: SourceFile) -> ast.expr | None:
    """The text inside `Path("data")`, None for any other expression."""
    if not isinstance(expression, ast.Call) or len(expression.args) != 1 or expression.keywords:
        return None
    module, _, name = (source.name_of(expression.func) or "").rpartition(".")
    return expression.args[0] if name in _PATH_TYPES and module in ("", "pathlib") else None


def constant_text(expression: ast.expr, source: SourceFile) -> str | None:
    """The text of `argparse.SUPPRESS`, `argparse.REMAINDER` and the like, None if none."""
    return CONSTANTS.get(source.name_of(expression) or "")

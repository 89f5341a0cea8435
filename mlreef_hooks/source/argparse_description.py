"""What an argparse parser says about the program: the text that `--help` shows."""

import ast
import posixpath

from mlreef_hooks.source.argparse_calls import find_parsers
from mlreef_hooks.source.literals import LiteralReader

_PROGRAM = "%(prog)s"


def read_parser_description(module: ast.Module, path: str) -> str:
    """The `description` of the file's first parser on one line, as argparse shows it.

    Empty where it has none, or one that only running the program could tell; `__doc__` is the
    module's docstring.
    """
    for parser in find_parsers(module)[:1]:
        for keyword in parser.keywords:
            if keyword.arg == "description":
                text = _text(keyword.value, module)
                return " ".join(text.replace(_PROGRAM, posixpath.basename(path)).split())
    return ""


def _text(expression: ast.expr, module: ast.Module) -> str:
    if isinstance(expression, ast.Name) and expression.id == "__doc__":
        expression = ast.Constant(value=ast.get_docstring(module))
    literal = LiteralReader(module).read(expression)
    return literal.value if literal is not None and isinstance(literal.value, str) else ""

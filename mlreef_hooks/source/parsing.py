"""Python source to syntax tree, whatever was pushed."""

import ast
import warnings

from mlreef_hooks.problems import Problems
from mlreef_hooks.tree import SourceTree


def parse_source(tree: SourceTree, path: str, python: str, problems: Problems) -> ast.Module | None:
    """The syntax tree of the file at `path` in the grammar of `python` (as `3.11`).

    None and a finding where it does not compile or is too large.
    """
    content = tree.read_source(path, problems)
    if content is None:
        return None
    major, _, minor = python.partition(".")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes would be printed to the pusher
            return ast.parse(content, feature_version=(int(major), int(minor or 0)))
    except SyntaxError as error:
        line, said = error.lineno or 1, error.msg
    except ValueError as error:  # a NUL byte
        line, said = 1, str(error)
    except (RecursionError, MemoryError):
        line, said = 1, "it is nested too deeply"
    hint = f"correct it; python{python} -m py_compile {path} shows the place"
    problems.add("syntax-error", path, line, f"this is not Python {python}: {said}", hint)
    return None

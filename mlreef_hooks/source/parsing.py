"""Python source to syntax tree, whatever was pushed."""

import ast
import codecs
import re
import shlex
import warnings

from mlreef_hooks.problems import Problems
from mlreef_hooks.tree import SourceTree

_COOKIE = re.compile(rb"coding[:=][ \t]*([-\w.]+)")  # PEP 263; it stands in line 1 or 2
_SLOW_CODECS = frozenset({"punycode", "idna"})  # they take minutes for a megabyte


def parse_source(tree: SourceTree, path: str, python: str, problems: Problems) -> ast.Module | None:
    """The syntax tree of the file at `path` in the grammar of `python` (as `3.11`).

    None and a finding where it does not compile or is too large.
    """
    content = tree.read_source(path, problems)
    if content is None:
        return None
    major, _, minor = python.partition(".")
    try:
        _check_encoding(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes would be printed to the pusher
            return ast.parse(content, feature_version=(int(major), int(minor)))
    except SyntaxError as error:
        line, said = error.lineno or 1, error.msg
    except ValueError:
        line, said = content.partition(b"\0")[0].count(b"\n") + 1, "it holds a null byte"
    except (RecursionError, MemoryError):
        line, said = 1, "it is nested too deeply"
    hint = f"correct it; python{python} -m py_compile {shlex.quote(path)} shows the place"
    problems.add("syntax-error", path, line, f"this is not Python {python}: {said}", hint)
    return None


def _check_encoding(content: bytes) -> None:
    """SyntaxError where decoding the file could take minutes."""
    for line in re.split(rb"\r\n|\r|\n", content, maxsplit=2)[:2]:
        cookie = _COOKIE.search(line)
        try:
            codec = codecs.lookup(cookie[1].decode()).name if cookie else ""
        except (LookupError, UnicodeDecodeError):
            continue  # the parser will say that it does not know it
        if codec in _SLOW_CODECS:
            raise SyntaxError(f"its encoding is {codec}; save it as UTF-8")

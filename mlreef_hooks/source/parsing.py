"""Python source to syntax tree, whatever was pushed."""

import ast
import codecs
import re
import shlex
import warnings

from mlreef_hooks.problems import Problems
from mlreef_hooks.tree import SourceTree

# What takes Python's own parser, or a codec, the square of its length: minutes for a megabyte.
_SLOW_CODECS = frozenset({"punycode", "idna"})
_DOTS = 200  # in one dotted name
_FIELDS = 2000  # braces in one f-string
# A file of a megabyte that people write has 200,000; one of the shortest statements has five times
# as many, and takes a gigabyte to parse.
TOKENS = 250_000

_COOKIE = re.compile(rb"coding[:=][ \t]*([-\w.]+)")  # PEP 263; it stands in line 1 or 2
_DOTTED = re.compile(
    rb"[\w\x80-\xff]++(?:(?:[ \t]|\\\r?\n)*+\.(?:[ \t]|\\\r?\n)*+[\w\x80-\xff]++)*+"
)
_TOKEN = re.compile(rb"\w+|[#=*~\"'-]+|[^\w \t\r#=*~\"'-]")  # rulers of comments count as one
_STRING = re.compile(
    rb"""
    \#[^\n]*+ | (?P<prefix>[A-Za-z]{0,2})(?:
        \"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z) | '{3}(?:\\.|[^\\])*?(?:'{3}|\Z) |
        \"(?:\\.|[^\"\\\n])*+ \"?+ | '(?:\\.|[^'\\\n])*+ '?+
    )""",
    re.VERBOSE | re.DOTALL,
)


def parse_source(tree: SourceTree, path: str, python: str, problems: Problems) -> ast.Module | None:
    """The syntax tree of the file at `path` in the grammar of `python` (as `3.11`).

    It is compiled too, which executes nothing. None and a finding where it does not compile or is
    too large.
    """
    content = tree.read_source(path, problems)
    if content is None:
        return None
    major, _, minor = python.partition(".")
    try:
        _refuse_slow(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes would be printed to the pusher
            module = ast.parse(content, feature_version=(int(major), int(minor)))
            # Some mistakes, such as a return outside of a function, only the compiler sees.
            compile(module, path, "exec", dont_inherit=True)
            return module
    except SyntaxError as error:
        line, said = error.lineno or 1, error.msg
    except ValueError:
        line, said = content.partition(b"\0")[0].count(b"\n") + 1, "it holds a null byte"
    except (RecursionError, MemoryError):
        line, said = 1, "it is nested too deeply"
    hint = f"correct it; python{python} -m py_compile {shlex.quote(path)} shows the place"
    problems.add("syntax-error", path, line, f"this is not Python {python}: {said}", hint)
    return None


def parse_own(content: bytes) -> ast.Module | None:
    """The syntax tree of a file in the grammar of this Python; None where it is none of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the author's own
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def count_tokens(content: bytes) -> int:
    """About how many tokens a source has, its line ends included: what parsing it costs."""
    return sum(1 for _ in _TOKEN.finditer(content))


def _refuse_slow(content: bytes) -> None:
    """SyntaxError for what would keep the parser busy for minutes; nobody writes such things."""
    if len(content) > TOKENS and count_tokens(content) > TOKENS:
        raise SyntaxError(f"it has more than {TOKENS} tokens; write several files")
    for line in re.split(rb"\r\n|\r|\n", content, maxsplit=2)[:2]:
        if _codec(line) in _SLOW_CODECS:
            raise SyntaxError("its encoding is not read; save it as UTF-8")
    if content.count(b".") > _DOTS:
        for match in _DOTTED.finditer(content):
            if match[0].count(b".") > _DOTS:
                raise _fault(f"a name has more than {_DOTS} dots", content, match.start())
    if content.count(b"{") > _FIELDS:
        for match in _STRING.finditer(content):
            formatted = b"f" in (match["prefix"] or b"").lower()
            if formatted and match[0].count(b"{") > _FIELDS:
                raise _fault(f"a text has more than {_FIELDS} fields", content, match.start())


def _codec(line: bytes) -> str:
    """The codec that a line declares; empty where it declares none that is known."""
    cookie = _COOKIE.search(line)
    try:
        return codecs.lookup(cookie[1].decode()).name if cookie else ""
    except (LookupError, UnicodeDecodeError):
        return ""


def _fault(said: str, content: bytes, place: int) -> SyntaxError:
    line = content.count(b"\n", 0, place) + 1
    return SyntaxError(said, (None, line, None, None))

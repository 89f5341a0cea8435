"""The first line of a wrapper, by which it is told whether its author has changed it since: what
it means and the comments count, and not how a formatter breaks its lines.
"""

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterator

from mlreef_hooks.source.parsing import parse_own

_LINE = "# Written by mlreef-hooks init ({}); made anew by check --fix unless it is changed.\n"
_MARK = re.compile(re.escape(_LINE).replace(r"\{\}", "([0-9a-f]{16})").encode())
_SIZE = 1 << 17  # bytes of what is looked at for its meaning, which takes a second then


def marked(text: str) -> str:
    """The text below a line that has the hash of its meaning."""
    content = text.encode()
    return _LINE.format(_hash(_meaning(content) or content)) + text


def unmarked(content: bytes) -> bytes:
    """The content without that line, whatever it says."""
    return _MARK.sub(b"", _plain(content), count=1) if _MARK.match(_plain(content)) else content


def is_as_written(content: bytes) -> bool:
    """True where the content means what was written once; line ends may be those of Windows."""
    plain = _plain(content)
    mark = _MARK.match(plain)
    if mark is None:
        return False
    below = plain[mark.end() :]
    return mark[1].decode() == _hash(_meaning(below) or below)


def means_the_same(content: bytes, other: bytes) -> bool:
    """True where two files differ in nothing but their form, and that line."""
    here, there = unmarked(content), unmarked(other)
    return here == there or (_meaning(here) == _meaning(there) != b"")


def _plain(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _meaning(content: bytes) -> bytes:
    """The syntax tree and the comments in one form; nothing where it is no Python, or too large."""
    if len(content) > _SIZE:
        return b""
    module, parts = parse_own(content), list[str]()
    if module is None:
        return b""
    try:
        _dump(module, parts)
        return "\n".join([*parts, *_comments(content)]).encode("utf-8", "surrogatepass")
    except (SyntaxError, RecursionError, tokenize.TokenError):
        return b""


def _dump(node: ast.AST, parts: list[str]) -> None:
    """Add the tree, without fields that are empty, for other versions of Python have others."""
    parts.append(f"({type(node).__name__}")
    for field, value in ast.iter_fields(node):
        values = value if isinstance(value, list) else [] if value is None else [value]
        for each in values:
            parts.append(field)
            if isinstance(each, ast.AST):
                _dump(each, parts)
            else:
                parts.append(repr(each))
    parts.append(")")


def _comments(content: bytes) -> Iterator[str]:
    for token in tokenize.tokenize(io.BytesIO(content).readline):
        if token.type == tokenize.COMMENT:
            yield token.string

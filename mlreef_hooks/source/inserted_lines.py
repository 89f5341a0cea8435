"""Lines put into a Python file, which otherwise stays as it is: byte for byte, whatever its line
ends and its encoding.
"""

import ast
import io
import re
import tokenize
from collections.abc import Sequence
from typing import Self

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_NOTHING_BEHIND = re.compile(r"\s*(?:#.*)?", re.DOTALL)
_INDENT = re.compile(r"[ \t\f]*")
_END = re.compile(r"\r\n|\r|\n")


class SourceLines:
    """The lines of a file, as `ast` counts them."""

    def __init__(self, text: str, encoding: str) -> None:
        self._text = text
        self._lines = _LINE.findall(text)
        self._encoding = encoding

    @classmethod
    def of(cls, content: bytes) -> Self | None:
        """The lines of a file that compiles; None where its encoding would not give it back."""
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        try:
            text = content.decode(encoding)
            same = text.encode(encoding) == content
        except (UnicodeError, LookupError):
            return None
        return cls(text, encoding) if same else None

    def alone(self, node: ast.stmt | ast.expr, *, before: str = "") -> bool:
        """True where nothing else than `before` stands before the node in its line, and nothing
        but a comment behind it.
        """
        first, last = self._lines[node.lineno - 1], self._lines[(node.end_lineno or 0) - 1]
        head = first.encode()[: node.col_offset].decode()
        tail = last.encode()[node.end_col_offset :].decode()
        return head.strip() == before and bool(_NOTHING_BEHIND.fullmatch(tail))

    def insert_below(self, node: ast.stmt | ast.expr, added: Sequence[str]) -> bytes:
        """The file with lines below the node, indented as it is and ended as its last line is."""
        last = node.end_lineno or 0
        before, after = self._lines[:last], self._lines[last:]
        indent = _INDENT.match(self._lines[node.lineno - 1])
        end = _END.search(before[-1]) or _END.search(self._text)
        line_end = end[0] if end else "\n"
        new = "".join(f"{indent[0] if indent else ''}{line}{line_end}" for line in added)
        if not _END.search(before[-1]):  # the last line of a file, which has no end
            new = line_end + new.removesuffix(line_end)
        return "".join([*before, self._writable(new), *after]).encode(self._encoding)

    def _writable(self, text: str) -> str:
        """New text; what the encoding does not have is escaped, as it may be in a literal."""
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)

"""Listings and ways in as bytes, a line for each entry: one changes without the others being read.

A file is `head`, the entries in the order of their names, a line each, and `tail`. It is ordinary
JSON; that it has this form matters to its writer alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Form:
    """What stands before the first entry and behind the last one, and in an entry before its name,
    which ends with a quotation mark.
    """

    head: bytes
    tail: bytes
    begin: bytes


def write_lines(form: Form, entries: Iterable[bytes]) -> bytes:
    """The file with these entries."""
    return form.head + b"\n" + b",\n".join(entries) + b"\n" + form.tail + b"\n"


def count_lines(content: bytes) -> int:
    """How many entries a file has that has some."""
    return content.count(b"\n") - 2


def change_line(form: Form, content: bytes, name: str, line: bytes) -> bytes | None:
    """The file with `line` as the entry of a name, or (it is empty) without one of that name.

    Empty where no entry is left, as is a file that is not there; None where it has another form.
    """
    if content in (b"", write_lines(form, ())):
        return write_lines(form, [line]) if line else b""
    first, end = len(form.head) + 1, len(content) - len(form.tail) - 1
    if not (content.startswith(form.head + b"\n") and content[end - 1 :] == _end(form)):
        return None
    begin = b"\n" + form.begin + name.encode() + b'"'
    found = content.find(begin, first - 1, end) + 1
    start = found or _place(form, content, first, end, name.encode())
    behind = content.find(b"\n", start) + 1 if found else start
    # each entry but the last one ends with a comma
    before = content[first : end - 1 if start == end else start - 2]
    entries = (before, line, content[behind : end - 1])
    left = [each for each in entries if each]
    return write_lines(form, left) if left else b""


def _end(form: Form) -> bytes:
    return b"\n" + form.tail + b"\n"


def _place(form: Form, content: bytes, low: int, high: int, name: bytes) -> int:
    """Where the entry of a name belongs: the start of the first one behind it, or the end."""
    while low < high:
        middle = (low + high) // 2
        start = max(low, content.rfind(b"\n", low, middle) + 1)
        begin = start + len(form.begin)
        if content[begin : content.find(b'"', begin)] < name:
            low = content.find(b"\n", middle) + 1
        else:
            high = start
    return low

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


def count_lines(form: Form, content: bytes) -> int:
    """How many entries a file of this form has (a single byte is counted ten times slower)."""
    return content.count(b"\n" + form.begin)


def change_line(form: Form, content: bytes, name: str, line: bytes) -> bytes | None:
    """The file with `line` as the entry of a name, or (it is empty) without one of that name.

    Empty where no entry is left, as is a file that is not there; None where it has another form,
    as far as that was looked at: the name stands in its place, once, or nowhere.
    """
    if content in (b"", write_lines(form, ())):
        return write_lines(form, [line]) if line else b""
    first, end = len(form.head) + 1, len(content) - len(form.tail) - 1
    if not (content.startswith(form.head + b"\n") and content[end - 1 :] == _end(form)):
        return None
    start = _place(form, content, first, end, name.encode())
    own = form.begin + name.encode() + b'"'
    stands = start is not None and content.startswith(own, start)
    if start is None or content.count(b"\n" + own) != stands:
        return None
    if stands:
        behind = content.find(b"\n", start) + 1
    elif not line:
        return content
    else:
        behind = start
    return _spliced(content, (first, start, behind, end), line)


def _spliced(content: bytes, places: tuple[int, int, int, int], line: bytes) -> bytes:
    """The file with a line (or none) from `start` up to `behind`; entries are from `first` up to
    `end`, and each but the last one ends with a comma.
    """
    first, start, behind, end = places
    if behind < end:
        line = line + b",\n" if line else b""
    elif start == first:  # it is the only one
        line = line + b"\n" if line else b""
        if not line:
            return b""
    else:  # it is the last one now
        start -= 2 if start < end else 1
        line = b",\n" + line + b"\n" if line else b"\n"
    whole = memoryview(content)
    return b"".join((whole[:start], line, whole[behind:]))


def _end(form: Form) -> bytes:
    return b"\n" + form.tail + b"\n"


def _place(form: Form, content: bytes, low: int, high: int, name: bytes) -> int | None:
    """Where the entry of a name stands or belongs: the start of the first one that is not before
    it, or the end. None where it meets a line that is no entry.
    """
    while low < high:
        middle = (low + high) // 2
        start = max(low, content.rfind(b"\n", low, middle) + 1)
        begin = start + len(form.begin)
        if not content.startswith(form.begin, start):
            return None
        if content[begin : content.find(b'"', begin)] < name:
            low = content.find(b"\n", middle) + 1
        else:
            high = start
    return low

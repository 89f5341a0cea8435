"""Text in lines of at most 72 columns, sizes and digests in few characters."""

import unicodedata
from collections.abc import Iterator
from itertools import accumulate

from mlreef_hooks.plain_text import plain

COLUMNS = 72


def columns(text: str) -> int:
    """How wide a terminal shows the text; wide characters, such as Chinese ones, take two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def wrapped(text: str, indent: str = "  ", *, first: str = "") -> list[str]:
    """The text in lines of at most `COLUMNS`, one behind `first` and all others behind `indent`."""
    lines, line, begun = [], first, False
    for word in _pieces(plain(text), COLUMNS - max(len(first), len(indent))):
        joined = f"{line} {word}" if begun else line + word
        if columns(joined) > COLUMNS:
            lines.append(line)
            joined = indent + word
        line, begun = joined, True
    return [*lines, line.rstrip()]


def _pieces(text: str, width: int) -> Iterator[str]:
    """The words of a text, a long one in pieces of at most `width` columns."""
    for word in text.split():
        start = 0
        while start < len(word):
            piece = _head(word[start : start + width], width)
            yield piece
            start += len(piece)


def _head(text: str, width: int) -> str:
    """The beginning of the text that fits into `width` columns."""
    ends = accumulate(map(columns, text[:width]))
    return text[: sum(end <= width for end in ends)]


def cut(text: str, width: int = COLUMNS) -> str:
    """The text as one line, its end cut off where it is too long."""
    text = plain(text)
    return text if columns(text[: width + 1]) <= width else _head(text, width - 3) + "..."


def size(count: int) -> str:
    """A number of bytes for people, in powers of 1000 as docker shows them."""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 9.95 else f"{amount:.1f} {unit}"


def short(digest: str) -> str:
    """A digest cut to twelve digits."""
    algorithm, colon, digits = digest.rpartition(":")
    return f"{algorithm}{colon}{digits[:12]}"

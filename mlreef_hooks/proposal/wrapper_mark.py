"""The first line of a wrapper, by which it is told whether its author has changed it since."""

import hashlib
import re

_LINE = "# Written by mlreef-hooks init ({}); made anew by check --fix unless it is changed.\n"
_MARK = re.compile(re.escape(_LINE).replace(r"\{\}", "([0-9a-f]{16})").encode())


def marked(text: str) -> str:
    """The text below a line that has its hash."""
    return _LINE.format(_hash(text.encode())) + text


def unmarked(content: bytes) -> bytes:
    """The content without that line, whatever it says."""
    return _MARK.sub(b"", _plain(content), count=1) if _MARK.match(_plain(content)) else content


def is_as_written(content: bytes) -> bool:
    """True where the content is what was written once; line ends may be those of Windows."""
    plain = _plain(content)
    mark = _MARK.match(plain)
    return mark is not None and mark[1].decode() == _hash(plain[mark.end() :])


def _plain(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]

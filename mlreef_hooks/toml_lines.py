"""TOML documents of authors: what they say, and where each key stands."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

KeyPath = tuple[str | int, ...]  # tables and keys by name, tables of an array by number
_DOTS = 1000  # in one line; tomllib takes the square of the parts of a dotted key, also in memory
_DEPTH = 4  # parts of a path; a document could hold one of thousands

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEYS = re.compile(rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*")
_STATEMENT = re.compile(rf"(?P<open>\[\[?)?[ \t]*(?P<keys>{_KEYS.pattern})")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PART = re.compile(_KEY)
_TOKEN = re.compile(
    r"""
    \"{3}(?:\\.|[^\\])*?\"{3}(?!\") | '{3}.*?'{3}(?!') |   # texts of several lines
    \"(?:\\.|[^\"\\\n])*\" | '[^'\n]*' | \#[^\n]* |
    (?P<open>[\[{]) | (?P<close>[\]}]) | (?P<end>\n) | [^\"'\#\[\]{}\n]+
    """,
    re.VERBOSE | re.DOTALL,
)


class KeyLines:
    """The lines of a document that `tomllib` can read."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}  # each array of tables, and the number of its last
        table: KeyPath = ()
        for line, brackets, keys in _statements(text):
            path = self._resolve(table if not brackets else (), keys)
            if brackets == "[[":
                self._arrays[path] = self._arrays.get(path, -1) + 1
            if brackets:
                path = table = self._numbered(path)
            self._note(path, line)

    def of(self, *path: str | int) -> int:
        """The line (from 1) where a key or table stands, else that of what it is in; 1 if none."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _resolve(self, table: KeyPath, keys: Sequence[str]) -> KeyPath:
        for key in keys[:_DEPTH]:
            table = (*self._numbered(table), key)
        return table

    def _numbered(self, path: KeyPath) -> KeyPath:
        return (*path, self._arrays[path]) if path in self._arrays else path

    def _note(self, path: KeyPath, line: int) -> None:
        for end in range(1, min(len(path), _DEPTH) + 1):
            self._lines.setdefault(path[:end], line)


def _statements(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """The line of each statement, `[` or `[[` where it is a table's head, and its dotted key."""
    place, line = 0, 1
    while True:
        end = _end_of(_BLANK, text, place)
        line += text.count("\n", place, end)
        statement = _STATEMENT.match(text, end)
        if statement is None:
            return
        parts = _PART.findall(statement["keys"])
        yield line, statement["open"] or "", [_unquote(part) for part in parts[:_DEPTH]]
        place = _end_of_value(text, statement.end())
        line += text.count("\n", end, place)


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _end_of_value(text: str, place: int) -> int:
    """Where the statement ends: at a line end outside of brackets and texts."""
    depth = 0
    while (token := _TOKEN.match(text, place)) and not (token["end"] and depth <= 0):
        depth += bool(token["open"]) - bool(token["close"])
        place = token.end()
    return place


def _unquote(part: str) -> str:
    key: str = tomllib.loads(f"k = {part}")["k"] if part[0] in "\"'" else part
    return key


class TomlError(Exception):
    """Why a document cannot be read; `line` is None where nobody knows it."""

    def __init__(self, line: int | None, message: str, hint: str) -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


def read_toml(content: bytes) -> tuple[dict[str, Any], KeyLines]:
    """What a document says, and the lines of its keys; TomlError where it cannot be read."""
    if dotted := _find_dotted(content):
        message = f"this is not read: a line has more than {_DOTS} dots"
        raise TomlError(dotted, message, "write shorter keys")
    try:
        text = content.decode("utf-8-sig")
        return tomllib.loads(text), KeyLines(text)
    except (ValueError, RecursionError) as error:
        line, said = _explain(error, content)
        raise TomlError(line, f"this is not TOML: {said}", "see https://toml.io") from None


def _find_dotted(content: bytes) -> int | None:
    """The line that may hold a key of too many parts, None where there is none."""
    lines = enumerate(content.split(b"\n"), start=1)
    return next((number for number, line in lines if line.count(b".") > _DOTS), None)


def _explain(error: ValueError | RecursionError, content: bytes) -> tuple[int | None, str]:
    """The line of a fault, None where it is not known, and what is wrong there."""
    if isinstance(error, RecursionError):
        return None, "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return content.count(b"\n", 0, error.start) + 1, "it is not UTF-8"
    if not isinstance(error, tomllib.TOMLDecodeError):
        return None, "a number has too many digits"
    said, _, place = str(error).rpartition(" (at ")
    line = re.match(r"line (\d+)", place)
    return int(line[1]) if line else content.rstrip().count(b"\n") + 1, said[:200]

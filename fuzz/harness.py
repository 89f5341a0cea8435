"""What a harness is, and what holds of all that is said to a pusher whatever was pushed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mlreef_hooks import report
from mlreef_hooks.columns import COLUMNS, columns
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import Problem

PART = b"\n%%\n"  # between the files, where a parser reads several
_LINES = 1000  # fifty findings of at most twenty lines


@dataclass(frozen=True)
class Harness:
    """One parser under fuzzing: `check` raises where something does not hold for its bytes.

    It gives True where the bytes were taken for what they should be. It begins with the `seeds`, of
    which the first is taken; `words` are what the format is made of.
    """

    check: Callable[[bytes], bool]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


def text_of(data: bytes) -> str:
    """The bytes as a text that may hold any character, and bytes that are not UTF-8."""
    return data.decode(errors="surrogateescape")


def parts_of(data: bytes, count: int) -> list[bytes]:
    """The bytes of `count` files, empty where there are fewer."""
    parts = data.split(PART, count - 1)
    return [*parts, *[b""] * (count - len(parts))]


def check_lines(lines: Iterable[str]) -> None:
    """What a pusher sees is narrow, plain and not too much."""
    shown = [*lines]
    assert len(shown) <= _LINES, len(shown)
    for line in shown:
        assert columns(line) <= COLUMNS, line
        assert line.isprintable(), ascii(line)
        line.encode()


def check_findings(problems: Iterable[Problem]) -> None:
    """Findings can be shown, as lines and as JSON, and name a place."""
    found = [*problems]
    for each in found:
        assert str(each).isprintable(), ascii(str(each))
        assert each.line is None or each.line >= 1, each
        assert each.message, each
        assert each.hint, each
    check_lines(report.findings(found))


def check_refusal(error: PublishError) -> None:
    """A refusal says something in few lines."""
    assert plain(error.message), error
    check_lines(report.failed(error, 1))
    assert len(error.message) < 20_000, len(error.message)

"""Text in lines of at most 72 columns, and nothing in it that moves a cursor."""

from collections.abc import Sequence

import pytest

from mlreef_hooks.columns import cut, short, size, wrapped
from mlreef_hooks.plain_text import counted, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\x0b\u2028c", "a b  c"),
        ("  a  ", "a"),
        ("\x1b[31ma\x1b[0m", "[31ma[0m"),
        ("a\u202e\u200bb\ufeff\xad", "ab"),
        ("\udc80\ue000\U000e0001", ""),
        ("caf\u00e9 \u754c e\u0301", "caf\u00e9 \u754c e\u0301"),
    ],
)
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_plain_lines_keep_no_line_ends_but_one() -> None:
    assert plain_lines("a\r\n\tb\u2028c\u2029d\u00a0e\x85f\n\x1b[0m\n") == "a\n\tb c d ef\n[0m"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a b", ["a b"]),
        ("a  \n b", ["a b"]),
        ("x" * 70 + " ab", ["x" * 70, "  ab"]),
        ("x" * 150, ["x" * 70, "  " + "x" * 70, "  " + "x" * 10]),
        ("\u754c" * 40, ["\u754c" * 35, "  " + "\u754c" * 5]),
        ("a-b " + "x" * 67 + "-y", ["a-b", "  " + "x" * 67 + "-y"]),
    ],
)
def test_wrapped(text: str, lines: Sequence[str]) -> None:
    assert wrapped(text) == lines


def test_the_first_line_keeps_its_indentation() -> None:
    indent = " " * 10
    lines = wrapped("x" * 70, indent, first="  image   ")
    assert lines == ["  image   " + "x" * 62, indent + "x" * 8]
    assert wrapped("", indent, first="  image   ") == ["  image"]


def test_a_very_long_word_is_wrapped_at_once() -> None:
    lines = wrapped("x" * (1 << 18))
    assert "".join(line.strip() for line in lines) == "x" * (1 << 18)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 72, "x" * 72),
        ("x" * 73, "x" * 69 + "..."),
        ("\u754c" * 36, "\u754c" * 36),
        ("\u754c" * 37, "\u754c" * 34 + "..."),
        ("\n", ""),
    ],
)
def test_cut(text: str, shown: str) -> None:
    assert cut(text) == shown


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (12_345_678, "12 MB"),
        (5_000_000_000_000, "5000 GB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


def test_digests_and_counts_in_short() -> None:
    assert short("sha256:" + "a" * 64) == "sha256:" + "a" * 12
    assert short("a" * 64) == "a" * 12
    assert [counted(count, "file") for count in (0, 1, 2)] == [
        "0 files",
        "1 file",
        "2 files",
    ]

"""The pages of the docs as data: sections, tables, blocks, words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w*)\n((?:# +(\S+)$)?.*?)^```$", re.MULTILINE | re.DOTALL)
_PAGES = (
    *sorted(path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.md")),
    *map(Path, ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")),
)

TEXTS = {str(page): (ROOT / page).read_text() for page in _PAGES if (ROOT / page).exists()}
SOURCES = "".join(path.read_text() for path in sorted((ROOT / "mlreef_hooks").rglob("*.py")))


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block; `file` is the name in its first line where that is a comment, else empty."""

    language: str
    file: str
    text: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text."""
    found = _BLOCK.findall(text)
    return [Block(language=language, file=file, text=code) for language, code, file in found]


def prose(text: str) -> str:
    """A text without its fenced blocks."""
    return _FENCED.sub("", text)


def code(text: str) -> list[str]:
    """What stands in backticks, fenced blocks left out."""
    return re.findall(r"`([^`]+)`", prose(text))


def opening(page: str) -> str:
    """What stands before the first section of a page."""
    return re.split(r"^## ", TEXTS[page], maxsplit=1, flags=re.MULTILINE)[0]


def sections(page: str) -> dict[str, str]:
    """The text below each heading of a page, by the heading without backticks."""
    _, *parts = re.split(r"^#{2,4} (.+)$", TEXTS[page], flags=re.MULTILINE)
    return {head.replace("`", ""): text for head, text in zip(parts[::2], parts[1::2], strict=True)}


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the tables of a text whose first column is called `head`."""
    rows: list[list[str]] = []
    for lines in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        header, _, *cells = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in lines.splitlines()
        ]
        rows += cells if header[0] == head else []
    return rows


def dotted(document: Mapping[str, Any], prefix: str = "") -> set[str]:
    """The dotted names of all keys of nested tables."""
    names = {f"{prefix}{key}" for key in document}
    for key, value in document.items():
        if isinstance(value, dict):
            names |= dotted(value, f"{prefix}{key}.")
    return names


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    heads = re.findall(r"^#{1,6} (.+)$", prose(TEXTS[page]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}

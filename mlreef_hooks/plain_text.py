"""Text for a terminal: without what would move its cursor."""

import unicodedata

_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # control, direction, not UTF-8, unassigned


def plain(text: str) -> str:
    """The text on one line, without control, direction and undecodable characters.

    What came from outside must not move a cursor, colour a line or reverse its order.
    """
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in _UNSHOWN
    ).strip()


def plain_lines(text: str) -> str:
    """The text without such characters; its lines and tabs stay, all other space is plain space."""
    return "".join(
        " " if each.isspace() and each not in "\n\t" else each
        for each in text
        if each in "\n\t" or unicodedata.category(each) not in _UNSHOWN
    ).strip()


def counted(number: int, word: str) -> str:
    """The number and the word, such as `1 file` and `2 files`."""
    many = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number} {word if number == 1 else many}"

"""Which parameters of a script are its input and its output, and whether each is file or folder."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mlreef_hooks.manifest import Parameter

_INPUT = re.compile(
    r"in|i|(?:in|input|source|src)[-_]?(?:s|path|paths|file|files|filename|dir|directory|folder)?"
    r"|infiles|file|files|filename|filenames|file[-_]?path|path|paths|images?|image[-_]dir|data"
    r"|data[-_](?:dir|path|file)|dataset|dir|directory|folder|csv[-_]?files?|\w*[a-z]file"
)
_OUTPUT = re.compile(
    r"out|o|(?:out|output|dest|destination|target)[-_]?(?:path|file|filename|dir|directory|folder)?"
    r"|save[-_](?:dir|path|to)|result[-_](?:dir|path)"
)
_NO_INPUT = re.compile(r"(?:out|log|config|ignore|exclude|settings|dest|save|tmp|pid).*")
_FOLDER = re.compile(r"dir|director(?:y|ies)|folders?", re.IGNORECASE)
_VALUES = ("string", "list", "undefined")


class Takes(Enum):
    """What stands in the place of a path."""

    NOTHING = 0
    FILE = 1
    FILES = 2
    FOLDER = 3


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The two parameters, None where the script has no such, and what each takes."""

    source: Parameter | None
    target: Parameter | None

    @property
    def reads(self) -> Takes:
        """What the script reads."""
        return _takes(self.source)

    @property
    def writes(self) -> Takes:
        """What the script writes; nothing for one that prints."""
        return _takes(self.target)


def find_paths(parameters: Sequence[Parameter]) -> Paths:
    """The input and the output among a script's parameters, by their names; a positional argument
    counts before an option, and a required one before another.
    """
    able = [each for each in parameters if _can_be_path(each)]
    target = _first(able, _OUTPUT)
    rest = [each for each in able if each is not target]
    source = _first([each for each in rest if not _NO_INPUT.fullmatch(_name(each))], _INPUT)
    if source is None:  # what must be given and stands alone is what the script is about
        source = next((each for each in rest if each.option is None and each.required), None)
    return Paths(source=source, target=target)


def _can_be_path(parameter: Parameter) -> bool:
    return parameter.nargs != 0 and parameter.type in _VALUES and parameter.choices is None


def _first(parameters: Sequence[Parameter], names: re.Pattern[str]) -> Parameter | None:
    found = [each for each in parameters if names.fullmatch(_name(each))]
    return min(found, key=lambda each: (each.option is not None, not each.required), default=None)


def _name(parameter: Parameter) -> str:
    return parameter.name.lower()


def _takes(parameter: Parameter | None) -> Takes:
    if parameter is None:
        return Takes.NOTHING
    if parameter.nargs in ("*", "+", "...") or parameter.repeated:
        return Takes.FILES
    said = f"{parameter.name} {parameter.description}"
    only = not re.search(r"\bfiles?\b", said, re.IGNORECASE)
    return Takes.FOLDER if _FOLDER.search(said) and only else Takes.FILE

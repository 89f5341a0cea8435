"""Which parameters of a script are its input and its output, and whether each is file or folder."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from mlreef_hooks.manifest import Parameter, python_name
from mlreef_hooks.proposal.path_names import (
    is_input,
    is_likely_input,
    is_output,
    is_trained_model,
    is_usual_input,
    is_usual_output,
    is_written,
    says_input,
    says_output,
    says_training,
)

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


def find_paths(
    parameters: Sequence[Parameter], source: str | None = None, target: str | None = None
) -> Paths:
    """The input and the output among a script's parameters: those that are named so, else by
    their names; a positional argument counts before an option, and a required one before another.
    """
    able = possible_paths(parameters)
    writes = _named(able, target) or _find_output(able)
    rest = [each for each in able if each is not writes]
    reads = _named(rest, source) or _find_input(rest)
    return Paths(source=reads, target=writes)


def possible_paths(parameters: Sequence[Parameter]) -> list[Parameter]:
    """The parameters that could be the path of a file or folder."""
    return [each for each in parameters if _can_be_path(each)]


def _named(parameters: Sequence[Parameter], name: str | None) -> Parameter | None:
    python = None if name is None else python_name(name)
    return next((each for each in parameters if python_name(each.name) == python), None)


def _find_output(able: Sequence[Parameter]) -> Parameter | None:
    trains = any(map(says_training, able))
    return (
        _first(able, is_usual_output)
        or _first(able, is_output)
        or _first(able, is_written)
        or _first(able, lambda each: is_trained_model(each) and (trains or says_output(each)))
    )


def _find_input(able: Sequence[Parameter]) -> Parameter | None:
    found = _first(able, is_usual_input)
    # What must be given and stands alone is what the script is about, whatever options it has.
    alone = next((each for each in able if each.option is None and each.required), None)
    named = [each for each in able if is_input(each)]
    sure = [each for each in named if alone is None or each.required or says_input(each)]
    likely = [each for each in able if is_likely_input(each)]
    required = [each for each in likely if each.required]
    if len(required) > 1:  # any of them
        likely = required = []
    return found or _preferred(sure) or _preferred(required) or alone or _preferred(likely)


def _can_be_path(parameter: Parameter) -> bool:
    return parameter.nargs != 0 and parameter.type in _VALUES and parameter.choices is None


def _first(parameters: Sequence[Parameter], fits: Callable[[Parameter], bool]) -> Parameter | None:
    return _preferred([each for each in parameters if fits(each)])


def _preferred(found: Sequence[Parameter]) -> Parameter | None:
    return min(found, key=lambda each: (each.option is not None, not each.required), default=None)


def _takes(parameter: Parameter | None) -> Takes:
    if parameter is None:
        return Takes.NOTHING
    if parameter.nargs in ("*", "+", "...") or parameter.repeated:
        return Takes.FILES
    said = f"{parameter.name} {parameter.description}"
    only = not re.search(r"\bfiles?\b", said, re.IGNORECASE)
    return Takes.FOLDER if _FOLDER.search(said) and only else Takes.FILE

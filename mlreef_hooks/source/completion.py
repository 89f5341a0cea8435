"""A Python file with the missing halves of its parameters: what argparse accepts annotated, what is
annotated accepted. Nothing is changed where it is not sure what is missing.
"""

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mlreef_hooks.manifest import Parameter, python_name
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.annotation_writing import add_annotations
from mlreef_hooks.source.annotations import read_annotations
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.argument_writing import add_arguments, is_writable
from mlreef_hooks.source.drift import merge_parameters
from mlreef_hooks.source.halves import Halves, match_halves
from mlreef_hooks.source.wording import quoted

# Where one of these is found, some parameters could not be read, and may be there all the same.
_UNSURE = frozenset({
    "annotation-argument", "annotation-not-literal", "annotation-order", "annotation-repeated",
    "argparse-name-not-static", "argparse-parsers", "argparse-subcommands",
    "parameter-name-invalid", "parameter-repeated",
})  # fmt: skip
_Write = Callable[[bytes, Sequence[Parameter]], bytes | None]


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A file as it should be, what was added to it, and what could not be, each in words."""

    content: bytes
    added: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def complete_halves(content: bytes) -> Completion:
    """The file with the halves that its parameters miss; `content` compiles.

    A file without annotations of parameters, or without a parser, misses none.
    """
    problems = Problems()
    halves = _halves(content, problems)
    missing = halves and (halves.unannotated or halves.unaccepted)
    if not halves or not missing:
        return Completion(content=content)
    unsure = sorted({each.rule for each in problems} & _UNSURE)
    if unsure:
        return Completion(content=content, left=(f"not before {unsure[0]} is mended",))
    alike = _alike(halves)
    completion = Completion(content=content, left=tuple(alike.values()))
    for parameter in halves.unannotated:
        if parameter.name not in alike:
            said = f"{quoted(parameter.name)} is annotated, as argparse has it"
            completion = _added(completion, parameter, add_annotations, said)
    for parameter in halves.unaccepted:
        if parameter.name not in alike:
            said = f"argparse accepts {quoted(parameter.name)}, as it is annotated"
            completion = _added(completion, parameter, _write_argument, said)
    return completion


def _halves(content: bytes, problems: Problems) -> Halves | None:
    module = ast.parse(content)
    annotations = read_annotations(module, "", problems)
    parsed = read_argparse(module, "", problems)
    if parsed is None or annotations is None or not annotations.parameters:
        return None
    merge_parameters(annotations.parameters, parsed, "", problems)
    return match_halves(annotations.parameters, parsed)


def _alike(halves: Halves) -> dict[str, str]:
    """The names that may be one name, mistyped in one of the two places, with what to say."""
    unaccepted = {python_name(each.name): each.name for each in halves.unaccepted}
    said: dict[str, str] = {}
    for parameter in halves.unannotated:
        for near in get_close_matches(python_name(parameter.name)[:100], unaccepted, n=1):
            names = f"{quoted(parameter.name)} and {quoted(unaccepted[near])}"
            text = f"{names} may be one name, mistyped"
            said |= {parameter.name: text, unaccepted[near]: text}
    return said


def _write_argument(content: bytes, parameters: Sequence[Parameter]) -> bytes | None:
    writable = all(is_writable(parameter, content) for parameter in parameters)
    return add_arguments(content, parameters) if writable else None


def _added(completion: Completion, parameter: Parameter, write: _Write, said: str) -> Completion:
    """The completion with one half more, where that breaks no rule that was not broken before."""
    written = write(completion.content, [parameter])
    if written is None or not _is_better(completion.content, written):
        text = f"{quoted(parameter.name)} has to be written by hand"
        return Completion(
            content=completion.content, added=completion.added, left=(*completion.left, text)
        )
    return Completion(
        content=written, added=(*completion.added, said), left=completion.left
    )  # fmt: skip


def _is_better(before: bytes, after: bytes) -> bool:
    old, new = Problems(), Problems()
    _halves(before, old)
    try:
        _halves(after, new)
    except (SyntaxError, ValueError):
        return False
    broken, left = _count(old), _count(new)
    return left["parameter-drift"] < broken["parameter-drift"] and left <= broken


def _count(problems: Problems) -> Counter[str]:
    return Counter(each.rule for each in problems)

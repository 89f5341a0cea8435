"""Which annotation and which argparse call speak of the same parameter, and which have no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import Parameter, python_name
from mlreef_hooks.source.argparse_call import ParsedParameter


@dataclass(frozen=True, kw_only=True)
class Halves:
    """The parameters of a file by who speaks of them.

    `parsed` is what argparse accepts, in its order, each with its annotation or None;
    `unaccepted` are the annotations that no argparse call answers.
    """

    parsed: Sequence[tuple[Parameter, Parameter | None]]
    unaccepted: Sequence[Parameter]

    @property
    def unannotated(self) -> Sequence[Parameter]:
        """What argparse accepts and no annotation names."""
        return [parameter for parameter, annotated in self.parsed if annotated is None]


def match_halves(annotated: Sequence[Parameter], parsed: Sequence[Parameter]) -> Halves:
    """The halves of each parameter; an annotation may name it by any of its options."""
    by_name = {python_name(parameter.name): parameter for parameter in annotated}
    pairs = [
        (parameter, by_name.pop(python_name(_matching_name(parameter, by_name)), None))
        for parameter in parsed
    ]
    return Halves(parsed=pairs, unaccepted=[*by_name.values()])


def _matching_name(parameter: Parameter, by_name: Mapping[str, Parameter]) -> str:
    """The name by which an annotation knows a parameter: its own, or that of another option."""
    names = [parameter.name, *(spelling.lstrip("-") for spelling in spellings_of(parameter))]
    return next((name for name in names if python_name(name) in by_name), parameter.name)


def spellings_of(parameter: Parameter) -> tuple[str, ...]:
    """All options of a parameter that argparse accepts; none where that is not known."""
    return parameter.spellings if isinstance(parameter, ParsedParameter) else ()

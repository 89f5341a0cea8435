"""What differs between a wrapper and the script behind it: what the script has no more, or needs,
or has otherwise. A wrapper may be edited: what it hands on is read from it, and not remembered.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mlreef_hooks.manifest import REMAINDER, REQUIRED_PATHS, Parameter, python_name
from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.arguments import variable
from mlreef_hooks.proposal.declarations import compare_declarations
from mlreef_hooks.proposal.handed_on import Handed, read_handed
from mlreef_hooks.proposal.script import script_of
from mlreef_hooks.source.accepted_options import accepted_options
from mlreef_hooks.source.argparse_call import ParsedParameter
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.halves import spellings_of
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.source.wrapped_script import WrappedScript

FAILS = "parameter-drift"  # a run fails, or computes with another value than was given
OUTDATED = "wrapper-outdated"  # a run works, and the module offers less or says otherwise
_PATHS = frozenset({*map(python_name, REQUIRED_PATHS), "help"})


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What differs, by which rule, and the line of the wrapper."""

    rule: str
    line: int
    message: str


@dataclass(frozen=True, kw_only=True)
class _Sides:
    """A wrapper and its script in `module`. `own` are the wrapper's parameters by their names in
    Python, `parameters` those of the script. `handed` is the `whole` of what is handed on, or what
    can be told of it.
    """

    wrapped: WrappedScript
    own: Mapping[str, Parameter]
    handed: Sequence[Handed]
    whole: bool
    module: ast.Module
    parameters: Sequence[Parameter]

    @cached_property
    def known(self) -> frozenset[str]:
        """The names of a function's arguments, or the options that pipelines may give."""
        if self.wrapped.function:
            return frozenset(python_name(each.name) for each in self.parameters)
        return frozenset().union(*map(_spellings, self.parameters))

    @cached_property
    def accepted(self) -> frozenset[str] | None:
        """All options of a script, None where it may have others."""
        return accepted_options(self.module, self.wrapped.named)

    def accepts(self, word: str) -> bool:
        """True where the script takes, or may take, what is handed on by a name."""
        if word in self.known or self.wrapped.function:
            return word in self.known
        return self.accepted is None or word in self.accepted

    @cached_property
    def words(self) -> frozenset[str]:
        """Everything that is written for some parameter."""
        return frozenset().union(*(each.words for each in self.handed))

    @cached_property
    def by_name(self) -> Mapping[str, Handed]:
        """What is handed on by the wrapper's own parameter, as Python names it."""
        return {each.name: each for each in self.handed if each.name}

    @cached_property
    def placed(self) -> Sequence[Handed]:
        """What stands for itself on the script's command line."""
        return [each for each in self.handed if not each.words]

    @cached_property
    def places(self) -> Sequence[str]:
        """The script's parameters that stand for themselves, in their order."""
        return [each.name for each in self.parameters if each.option is None]

    @cached_property
    def filled(self) -> frozenset[str]:
        """Those of them that the wrapper has something for."""
        return frozenset(self.places[: len(self.placed)])

    @cached_property
    def of_all_files(self) -> Mapping[str, Handed]:
        """What hands all files of a folder on, by option, or by the parameter in whose place."""
        words = ((word, each) for each in self.handed for word in each.words)
        found = (*zip(self.places, self.placed, strict=False), *words)
        return {key: each for key, each in found if each.many and not each.name}

    def hands_on(self, parameter: Parameter) -> bool:
        """True where the wrapper has something for a parameter of the script."""
        if self.wrapped.function:
            return python_name(parameter.name) in self.words
        if parameter.option is None:
            return parameter.name in self.filled
        return not self.words.isdisjoint(_spellings(parameter))


def _spellings(parameter: Parameter) -> frozenset[str]:
    """The options that a parameter of a script is given by."""
    words = (parameter.option, parameter.negative, *spellings_of(parameter))
    return frozenset(word for word in words if word)


def find_differences(
    wrapper: ast.Module, own: Sequence[Parameter], wrapped: WrappedScript, script: ast.Module
) -> list[Difference]:
    """What differs between a wrapper, whose parser has its `own` parameters, and its script;
    nothing where the script's parameters cannot be told.
    """
    parameters = _parameters(script, wrapped)
    if parameters is None:
        return []
    handed_on = read_handed(wrapper, wrapped)
    sides = _Sides(
        wrapped=wrapped,
        own={python_name(each.name): each for each in own},
        handed=handed_on.read,
        whole=handed_on.whole,
        module=script,
        parameters=parameters,
    )
    found = [*_unaccepted(sides), *(_misplaced(sides) if sides.whole else ())]
    for parameter in parameters:
        difference = _of_parameter(parameter, sides)
        found += [difference] if difference else []
    return found


def _parameters(module: ast.Module, wrapped: WrappedScript) -> Sequence[Parameter] | None:
    """What the script, or its function, takes; None where that cannot be told."""
    if not wrapped.function:
        return read_argparse(module, wrapped.named, Problems())
    script = script_of(module, wrapped.named, wrapped.function)
    return script.parameters if script.function else None


def _unaccepted(sides: _Sides) -> Iterator[Difference]:
    """What is handed on by a name that the script does not have."""
    function = sides.wrapped.function
    for handed in sides.handed:
        for word in sorted(handed.words) if function else handed.options:
            if not sides.accepts(word):
                said = f"{quoted(word)} is handed on, and {_place(sides)} does not take it"
                yield Difference(rule=FAILS, line=handed.line, message=said)


def _misplaced(sides: _Sides) -> Iterator[Difference]:
    """What is handed on without a name, and is more than the script takes."""
    most, given = len(sides.places), sides.placed
    rest = any(each.nargs == REMAINDER for each in sides.parameters)
    if len(given) > most and not rest and sides.accepted:
        values = "1 value" if len(given) == 1 else f"{len(given)} values"
        said = f"{values} without an option {'is' if len(given) == 1 else 'are'} handed on"
        said = f"{said}, and {_place(sides)} takes {most}"
        yield Difference(rule=FAILS, line=given[most].line, message=said)


def _of_parameter(parameter: Parameter, sides: _Sides) -> Difference | None:
    """The first thing that differs about a parameter of the script; what makes runs fail before
    all else.
    """
    name = python_name(parameter.name)
    own = None if name in _PATHS else sides.own.get(name)
    place = _place(sides, parameter.line)
    if sides.hands_on(parameter):
        other = _declared_otherwise(parameter, own, sides) if own else None
        return other or _too_many(parameter, sides)
    if not sides.whole:
        return None
    line = sides.wrapped.line
    called = quoted(name if sides.wrapped.function else parameter.name)
    if parameter.required:
        said = f"{place} requires {called}, and it is not handed on"
        return Difference(rule=FAILS, line=line, message=said)
    if own is None and name not in _PATHS and parameter.nargs != REMAINDER:
        said = f"{place} takes {called}, and it is not handed on"
        return Difference(rule=OUTDATED, line=line, message=said)
    return None


def _place(sides: _Sides, line: int = 0) -> str:
    """The script, or the function in it, in words."""
    path = sides.wrapped.named[:200]
    name = f"{sides.wrapped.function} of {path}" if sides.wrapped.function else path
    return f"{name} (line {line})" if line else name


def _declared_otherwise(parameter: Parameter, own: Parameter, sides: _Sides) -> Difference | None:
    """What differs between the declarations of a parameter that is handed on."""
    handed = sides.by_name.get(variable(parameter))
    skipped = handed.skipped.value if handed and handed.skipped else None
    found = compare_declarations(own, parameter, skipped)
    place = _place(sides, parameter.line)
    if (
        sides.whole
        and handed
        and not (found and found.fails)
        and _is_other_switch(handed, parameter)
    ):
        words = ("no", "with") if handed.valued else ("a", "without")
        said = f"{quoted(own.name)} takes {words[0]} value in {place}"
        said = f"{said}, and is handed on {words[1]} one"
        return Difference(rule=FAILS, line=handed.line, message=said)
    if found is None:
        return None
    said = f"{quoted(own.name)} {found.script} in {place}, and {found.wrapper} here"
    return Difference(rule=FAILS if found.fails else OUTDATED, line=own.line, message=said)


def _too_many(parameter: Parameter, sides: _Sides) -> Difference | None:
    """That all files of a folder are handed on, where the script takes one."""
    unread = parameter.unread if isinstance(parameter, ParsedParameter) else frozenset()
    several = parameter.repeated or parameter.nargs in ("*", "+", REMAINDER)
    if not sides.whole or several or "nargs" in unread:
        return None
    keys = _spellings(parameter) if parameter.option else {parameter.name}
    given = next((sides.of_all_files[key] for key in keys if key in sides.of_all_files), None)
    if given is None:
        return None
    takes = "one value" if parameter.nargs in (None, "?") else f"{parameter.nargs} values"
    said = f"{quoted(parameter.name)} takes {takes} in {_place(sides, parameter.line)}"
    said = f"{said}, and all files are handed on"
    return Difference(rule=FAILS, line=given.line, message=said)


def _is_other_switch(handed: Handed, parameter: Parameter) -> bool:
    """True where an option needs a value that is not handed on, or is none that has one."""
    if handed.valued is None or not isinstance(parameter, ParsedParameter):
        return False
    needs = parameter.nargs not in (0, "?", "*")
    other = parameter.nargs == 0 if handed.valued else needs
    return other and "nargs" not in parameter.unread

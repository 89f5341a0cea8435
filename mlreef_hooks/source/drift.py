"""Annotations against argparse: MLReef compares the two nowhere, and the script obeys argparse."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mlreef_hooks.manifest import REQUIRED_PATHS, Parameter
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.argparse_call import ParsedParameter
from mlreef_hooks.source.defaults import comparable, not_chosen
from mlreef_hooks.source.halves import match_halves, spellings_of
from mlreef_hooks.source.wording import (
    add_argument_line,
    annotation_line,
    quoted,
    shown,
    type_argument,
)

_OPEN_TYPES = frozenset({"object", "undefined"})  # they hold values of every type
_SEQUENCES = frozenset({"list", "tuple"})


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """One parameter as the annotation and as argparse say it; `unread` as in `ParsedParameter`."""

    annotated: Parameter
    parsed: Parameter
    unread: frozenset[str]
    spellings: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Difference:
    """What differs, the line that has to change, and what to write there."""

    line: int
    message: str
    hint: str
    rule: str = "parameter-drift"


def merge_parameters(
    annotated: tuple[Parameter, ...], parsed: tuple[Parameter, ...], path: str, problems: Problems
) -> tuple[Parameter, ...]:
    """The parameters of a file that has annotations and argparse; each difference is a finding.

    How a parameter is written on the command line, and its default, are argparse's, as is the
    order, on which positional arguments depend; type and description are the annotation's. Where
    nothing is annotated (a `data_processor` alone), argparse alone counts.
    """
    if not annotated:
        return tuple(_plain(parameter) for parameter in parsed)
    halves = match_halves(annotated, parsed)
    merged: list[Parameter] = []
    for parameter, partner in halves.parsed:
        if partner is None:
            _add(problems, path, _not_annotated(parameter))
            merged.append(_plain(parameter))
        else:
            merged.append(_merged(_pair(partner, parameter), path, problems))
    for parameter in halves.unaccepted:
        _add(problems, path, _not_accepted(parameter))
    return (*merged, *halves.unaccepted)


def _plain(parameter: Parameter) -> Parameter:
    return parameter.plain() if isinstance(parameter, ParsedParameter) else parameter


def _pair(annotated: Parameter, parsed: Parameter) -> _Pair:
    unread = parsed.unread if isinstance(parsed, ParsedParameter) else frozenset()
    spellings = {parsed.option or "", *spellings_of(parsed)}
    return _Pair(
        annotated=annotated, parsed=_plain(parsed), unread=unread, spellings=frozenset(spellings)
    )


def _merged(pair: _Pair, path: str, problems: Problems) -> Parameter:
    for compare in _COMPARISONS:
        difference = compare(pair)
        if difference is not None:
            _add(problems, path, difference)
    annotated, parsed = pair.annotated, pair.parsed
    spelled = annotated.option in pair.spellings
    return replace(
        parsed,
        name=annotated.name if spelled else parsed.name,
        option=annotated.option if spelled else parsed.option,
        type=annotated.type,
        description=annotated.description or parsed.description,
        default=annotated.default if _is_proposal(pair) else parsed.default,
    )


def _is_proposal(pair: _Pair) -> bool:
    """True where the annotation's default is all there is.

    MLReef's own example gives a default to parameters that argparse requires: it is what a form
    shows, and the command line always has a value.
    """
    proposed = pair.annotated.required and pair.parsed.required
    return pair.parsed.default is None and (proposed or "default" in pair.unread)


def _add(problems: Problems, path: str, difference: _Difference) -> None:
    problems.add(difference.rule, path, difference.line, difference.message, difference.hint)


def _not_annotated(parsed: Parameter) -> _Difference:
    return _Difference(
        line=parsed.line,
        message=f"argparse accepts {quoted(parsed.name)}, and no annotation names it",
        hint=f"write {annotation_line(parsed)}",
    )


def _not_accepted(annotated: Parameter) -> _Difference:
    return _Difference(
        line=annotated.line,
        message=f"{quoted(annotated.name)} is annotated, and no argparse call accepts it",
        hint=f"write {add_argument_line(annotated)}, or remove the annotation",
    )


def _lines(pair: _Pair) -> tuple[str, str]:
    name = quoted(pair.annotated.name)
    return (
        f"the annotation of {name} (line {pair.annotated.line})",
        f"argparse (line {pair.parsed.line})",
    )


def _compare_spelling(pair: _Pair) -> _Difference | None:
    annotated, parsed = pair.annotated, pair.parsed
    if parsed.option is None or annotated.name == parsed.name:
        return None
    if annotated.option in pair.spellings:
        return None
    annotation, argparse = _lines(pair)
    wanted = annotated.name in REQUIRED_PATHS  # the spelling that pipelines fill
    change = f"{quoted('--' + annotated.name)} in" if wanted else f"name={quoted(parsed.name)} in"
    where = "add_argument" if wanted else "the annotation"
    return _Difference(
        line=parsed.line if wanted else annotated.line,
        message=f"{annotation} and {argparse}, which says {quoted(parsed.name)}, spell it"
        " differently, so that the command line would fail",
        hint=f"write {change} {where}",
    )


def _compare_type(pair: _Pair) -> _Difference | None:
    annotated, parsed = pair.annotated, pair.parsed
    types = {annotated.type, parsed.type}
    if len(types) == 1 or types & _OPEN_TYPES or types <= _SEQUENCES or "type" in pair.unread:
        return None
    annotation, argparse = _lines(pair)
    argparse_changes = parsed.type == "string"  # what add_argument takes where nothing is said
    return _Difference(
        line=parsed.line if argparse_changes else annotated.line,
        message=f"{annotation} says {annotated.type}, {argparse} {parsed.type}",
        hint=f"write {type_argument(annotated.type)} in add_argument"
        f', or type="{parsed.type.upper()}" in the annotation',
    )


def _compare_required(pair: _Pair) -> _Difference | None:
    annotated, parsed = pair.annotated, pair.parsed
    if annotated.required == parsed.required or parsed.nargs == 0 or "required" in pair.unread:
        return None
    annotation, argparse = _lines(pair)
    words = {True: "required", False: "optional"}
    return _Difference(
        line=annotated.line,
        message=f"{annotation} says {words[annotated.required]},"
        f" {argparse} {words[parsed.required]}",
        hint=f"write required={parsed.required} in the annotation"
        f"{'' if parsed.option is None else f', or required={annotated.required} in add_argument'}",
    )


def _compare_default(pair: _Pair) -> _Difference | None:
    annotated, parsed = pair.annotated, pair.parsed
    unsaid = annotated.default is None or "default" in pair.unread or parsed.required
    if unsaid or comparable(annotated.default) == comparable(parsed.default):
        return None
    if annotated.required and parsed.default is None:
        return None
    annotation, argparse = _lines(pair)
    return _Difference(
        line=annotated.line,
        message=f"{annotation} says the default {shown(annotated.default)},"
        f" {argparse} {shown(parsed.default)}",
        hint=f"write defaultValue={shown(parsed.default)} in the annotation,"
        f" or default={shown(annotated.default)} in add_argument",
    )


def _compare_choices(pair: _Pair) -> _Difference | None:
    default, choices = pair.annotated.default, pair.parsed.choices
    if default is None or choices is None:
        return None
    strange = not_chosen(default, choices)
    if not strange:
        return None
    annotation, argparse = _lines(pair)
    return _Difference(
        line=pair.annotated.line,
        message=f"{annotation} says the default {shown(strange[0])},"
        f" which is none of the choices of {argparse}",
        hint=f"write one of {', '.join(map(shown, choices[:10]))} as defaultValue",
    )


def _compare_description(pair: _Pair) -> _Difference | None:
    annotated, parsed = pair.annotated, pair.parsed
    texts = {" ".join(text.split()) for text in (annotated.description, parsed.description)}
    if len(texts) == 1 or "" in texts:
        return None
    annotation, argparse = _lines(pair)
    return _Difference(
        line=annotated.line,
        message=f"{annotation} and the help of {argparse} describe it differently",
        hint=f"write description={quoted(parsed.description)} in the annotation",
        rule="parameter-description-drift",
    )


_COMPARISONS: Sequence[Callable[[_Pair], _Difference | None]] = (
    _compare_spelling,
    _compare_type,
    _compare_required,
    _compare_default,
    _compare_choices,
    _compare_description,
)

"""What changed between the parameters of two versions of a module."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlreef_hooks.change import Change
from mlreef_hooks.manifest import REMAINDER, python_name

Parameter = Mapping[str, Any]  # as in the index
# Types that take every value of another one, as a command line and as JSON.
_WIDER: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"float"}),
    "list": frozenset({"tuple"}),
    "tuple": frozenset({"list"}),
}
_ANYTHING = frozenset({"object", "undefined"})
_ENDLESS = float("inf")
_COUNTS: Mapping[Any, tuple[float, float]] = {
    None: (1, 1), "?": (0, 1), "*": (0, _ENDLESS), "+": (1, _ENDLESS), REMAINDER: (0, _ENDLESS),
}  # fmt: skip


def parameter_changes(before: Sequence[Parameter], after: Sequence[Parameter]) -> Iterator[Change]:
    """The changes, in the order of the parameters; those of `after` that are new come last.

    `-` and `_` in a name are the same, as they are for whoever gives a value.
    """
    old = {python_name(each["name"]): each for each in before}
    new = {python_name(each["name"]): each for each in after}
    for name, parameter in old.items():
        if name in new:
            yield from _changes(parameter, new[name])
            yield from _nargs_changes(parameter, new[name], _behind(new[name], after))
        else:
            yield Change(what="parameter-removed", subject=parameter["name"], breaking=True)
    for name, parameter in new.items():
        if name not in old:
            yield _added(parameter)
    yield from _moved(before, after, {*old} & {*new})


def _added(parameter: Parameter) -> Change:
    """A new parameter: one that must be given breaks, unless a run fills in its proposal."""
    breaking = parameter["required"] and parameter["default"] is None
    after = "must be given" if parameter["required"] else "optional"
    return Change(what="parameter-added", subject=parameter["name"], after=after, breaking=breaking)


def _changes(before: Parameter, after: Parameter) -> Iterator[Change]:
    name = after["name"]
    if before["name"] != name:
        yield Change(
            what="parameter-renamed", subject=name,
            before=before["name"], after=name, breaking=True,
        )  # fmt: skip
    yield from _type_changes(name, before, after)
    yield from _choice_changes(name, before["choices"], after["choices"])
    yield from _necessity_changes(name, before, after)
    yield from _spelling_changes(name, before, after)


def _type_changes(name: str, before: Parameter, after: Parameter) -> Iterator[Change]:
    old, new = before["type"], after["type"]
    if old == new or {old, new} <= _ANYTHING:
        return
    wider = new in _ANYTHING | _WIDER.get(old, frozenset())
    yield Change(
        what="parameter-type-widened" if wider else "parameter-type-changed", subject=name,
        before=old, after=new, breaking=not wider,
    )  # fmt: skip


def _choice_changes(name: str, before: Any, after: Any) -> Iterator[Change]:
    old, new = _keys(before), _keys(after)
    if old == new:
        return
    if old is None:
        what, breaking = "parameter-choices-set", True
    elif new is None:
        what, breaking = "parameter-choices-lifted", False
    elif old <= new:
        what, breaking = "parameter-choices-widened", False
    else:
        what, breaking = "parameter-choices-narrowed", True
    yield Change(what=what, subject=name, before=before, after=after, breaking=breaking)


def _keys(choices: Any) -> frozenset[Any] | None:
    """Choices as a set: 1 is 1.0 and no truth value, as for whoever gives one."""
    if choices is None:
        return None
    return frozenset(_key(each) for each in choices)


def _key(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value, sort_keys=True), None
    return value, isinstance(value, bool)


def _nargs_changes(
    before: Parameter, after: Parameter, behind: Sequence[Parameter]
) -> Iterator[Change]:
    """How many values it takes; more of them are taken from what stands `behind`."""
    old, new = before.get("nargs"), after.get("nargs")
    if old == new:
        return
    (old_least, old_most), (least, most) = _counts(old), _counts(new)
    special = not {0, REMAINDER}.isdisjoint((old, new))  # a flag; what takes options for values
    wider = not special and least <= old_least and old_most <= most
    yield Change(
        what="parameter-nargs-widened" if wider else "parameter-nargs-narrowed",
        subject=after["name"], before=old, after=new,
        breaking=not wider or (most > old_most and bool(behind)),
    )  # fmt: skip


def _behind(parameter: Parameter, parameters: Sequence[Parameter]) -> Sequence[Parameter]:
    """The positional arguments whose values a parameter may take that takes more than before: of an
    option all; of a positional argument those behind it that leave open how many they take.
    """
    placed = [each for each in parameters if each.get("option", "") is None]
    if parameter not in placed:
        return placed
    counts = [_counts(each.get("nargs")) for each in placed]
    first = placed.index(parameter) + 1
    return [placed[n] for n in range(first, len(placed)) if counts[n][0] != counts[n][1]]


def _counts(nargs: Any) -> tuple[float, float]:
    """The least and the greatest number of values."""
    return (nargs, nargs) if isinstance(nargs, int) else _COUNTS.get(nargs, (1, 1))


def _necessity_changes(name: str, before: Parameter, after: Parameter) -> Iterator[Change]:
    old, new = before["default"], after["default"]
    if before["required"] and not after["required"]:
        yield Change(what="parameter-optional", subject=name, before=True, after=False)
    elif after["required"] and not before["required"]:
        yield Change(
            what="parameter-required", subject=name,
            before=False, after=True, breaking=new is None,
        )  # fmt: skip
    elif after["required"] and old is not None and new is None:  # nothing fills it in any more
        yield Change(
            what="parameter-default-changed", subject=name, before=old, after=new, breaking=True
        )
        return
    if not _same(old, new):
        yield Change(what="parameter-default-changed", subject=name, before=old, after=new)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal; a truth value is no number."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _spelling_changes(name: str, before: Parameter, after: Parameter) -> Iterator[Change]:
    """How a value is written on the command line."""
    old, new = (each.get("option", f"--{each['name']}") for each in (before, after))
    if old != new:
        yield Change(
            what="parameter-option-changed", subject=name, before=old, after=new, breaking=True
        )
    old, new = before.get("negative"), after.get("negative")
    if old != new:
        what = "parameter-negative-added" if old is None else "parameter-negative-changed"
        yield Change(what=what, subject=name, before=old, after=new, breaking=old is not None)
    old, new = bool(before.get("repeated")), bool(after.get("repeated"))
    if old != new:
        yield Change(
            what="parameter-repeat-changed", subject=name, before=old, after=new, breaking=True
        )


def _moved(
    before: Sequence[Parameter], after: Sequence[Parameter], kept: set[str]
) -> Iterator[Change]:
    """Positional arguments that are not where they were: a command line would mean another."""
    old = [name for name in _positional(before) if name in kept]
    new = _positional(after)
    stayed = [name for name in old if name in new]
    if new[: len(stayed)] != stayed:
        yield Change(what="positions-moved", before=old, after=new, breaking=True)


def _positional(parameters: Sequence[Parameter]) -> list[str]:
    """The names of the arguments without an option, in their order."""
    return [python_name(each["name"]) for each in parameters if each.get("option", "") is None]

"""What changed from one version of a module to another, and what of it breaks its users.

Both are version objects of the index (docs/index.md), or what a manifest tells of one before it is
built: then packages and base are not compared.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlreef_hooks.change import Change
from mlreef_hooks.parameter_changes import parameter_changes

Document = Mapping[str, Any]
ANY, NONE = "ANY", "NONE"
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)", re.DOTALL)


def changes_between(
    before: Document, after: Document, kinds: tuple[str, str] | None = None
) -> tuple[Change, ...]:
    """The changes from one version to another, those that break first.

    `kinds` are the module's kinds then and now, which are not in a version object. What only
    running a module could tell is not seen: the same parameters may do something else. Nor are
    other spellings of an option, and what a flag stores: no version object holds them.
    """
    found = [
        *(_differing("kind-changed", *kinds, breaking=True) if kinds else ()),
        *parameter_changes(before["parameters"], after["parameters"]),
        *_data_changes(before, after),
        *_resource_changes(before["resources"], after["resources"]),
        *_metric_changes(before.get("metrics", ()), after.get("metrics", ())),
        *_environment_changes(before["environment"], after["environment"]),
        *_differing("entry-point-moved", before["entry_point"], after["entry_point"]),
        *_differing("licenses-changed", before.get("licenses"), after.get("licenses")),
        *_base_changes(before.get("base"), after.get("base")),
        *_package_changes(before, after),
    ]
    return tuple(sorted(found, key=lambda change: not change.breaking))


def _differing(what: str, before: Any, after: Any, *, breaking: bool = False) -> Iterator[Change]:
    if before != after:
        yield Change(what=what, before=before, after=after, breaking=breaking)


def _data_changes(before: Document, after: Document) -> Iterator[Change]:
    """Data types: what went in must go in still; what comes out must be what others wait for."""
    old, new = before["inputs"], after["inputs"]
    if {*old} != {*new}:
        given = {*old} != {NONE}  # a module that took nothing is given nothing
        wider = given and (ANY in new or (ANY not in old and {*old} <= {*new}))
        what = "inputs-widened" if wider else "inputs-narrowed"
        yield Change(what=what, before=old, after=new, breaking=not wider)
    old, new = before["outputs"], after["outputs"]
    if {*old} != {*new}:
        promised = {*old} != {ANY} or {*new} == {NONE}  # else nobody could rely on what it was
        what = "outputs-changed" if promised else "outputs-narrowed"
        yield Change(what=what, before=old, after=new, breaking=promised)


def _resource_changes(before: Document, after: Document) -> Iterator[Change]:
    if before["gpu"] != after["gpu"]:
        what = "gpu-needed" if after["gpu"] else "gpu-freed"
        yield Change(
            what=what, before=before["gpu"], after=after["gpu"], breaking=bool(after["gpu"])
        )
    yield from _differing("memory-changed", before.get("memory"), after.get("memory"))


def _metric_changes(before: Sequence[Document], after: Sequence[Document]) -> Iterator[Change]:
    old, new = ({each["name"]: None for each in metrics} for metrics in (before, after))
    yield from (Change(what="metric-removed", subject=name) for name in old if name not in new)
    yield from (Change(what="metric-added", subject=name) for name in new if name not in old)


def _environment_changes(before: Document, after: Document) -> Iterator[Change]:
    yield from _named_changes("environment", before, after, moved="environment-changed")


def _base_changes(before: Document | None, after: Document | None) -> Iterator[Change]:
    if before is None or after is None:
        return
    if before["name"] != after["name"]:
        yield Change(what="base-changed", before=before["name"], after=after["name"])
    elif before["digest"] != after["digest"]:
        yield Change(
            what="base-moved", subject=after["name"],
            before=before["digest"], after=after["digest"],
        )  # fmt: skip


def _package_changes(before: Document, after: Document) -> Iterator[Change]:
    """What the author requires otherwise, then what else is installed otherwise."""
    required = [
        *_named_changes(
            "requirement", _by_name(before["requirements"]), _by_name(after["requirements"])
        )
    ]
    yield from required
    said = {change.subject for change in required}
    if "locked" in before and "locked" in after:
        old, new = _by_name(before["locked"]), _by_name(after["locked"])
        found = _named_changes("package", old, new)
        yield from (change for change in found if change.subject not in said)


def _by_name(requirements: Sequence[str]) -> dict[str, str]:
    """What is said of each package, such as `==2.1.0`, by its normalized name."""
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        match = _NAME.fullmatch(requirement)
        name, rest = (match[1], match[2]) if match else (requirement, "")
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(
            rest.removeprefix("==").strip()
        )
    return {name: ", ".join(said) for name, said in found.items()}


def _named_changes(
    word: str, before: Mapping[str, str], after: Mapping[str, str], moved: str = ""
) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        how = "added" if old is None else "removed" if new is None else ""
        what = f"{word}-{how}" if how else moved or f"{word}-moved"
        yield Change(what=what, subject=name, before=old, after=new)

"""What changed between two versions: each kind of change once, and which of them break."""

from typing import Any

import pytest

from mlreef_hooks.change import SENTENCES, Change
from mlreef_hooks.columns import columns
from mlreef_hooks.version_changes import changes_between
from tests.index_entries import make_entry

PARAMETER = {
    "name": "mode", "type": "string", "required": False, "default": None, "description": "",
    "choices": None, "option": "--mode", "nargs": None, "negative": None, "repeated": False,
}  # fmt: skip
NEEDED = {"required": True}
PLACED = {"option": None, "required": True}
Facts = dict[str, Any]


def version(*parameters: Facts, **facts: Any) -> Facts:
    """A version of the index with these parameters, and these facts in place of its own."""
    (found,) = make_entry().document()["versions"]
    return {**found, "parameters": [{**PARAMETER, **each} for each in parameters], **facts}


def said(before: Facts, after: Facts) -> dict[str, bool]:
    """The words of the changes, and whether they break."""
    return {each.what: each.breaking for each in changes_between(before, after)}


# parameter before, parameter after, what is said, whether that breaks
OF_A_PARAMETER = [
    ({}, {"description": "says more"}, {}),
    (
        {}, {"name": "mo-de", "option": "--mode"},
        {"parameter-removed": True, "parameter-added": False},
    ),
    (
        {"name": "a-b", "option": "--a-b"}, {"name": "a_b", "option": "--a_b"},
        {"parameter-renamed": True, "parameter-option-changed": True},
    ),
    ({}, NEEDED, {"parameter-required": True}),
    ({"default": "x"}, {**NEEDED, "default": "x"}, {"parameter-required": False}),
    (NEEDED, {}, {"parameter-optional": False}),
    ({"default": "x"}, {"default": "y"}, {"parameter-default-changed": False}),
    ({"default": 1}, {"default": True}, {"parameter-default-changed": False}),
    ({**NEEDED, "default": "x"}, NEEDED, {"parameter-default-changed": True}),
    ({"type": "integer"}, {"type": "float"}, {"parameter-type-widened": False}),
    ({"type": "float"}, {"type": "integer"}, {"parameter-type-changed": True}),
    ({"type": "integer"}, {"type": "string"}, {"parameter-type-changed": True}),
    ({"type": "string"}, {"type": "object"}, {"parameter-type-widened": False}),
    ({"type": "undefined"}, {"type": "string"}, {"parameter-type-changed": True}),
    ({"type": "undefined"}, {"type": "object"}, {}),
    ({}, {"choices": ["a"]}, {"parameter-choices-set": True}),
    ({"choices": ["a"]}, {}, {"parameter-choices-lifted": False}),
    ({"choices": ["a", "b"]}, {"choices": ["b", "a"]}, {}),
    ({"choices": ["a"]}, {"choices": ["b", "a"]}, {"parameter-choices-widened": False}),
    ({"choices": ["a", "b"]}, {"choices": ["b", "c"]}, {"parameter-choices-narrowed": True}),
    ({"choices": [1, 2]}, {"choices": [1.0, 2.0]}, {}),
    ({"choices": [1, 0]}, {"choices": [True, False]}, {"parameter-choices-narrowed": True}),
    ({"choices": [[1], {}]}, {"choices": [{}, [1]]}, {}),
    ({"nargs": 2}, {"nargs": "+"}, {"parameter-nargs-widened": False}),
    ({"nargs": "+"}, {"nargs": "*"}, {"parameter-nargs-widened": False}),
    ({"nargs": None}, {"nargs": "?"}, {"parameter-nargs-widened": False}),
    ({"nargs": "*"}, {"nargs": "+"}, {"parameter-nargs-narrowed": True}),
    ({"nargs": 2}, {"nargs": 3}, {"parameter-nargs-narrowed": True}),
    ({"nargs": 0}, {"nargs": "*"}, {"parameter-nargs-narrowed": True}),
    ({"nargs": "?"}, {"nargs": 0}, {"parameter-nargs-narrowed": True}),
    ({"nargs": "*"}, {"nargs": "..."}, {"parameter-nargs-narrowed": True}),
    ({"nargs": "..."}, {"nargs": "*"}, {"parameter-nargs-narrowed": True}),
    ({}, {"option": "--kind"}, {"parameter-option-changed": True}),
    ({}, {"option": None}, {"parameter-option-changed": True}),
    ({"nargs": 0}, {"nargs": 0, "negative": "--no-mode"}, {"parameter-negative-added": False}),
    ({"negative": "--no-mode"}, {}, {"parameter-negative-changed": True}),
    ({"repeated": True}, {}, {"parameter-repeat-changed": True}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), OF_A_PARAMETER)
def test_what_changes_in_a_parameter(before: Facts, after: Facts, expected: Facts) -> None:
    assert said(version(before), version(after)) == expected


# parameters before and after, as whole lists
OF_PARAMETERS = [
    ([], [{}], {"parameter-added": False}),
    ([], [NEEDED], {"parameter-added": True}),
    ([], [{**NEEDED, "default": "x"}], {"parameter-added": False}),
    ([{}], [], {"parameter-removed": True}),
    ([{}, {"name": "n", "option": "--n"}], [{"name": "n", "option": "--n"}, {}], {}),
    (
        [{**PLACED, "name": "a"}, {**PLACED, "name": "b"}],
        [{**PLACED, "name": "b"}, {**PLACED, "name": "a"}],
        {"positions-moved": True},
    ),
    (
        [{**PLACED, "name": "b"}],
        [{**PLACED, "name": "a", "required": False, "nargs": "?"}, {**PLACED, "name": "b"}],
        {"parameter-added": False, "positions-moved": True},
    ),
    (
        [{**PLACED, "name": "a"}],
        [{**PLACED, "name": "a"}, {**PLACED, "name": "b", "required": False, "nargs": "?"}],
        {"parameter-added": False},
    ),
    (
        [{**PLACED, "name": "a"}, {**PLACED, "name": "b"}], [{**PLACED, "name": "b"}],
        {"parameter-removed": True},
    ),
    (
        [{"nargs": 1}, {**PLACED, "name": "a"}], [{"nargs": "+"}, {**PLACED, "name": "a"}],
        {"parameter-nargs-widened": True},
    ),
    (
        [{**PLACED, "nargs": 2}, {**PLACED, "name": "a", "nargs": "*"}],
        [{**PLACED, "nargs": "+"}, {**PLACED, "name": "a", "nargs": "*"}],
        {"parameter-nargs-widened": True},
    ),
    (
        [{**PLACED, "nargs": 2}, {**PLACED, "name": "a"}],
        [{**PLACED, "nargs": "+"}, {**PLACED, "name": "a"}],
        {"parameter-nargs-widened": False},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), OF_PARAMETERS)
def test_what_changes_in_parameters(
    before: list[Facts], after: list[Facts], expected: Facts
) -> None:
    assert said(version(*before), version(*after)) == expected


# a field of a version, before and after
OF_A_MODULE = [
    ("inputs", ["IMAGE"], ["TEXT", "IMAGE"], {"inputs-widened": False}),
    ("inputs", ["IMAGE"], ["ANY"], {"inputs-widened": False}),
    ("inputs", ["ANY"], ["IMAGE"], {"inputs-narrowed": True}),
    ("inputs", ["IMAGE"], ["TEXT"], {"inputs-narrowed": True}),
    ("inputs", ["NONE"], ["IMAGE"], {"inputs-narrowed": True}),
    ("inputs", ["NONE"], ["ANY"], {"inputs-narrowed": True}),
    ("outputs", ["ANY"], ["NONE"], {"outputs-changed": True}),
    ("inputs", ["ANY", "TEXT"], ["TEXT"], {"inputs-narrowed": True}),
    ("outputs", ["ANY"], ["IMAGE"], {"outputs-narrowed": False}),
    ("outputs", ["IMAGE"], ["IMAGE", "TEXT"], {"outputs-changed": True}),
    ("outputs", ["IMAGE", "TEXT"], ["IMAGE"], {"outputs-changed": True}),
    ("outputs", ["IMAGE", "TEXT"], ["TEXT", "IMAGE"], {}),
    ("resources", {"gpu": False}, {"gpu": True, "memory": None}, {"gpu-needed": True}),
    ("resources", {"gpu": True}, {"gpu": False}, {"gpu-freed": False}),
    ("resources", {"gpu": True}, {"gpu": True, "memory": "4g"}, {"memory-changed": False}),
    ("metrics", [], [{"name": "RECALL"}], {"metric-added": False}),
    ("metrics", [{"name": "RECALL"}], [], {"metric-removed": False}),
    ("environment", {}, {"A": "1"}, {"environment-added": False}),
    ("environment", {"A": "1"}, {"A": "2"}, {"environment-changed": False}),
    ("environment", {"A": "1"}, {}, {"environment-removed": False}),
    ("entry_point", "a.py", "b.py", {"entry-point-moved": False}),
    ("licenses", "MIT", None, {"licenses-changed": False}),
    ("base", {"name": "a", "digest": "1"}, {"name": "b", "digest": "2"}, {"base-changed": False}),
    ("base", {"name": "a", "digest": "1"}, {"name": "a", "digest": "2"}, {"base-moved": False}),
    ("requirements", ["a==1"], ["A == 1"], {}),
    ("requirements", ["x_y==1"], ["X-Y==2"], {"requirement-moved": False}),
    ("requirements", [], ["a==1"], {"requirement-added": False}),
    ("requirements", ["a==1"], [], {"requirement-removed": False}),
    ("locked", ["a==1"], ["a==2", "b==1"], {"package-moved": False, "package-added": False}),
    ("locked", ["a==1"], [], {"package-removed": False}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "before", "after", "expected"), OF_A_MODULE)
def test_what_changes_in_a_module(field: str, before: Any, after: Any, expected: Facts) -> None:
    assert said(version(**{field: before}), version(**{field: after})) == expected


def test_a_package_that_is_required_otherwise_is_told_once() -> None:
    before = version(requirements=["a==1"], locked=["a==1", "b==1"])
    after = version(requirements=["a==2"], locked=["a==2", "b==2"])
    found = changes_between(before, after)
    assert [(each.what, each.subject) for each in found] == [
        ("requirement-moved", "a"), ("package-moved", "b"),
    ]  # fmt: skip


def test_the_kind_is_told_by_whom_knows_the_module() -> None:
    found = changes_between(version(), version(), ("model", "data-operation"))
    assert [(each.what, each.breaking) for each in found] == [("kind-changed", True)]
    assert changes_between(version(), version(), ("model", "model")) == ()


def test_what_breaks_comes_first() -> None:
    before = version({}, {"name": "n"}, entry_point="a.py")
    found = changes_between(before, version({"default": "x"}, entry_point="b.py"))
    assert [each.what for each in found] == [
        "parameter-removed", "parameter-default-changed", "entry-point-moved",
    ]  # fmt: skip


def test_a_version_of_an_older_program_can_be_compared() -> None:
    old = {**PARAMETER, "name": "mode"}
    for name in ("option", "nargs", "negative", "repeated"):
        del old[name]
    before = {**version(), "parameters": [old]}
    del before["metrics"], before["licenses"]
    assert said(before, {**version({}), "metrics": [], "licenses": None}) == {}


def test_every_word_is_seen_in_these_tables() -> None:
    expected: list[Facts] = [row[-1] for row in OF_A_PARAMETER]
    expected += [row[-1] for row in OF_PARAMETERS] + [row[-1] for row in OF_A_MODULE]
    seen = {word for each in expected for word in each}
    assert seen | {"kind-changed"} == {*SENTENCES}


LINES = [
    (Change(what="parameter-removed", subject="n", breaking=True), "breaking: parameter n is gone"),
    (
        Change(what="parameter-added", subject="n", after="optional"),
        "parameter n is new and optional",
    ),
    (
        Change(what="parameter-choices-narrowed", subject="m", before=["a", "b"], after=["b"]),
        "parameter m no longer takes a",
    ),
    (
        Change(what="parameter-choices-set", subject="m", after=[*range(10)]),
        "parameter m takes only 0, 1, 2, 3, 4, 5, 6, 7 and 2 more",
    ),
    (
        Change(what="parameter-default-changed", subject="m", before=None, after="1"),
        'parameter m has the default "1", was none',
    ),
    (
        Change(what="parameter-nargs-narrowed", subject="m", before=None, after=2),
        "parameter m takes 2 values, was one value",
    ),
    (
        Change(what="parameter-option-changed", subject="m", before="--m", after=None),
        "parameter m is written without a name, was --m",
    ),
    (Change(what="outputs-changed", before=["A", "B"], after=[]), "gives nothing, was A, B"),
    (Change(what="of-tomorrow", subject="m"), "of-tomorrow m"),
    (
        Change(what="environment-changed", subject="A\x1b[31m", before="\u202e{x}", after="b\nc"),
        "variable A[31m is b c, was {x}",
    ),
]


@pytest.mark.parametrize(("change", "line"), LINES)
def test_a_change_is_a_plain_line(change: Change, line: str) -> None:
    assert change.line() == line


def test_a_line_is_cut_where_values_are_long() -> None:
    change = Change(what="environment-changed", subject="X", before="a" * 10**6, after="b")
    assert columns(change.line()) <= 72
    assert columns(change.line(40)) <= 40


def test_a_change_is_read_back_from_the_index() -> None:
    change = Change(what="inputs-narrowed", before=["ANY"], after=["IMAGE"], breaking=True)
    assert Change.from_json({**change.to_json(), "of tomorrow": 1}) == change

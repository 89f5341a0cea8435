"""Where a file has annotations and argparse, each difference is a finding and nothing else is."""

import ast

import pytest

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.problems import Problem, Problems
from mlreef_hooks.source.annotations import read_annotations
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.drift import merge_parameters

ANNOTATION, ARGPARSE = 2, 5  # the lines of the first of each


def merge(annotations: str, calls: str) -> tuple[dict[str, Parameter], list[Problem]]:
    """The merged parameters by name and the findings of a file with one line of each."""
    source = (
        '@data_processor(name="N", type="OPERATION", input_type="ANY", output_type="ANY")\n'
        f"{annotations}\ndef init_params(): import argparse, json\n"
        "parser = argparse.ArgumentParser()\n"
        f"{calls}"
    )
    module, problems = ast.parse(source), Problems()
    annotated = read_annotations(module, "main.py", Problems())
    parsed = read_argparse(module, "main.py", Problems())
    assert annotated is not None
    assert parsed is not None
    merged = merge_parameters(annotated.parameters, parsed, "main.py", problems)
    assert all(type(each) is Parameter for each in merged)
    for problem in problems:
        assert problem.path == "main.py"
        assert problem.hint
        assert str(problem).isprintable()
    return {each.name: each for each in merged}, list(problems)


@pytest.mark.parametrize(
    ("annotation", "call"),
    [
        # MLReef's own example: the annotation proposes a value for what argparse requires
        ('"mode", "str", True, "speckle"', '"--mode", required=True'),
        ('"mode", "str", True, "speckle"', '"--mode", required=True, default="other"'),
        ('"mode", "str", False', '"--mode", default="speckle"'),
        ('"mode", "str", False, "a", "text"', '"--mode", default="a"'),
        ('"mode", "str", False, "a"', '"--mode", default="a", help="text"'),
        ('"mode", "str", False, "a", "a  text\\n"', '"--mode", default="a", help=" a text"'),
        ('"mode", "str", False, "a"', '"--mode", default="a", choices=["a", "b"]'),
        ('"x", "float", False, 1', '"--x", type=float, default=1.0'),
        ('"x", "float", False, 1.0', '"--x", type=float, default="1"'),
        ('"x", "complex", False, "1+2j"', '"--x", type=complex, default=1+2j'),
        ('"x", "bool", False, False', '"--x", action="store_true"'),
        ('"x", "bool", True, "false"', '"--x", action="store_true"'),
        ('"x", "bool", False, False', '"--x", action="store_false"'),
        ('"x", "bool", False, True', '"--x", action=argparse.BooleanOptionalAction, default=True'),
        ('"x", "bool", False, True', '"--x", type=str2bool, default=True'),
        ('"x", "int", False, 3', '"--x", default=3'),
        ('"x", "tuple", False, (1, 2)', '"--x", type=int, nargs=2, default=[1, 2]'),
        ('"x", "list", False, "[]"', '"--x", action="append", default=[]'),
        ('"x", "object", False, [1]', '"--x", type=int, nargs="*", default=[1]'),
        ('"x", "undefined", False, 3', '"--x", type=int, default=3'),
        ('"x", "dict", False, {"a": 1.0}', '"--x", type=json.loads, default={"a": 1}'),
        ('"x", "int", False, 3', '"--x", type=int, default=compute()'),
        ('"x", "int", False, 3', '"--x", **options'),
        ('"x", "int", True', '"--x", type=int, required=REQUIRED'),
        ('"x-y", "str"', '"--x_y", "--x-y"'),
        ('"angle", "int"', '"--a", "--angle", type=int'),
        ('"x-y", "str", True', '"x_y"'),
        ('"x", "str"', '"-x"'),
    ],
)
def test_what_is_no_difference(annotation: str, call: str) -> None:
    merged, problems = merge(f"@parameter({annotation})", f"parser.add_argument({call})")
    assert problems == []
    assert len(merged) == 1


@pytest.mark.parametrize(
    ("annotation", "call", "line", "hint"),
    [
        ('"x", "int"', '"--x"', ARGPARSE, "write type=int in add_argument"),
        ('"x", "dict"', '"--x"', ARGPARSE, "write type=json.loads in add_argument"),
        ('"x", "list"', '"--x"', ARGPARSE, 'write nargs="*" in add_argument'),
        ('"x", "bool"', '"--x"', ARGPARSE, 'write action="store_true" in add_argument'),
        ('"x", "int"', '"--x", type=float', ANNOTATION, 'type="FLOAT" in the annotation'),
        ('"x", "float"', '"--x", type=int', ANNOTATION, 'type="INTEGER" in the annotation'),
        ('"x", "str"', '"--x", type=int', ANNOTATION, 'type="INTEGER" in the annotation'),
        ('"x", "int"', '"--x", type=int, nargs=2', ANNOTATION, 'type="LIST"'),
        ('"x", "str"', '"--x", action="store_true"', ANNOTATION, 'type="BOOLEAN"'),
        ('"x", "str"', '"--x", required=True', ANNOTATION, "write required=True in the annotation"),
        ('"x", "str", True', '"--x"', ANNOTATION, "required=True in add_argument"),
        ('"x", "str"', '"x"', ANNOTATION, "write required=True in the annotation"),
        ('"x", "str", False, "a"', '"--x"', ANNOTATION, 'default="a" in add_argument'),
        ('"x", "int", False, 1', '"--x", type=int, default=2', ANNOTATION, "defaultValue=2"),
        ('"x", "bool", False, True', '"--x", action="store_true"', ANNOTATION, "=False"),
        ('"x", "object", False, 1', '"--x", type=bool, default=True', ANNOTATION, "=True"),
        ('"x", "list", False, [1]', '"--x", nargs="*", default=[1, 2]', ANNOTATION, "[1, 2]"),
        ('"x", "str", True, "c"', '"--x", required=True, choices="ab"', ANNOTATION, '"a", "b"'),
        ('"x_y", "str"', '"--x-y"', ANNOTATION, 'name="x-y" in the annotation'),
        ('"input-path", "str"', '"--input_path"', ARGPARSE, '"--input-path" in add_argument'),
        ('"input_path", "str"', '"--input-path"', ANNOTATION, 'name="input-path"'),
    ],
)
def test_a_difference_is_one_finding_where_something_has_to_change(
    annotation: str, call: str, line: int, hint: str
) -> None:
    _, problems = merge(f"@parameter({annotation})", f"parser.add_argument({call})")
    assert [(each.rule, each.line) for each in problems] == [("parameter-drift", line)]
    assert hint in problems[0].hint
    assert f"(line {ANNOTATION})" in problems[0].message
    assert f"(line {ARGPARSE})" in problems[0].message


def test_texts_that_differ_are_a_warning() -> None:
    _, problems = merge(
        '@parameter("x", "str", description="one\\x1b[0m")',
        'parser.add_argument("--x", help="two \\u202e")',
    )
    assert [(each.rule, each.severity, each.line) for each in problems] == [
        ("parameter-description-drift", "warning", ANNOTATION)
    ]
    assert 'description="two \\u202e"' in problems[0].hint


def test_parameters_that_only_one_of_them_has() -> None:
    merged, problems = merge(
        '@parameter("a", "int", True, 3)', 'parser.add_argument("--b", type=float, default=0.5)'
    )
    assert [(each.rule, each.line) for each in problems] == [
        ("parameter-drift", ANNOTATION),
        ("parameter-drift", ARGPARSE),
    ]
    assert 'parser.add_argument("--a", type=int, required=True)' in problems[0].hint
    assert (
        '@parameter(name="b", type="FLOAT", required=False, defaultValue=0.5)' in problems[1].hint
    )
    assert sorted(merged) == ["a", "b"]


def test_all_differences_are_found_in_one_pass() -> None:
    _, problems = merge(
        '@parameter("x_y", "int", True, 1, "one")',
        'parser.add_argument("--x-y", type=float, default=2, help="two")',
    )
    assert len(problems) == 5


def test_each_says_what_it_knows_best() -> None:
    merged, _ = merge(
        '@parameter("tuple", "tuple", False, (1, 2), "shown")\n'
        '@parameter("mode", "str", True, "a")',
        "parser.add_argument('-t', '--tuple', nargs=2, type=int, default=[1, 2], help='hidden')\n"
        "parser.add_argument('--mode', required=True, choices=['a', 'b'], help='text')\n"
        "parser.add_argument('--no-x', action='store_false')\n",
    )
    assert merged["tuple"] == Parameter(
        name="tuple",
        type="tuple",
        required=False,
        default=[1, 2],
        description="shown",
        option="--tuple",
        nargs=2,
    )
    assert merged["mode"] == Parameter(
        name="mode",
        type="string",
        required=True,
        default="a",
        description="text",
        option="--mode",
        choices=("a", "b"),
    )
    assert merged["no-x"].nargs == 0


def test_the_order_is_that_of_argparse_on_which_positional_arguments_depend() -> None:
    merged, problems = merge(
        '@parameter("b", "str", True)\n@parameter("a", "str", True)',
        "parser.add_argument('a')\nparser.add_argument('b')",
    )
    assert problems == []
    assert list(merged) == ["a", "b"]


def test_the_spelling_that_both_know_is_the_one_that_is_written() -> None:
    merged, _ = merge('@parameter("x-y", "str")', "parser.add_argument('--x_y', '--x-y')")
    assert [(each.name, each.option) for each in merged.values()] == [("x-y", "--x-y")]


def test_a_default_that_only_running_argparse_could_tell_is_the_annotations() -> None:
    merged, _ = merge(
        '@parameter("x", "int", False, 3)', "parser.add_argument('--x', type=int, default=f())"
    )
    assert merged["x"].default == 3


def test_the_proposal_of_an_optional_parameter_is_not_what_argparse_does() -> None:
    merged, _ = merge(
        '@parameter("x", "int", False, 3)', "parser.add_argument('--x', type=int, required=True)"
    )
    assert merged["x"].default is None


def test_the_call_that_is_proposed_for_an_optional_parameter_has_its_default() -> None:
    _, problems = merge('@parameter("a", "float", False, 0.5)\n@parameter("b", "str")', "")
    assert 'parser.add_argument("--a", type=float, default=0.5),' in problems[0].hint
    assert 'parser.add_argument("--b"),' in problems[1].hint


def test_where_nothing_is_annotated_argparse_alone_counts() -> None:
    merged, problems = merge("", "parser.add_argument('--x', type=int, default=3)")
    assert problems == []
    assert merged["x"].default == 3


def test_many_differences_are_compared_in_time() -> None:
    count = 3000
    merged, problems = merge(
        "\n".join(f'@parameter("p_{n}", "int", False, {n})' for n in range(count)),
        "\n".join(f'parser.add_argument("--p-{n}", type=int)' for n in range(count)),
    )
    assert len(merged) == count
    assert len(problems) == 2 * count

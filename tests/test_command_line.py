"""Values to command lines: checked, completed, and read back by argparse itself."""

import argparse
import ast
from typing import Any

import pytest

from mlreef_hooks.command_line import complete_values, read_pairs, write_arguments
from mlreef_hooks.errors import PublishError
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.argparse_parameters import read_argparse

SCRIPT = """\
import argparse, json
parser = argparse.ArgumentParser()
parser.add_argument("source")
parser.add_argument("--text", default="x")
parser.add_argument("-n", type=int)
parser.add_argument("--share", type=float)
parser.add_argument("--table", type=json.loads)
parser.add_argument("--mode", choices=["a", "b"])
parser.add_argument("--level", type=int, choices=[1, 2])
parser.add_argument("--sizes", type=int, nargs="+")
parser.add_argument("--picks", type=int, nargs="*", choices=[1, 2, 3])
parser.add_argument("--pair", nargs=2)
parser.add_argument("--one", nargs=1)
parser.add_argument("--maybe", nargs="?")
parser.add_argument("--tag", action="append")
parser.add_argument("--corner", action="append", nargs=2, type=int)
parser.add_argument("--verbose", action="store_true")
parser.add_argument("--no-cache", action="store_false")
parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("-single", default="y")
parser.add_argument("--careful", type=bool, default=True)
parser.add_argument("rest", nargs="*")
"""


def parameters() -> list[dict[str, Any]]:
    """The parameters of the script as they stand in the index."""
    read = read_argparse(ast.parse(SCRIPT), "train.py", Problems())
    assert read is not None
    return [parameter.to_json() for parameter in read]


def the_parser() -> argparse.ArgumentParser:
    """The script's parser itself."""
    names: dict[str, Any] = {}
    exec(SCRIPT, names)
    parser = names["parser"]
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


def parameter(name: str, kind: str, **more: object) -> dict[str, Any]:
    """A parameter of the index."""
    said = {"required": False, "default": None, "choices": None, "nargs": None}
    return {"name": name, "type": kind, **said, **more}


def values_of(known: list[dict[str, Any]], *pairs: str) -> dict[str, Any]:
    """The values that pairs say, which are right."""
    values, faults = read_pairs(known, pairs)
    assert faults == []
    return values


@pytest.mark.parametrize(
    ("pairs", "name", "value"),
    [
        (["text=a=b"], "text", "a=b"),
        (["text="], "text", ""),
        (["text=--mode"], "text", "--mode"),
        (["text=$(id) 'a'\n\u202e"], "text", "$(id) 'a'\n\u202e"),
        (["n=-5"], "n", -5),
        (["share=-1e-9"], "share", -1e-9),
        (['table={"a": [1]}'], "table", {"a": [1]}),
        (["mode=b"], "mode", "b"),
        (["level=2"], "level", 2),
        (["sizes=1", "sizes=2"], "sizes", [1, 2]),
        (["sizes=[1, -2]"], "sizes", [1, -2]),
        (["sizes=-1"], "sizes", [-1]),
        (["picks=1", "picks=3"], "picks", [1, 3]),
        (["picks=[2]"], "picks", [2]),
        (["picks=[]"], "picks", []),
        (["pair=a", "pair=b"], "pair", ["a", "b"]),
        (["one=-x"], "one", ["-x"]),
        (["maybe=-x"], "maybe", "-x"),
        (["tag=a", "tag=--b"], "tag", ["a", "--b"]),
        (["corner=[[1, 2], [-3, 4]]"], "corner", [[1, 2], [-3, 4]]),
        (["verbose=yes"], "verbose", True),
        (["verbose=false"], "verbose", False),
        (["shuffle=0"], "shuffle", False),
        (["shuffle=TRUE"], "shuffle", True),
        (["single=-z"], "single", "-z"),
        (["careful=false"], "careful", False),
        (["careful=yes"], "careful", True),
        (["rest=-x", "rest=y"], "rest", ["-x", "y"]),
    ],
)
def test_argparse_reads_what_was_meant(pairs: list[str], name: str, value: object) -> None:
    values = {"source": "-", **values_of(parameters(), *pairs)}
    words = write_arguments(parameters(), values)
    read = the_parser().parse_args(words)
    assert getattr(read, name) == value
    assert read.source == "-"


@pytest.mark.parametrize("raw", [["--n", "3"], ["--tag", "x", "-n", "3"], ["-n=3", "--sizes", "1"]])
def test_raw_words_stand_where_options_are_read(raw: list[str]) -> None:
    raw = [word.replace("--n", "-n") for word in raw]
    read = the_parser().parse_args(
        write_arguments(parameters(), {"source": "-s", "mode": "a"}, raw)
    )
    assert (read.source, read.mode, read.n) == ("-s", "a", 3)


REST = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--n", type=int)
parser.add_argument("program")
parser.add_argument("words", nargs=argparse.REMAINDER)
"""


@pytest.mark.parametrize("words", [["a"], ["a", "--n", "7"], ["--n", "7"]])
def test_the_rest_of_a_line_arrives_as_it_is(words: list[str]) -> None:
    read = read_argparse(ast.parse(REST), "train.py", Problems())
    assert read is not None
    names: dict[str, Any] = {}
    exec(REST, names)
    values = {"n": 1, "program": "go", "words": words}
    written = write_arguments([each.to_json() for each in read], values)
    assert vars(names["parser"].parse_args(written)) == values


def test_a_rest_that_begins_like_an_option_is_refused() -> None:
    rest = parameter("words", "list", option=None, nargs="...")
    with pytest.raises(PublishError, match="would be taken for an option"):
        write_arguments([rest], {"words": ["--n"]})


def test_a_switch_that_is_given_or_not() -> None:
    """Whatever `no-cache` means to the program, its default leaves it out."""
    (flag,) = [each for each in parameters() if each["name"] == "no-cache"]
    assert write_arguments([flag], {"no-cache": flag["default"]}) == []
    assert write_arguments([flag], {"no-cache": not flag["default"]}) == ["--no-cache"]


@pytest.mark.parametrize("default", [False, None])
def test_a_switch_that_is_off_is_not_written(default: bool | None) -> None:
    flag = parameter("fast", "boolean", option="--fast", nargs=0, default=default)
    assert write_arguments([flag], {"fast": False}) == []
    assert write_arguments([flag], {"fast": True}) == ["--fast"]


def test_an_older_index_without_options_is_written_too() -> None:
    older = parameter("angle", "integer")
    del older["nargs"]
    assert write_arguments([older], {"angle": 3}) == ["--angle", "3"]


def test_a_list_holds_no_word_that_argparse_would_take_for_an_option() -> None:
    values = values_of(parameters(), "pair=a", "pair=--mode=b")
    with pytest.raises(PublishError, match="would be taken for an option"):
        write_arguments(parameters(), values)


@pytest.mark.parametrize(
    ("pair", "fault"),
    [
        ("n", "n: write name=value"),
        ("texts=1", "texts: no such parameter, did you mean text?"),
        ("n=1.5", "n: '1.5' is not of type integer"),
        ("n=", "n: '' is not of type integer"),
        ("n=" + "9" * 5000, "is not of type integer"),
        ("share=much", "share: 'much' is not of type float"),
        ("verbose=maybe", "verbose: 'maybe' is not of type boolean"),
        ("sizes=[1,", "sizes: '[1,' is not of type list"),
        ("sizes=" + "[" * 100_000, "is not of type list"),
        ("mode=c", "mode: 'c' is not one of a, b"),
        ("level=3", "level: '3' is not one of 1, 2"),
        ("picks=4", "picks: '4' is not one of 1, 2, 3"),
        ("picks=[1, 4]", "picks: '[1, 4]' is not one of 1, 2, 3"),
        ("pair=a", "pair: takes 2 values and has 1"),
        ("pair=[1, 2, 3]", "pair: takes 2 values and has 3"),
    ],
)
def test_a_value_that_cannot_be(pair: str, fault: str) -> None:
    _, faults = read_pairs(parameters(), [pair])
    assert fault in "; ".join(faults)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    pairs = ["x", "n=a", "modes=a", "n=1", "n=2", "level=9"]
    assert read_pairs(parameters(), pairs) == (
        {"n": 1},
        [
            "x: write name=value",
            "n: 'a' is not of type integer",
            "modes: no such parameter, did you mean mode?",
            "n: given twice",
            "level: '9' is not one of 1, 2",
        ],
    )


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("dictionary", '{"a": 1}', {"a": 1}),
        ("complex", "1+2j", "(1+2j)"),
        ("object", "[1", "[1"),
        ("undefined", "x", "x"),
        ("tuple", "[1, 2]", [1, 2]),
        ("string", "[1]", "[1]"),
    ],
)
def test_values_of_annotated_types(kind: str, text: str, value: object) -> None:
    assert values_of([parameter("a-b", kind)], f"a_b={text}") == {"a-b": value}


@pytest.mark.parametrize(
    ("kind", "text"),
    [("dictionary", "[1]"), ("dictionary", "3"), ("complex", "i"), ("dictionary", "[" * 100_000)],
)
def test_what_is_no_value_of_an_annotated_type(kind: str, text: str) -> None:
    _, faults = read_pairs([parameter("a", kind)], [f"a={text}"])
    assert faults == [f"a: {text!r} is not of type {kind}"]


@pytest.mark.parametrize(
    ("choices", "text", "value"),
    [([1, 2], "1", "1"), ([True, False], "true", "true"), (["1"], "1", "1")],
)
def test_choices_of_a_type_that_is_not_known(choices: list[Any], text: str, value: str) -> None:
    known = [parameter("a", "undefined", choices=choices)]
    assert values_of(known, f"a={text}") == {"a": value}


def test_true_is_not_the_choice_one() -> None:
    _, faults = read_pairs([parameter("a", "boolean", choices=[1, 0])], ["a=yes"])
    assert faults == ["a: 'yes' is not one of 1, 0"]


PIPELINE = [
    parameter("input-path", "string", required=True, default="train"),
    parameter("output_path", "string", required=True),
    parameter("mode", "string", required=True, default="fast"),
    parameter("angle", "integer", default=30),
    parameter("name", "string", required=True),
]


def test_paths_and_needed_defaults_are_filled_in() -> None:
    paths = {"input-path": "/in", "output-path": "/out"}
    assert complete_values(PIPELINE, {"name": "x"}, paths) == {
        "name": "x",
        "input-path": "/in",
        "output_path": "/out",
        "mode": "fast",
    }
    assert complete_values(PIPELINE, {"name": "x", "output_path": "/o"}, {}) == {
        "name": "x",
        "input-path": "train",
        "output_path": "/o",
        "mode": "fast",
    }


def test_all_that_is_missing_is_told_with_the_way_to_give_it() -> None:
    with pytest.raises(PublishError) as raised:
        complete_values(PIPELINE, {}, {})
    assert raised.value.hint == "give --output DIR and -p name=VALUE"

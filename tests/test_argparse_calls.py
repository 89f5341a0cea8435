"""argparse calls are read from the source, and say what argparse itself would say."""

import argparse
import ast
import sysconfig
from pathlib import Path

import pytest

from mlreef_hooks.manifest import JSONValue, Parameter
from mlreef_hooks.problems import Problem, Problems
from mlreef_hooks.source.argparse_calls import ARGPARSE_WORDS, has_main_parser
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.choices import MAX_CHOICES
from mlreef_hooks.source.literals import LITERAL_SIZE
from mlreef_hooks.source.parameters import check_required_paths

HEAD = "import argparse, json, ast, pathlib, os\nparser = argparse.ArgumentParser()\n"
FIRST_LINE = 3  # of what stands below HEAD
GUARD = '\nif __name__ == "__main__":\n    main()\n'

SAMPLE = """
import argparse, ast, json, pathlib
from pathlib import Path
RATE = 0.01
MODELS = {"resnet": print, "vgg": len}
parser = argparse.ArgumentParser()
parser.add_argument("source", help="100%% of %(default)s")
parser.add_argument("--input-path", "-i", type=Path, required=True)
parser.add_argument("-o", "--output-path", dest="out", type=pathlib.Path, default=Path("out"))
parser.add_argument("--rate", type=float, default=RATE, help="step, %(default)s")
parser.add_argument("--epochs", type=int, default="10", help="default %(default)s, %(type)s")
parser.add_argument("--phase", type=complex, default="1+2j")
parser.add_argument("--model", choices=MODELS, default="vgg")
parser.add_argument("--model-again", choices=sorted(MODELS.keys()))
parser.add_argument("--level", type=int, choices=range(3), default=1)
parser.add_argument("--size", type=int, nargs=2, default=(3, 4))
parser.add_argument("--names", nargs="+", default=["a"])
parser.add_argument("--maybe", nargs="?", const=1, type=int)
parser.add_argument("--many", action="append", default=[])
parser.add_argument("--more", action="extend", nargs="*")
parser.add_argument("-v", action="store_true")
parser.add_argument("--no-cache", action="store_false", help="slow")
parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--secret", help=argparse.SUPPRESS, default=argparse.SUPPRESS)
parser.add_argument("--options", type=json.loads, default={"a": [1, None]})
parser.add_argument("--tree", type=ast.literal_eval)
parser.add_argument("--log", type=argparse.FileType("w"))
group = parser.add_argument_group("group")
group.add_argument("--grouped", type=int)
parser.add_mutually_exclusive_group().add_argument("--exclusive", type=str.lower)
parser.add_argument("rest", nargs=argparse.REMAINDER)
"""


def read(source: str) -> tuple[dict[str, Parameter], list[Problem]]:
    """The parameters by name, and the findings, each of which says what to write."""
    problems = Problems()
    parameters = read_argparse(ast.parse(source), "main.py", problems)
    for problem in problems:
        assert problem.path == "main.py"
        assert problem.line
        assert problem.hint
        assert str(problem).isprintable()
    return {each.name: each for each in parameters or ()}, list(problems)


def read_one(call: str) -> tuple[Parameter, list[str]]:
    """The one parameter below `HEAD`, and the rules that it breaks."""
    parameters, problems = read(HEAD + call)
    (parameter,) = parameters.values()
    assert {each.line for each in problems} <= {FIRST_LINE}
    return parameter, [each.rule for each in problems]


def as_json(value: object) -> object:
    """A value of argparse as it is told in JSON."""
    if isinstance(value, tuple | list):
        return [as_json(each) for each in value]
    return str(value) if isinstance(value, Path | complex) else value


def argparse_itself() -> list[argparse.Action]:
    """The actions that argparse makes of the sample, `--help` left out."""
    names: dict[str, argparse.ArgumentParser] = {}
    exec(SAMPLE, names)
    return [each for each in names["parser"]._actions if each.dest != "help"]


@pytest.mark.parametrize("action", argparse_itself(), ids=lambda action: action.dest)
def test_the_sample_is_read_as_argparse_itself_reads_it(action: argparse.Action) -> None:
    parameters, problems = read(SAMPLE)
    assert problems == []
    options = [each for each in action.option_strings if each.startswith("--")]
    option = next(iter(options or action.option_strings), None)
    parameter = parameters[option.lstrip("-") if option else action.dest]
    assert parameter.option == option
    assert parameter.nargs == action.nargs
    if option:
        assert parameter.required == action.required
    assert parameter.choices == (tuple(action.choices) if action.choices is not None else None)
    assert parameter.default == argparse_default(action)
    assert parameter.negative == (options[1] if len(options) > 1 else None)


def argparse_default(action: argparse.Action) -> object:
    """The default that a program sees, converted as `parse_args` does; of a flag, not given."""
    if action.nargs == 0:
        return action.default if isinstance(action, argparse.BooleanOptionalAction) else False
    if isinstance(action.default, str) and callable(action.type):
        return as_json(action.type(action.default))
    return None if action.default == argparse.SUPPRESS else as_json(action.default)


@pytest.mark.parametrize(
    ("name", "parameter_type", "required", "repeated", "description"),
    [
        ("source", "string", True, False, "100% of None"),
        ("input-path", "string", True, False, ""),
        ("output-path", "string", False, False, ""),
        ("rate", "float", False, False, "step, 0.01"),
        ("epochs", "integer", False, False, "default 10, %(type)s"),
        ("phase", "complex", False, False, ""),
        ("model", "string", False, False, ""),
        ("level", "integer", False, False, ""),
        ("size", "list", False, False, ""),
        ("names", "list", False, False, ""),
        ("maybe", "integer", False, False, ""),
        ("many", "list", False, True, ""),
        ("more", "list", False, False, ""),
        ("v", "boolean", False, False, ""),
        ("no-cache", "boolean", False, False, "slow"),
        ("shuffle", "boolean", False, False, ""),
        ("secret", "string", False, False, ""),
        ("options", "object", False, False, ""),
        ("tree", "object", False, False, ""),
        ("log", "string", False, False, ""),
        ("grouped", "integer", False, False, ""),
        ("exclusive", "string", False, False, ""),
        ("rest", "list", False, False, ""),
    ],
)
def test_types_of_the_sample(
    name: str, parameter_type: str, required: bool, repeated: bool, description: str
) -> None:
    parameter = read(SAMPLE)[0][name]
    assert (parameter.type, parameter.required) == (parameter_type, required)
    assert (parameter.repeated, parameter.description) == (repeated, description)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ('"--x", default=224', "write type=int;"),
        ('"--x", default=True', "argparse.BooleanOptionalAction"),
        ('"--x", type=bool', "argparse.BooleanOptionalAction"),
        ('"--x", type=str, default=3', 'default="text", or type=int'),
        ('"--x", type=int, default="three"', "write a default such as default=3"),
        ('"--x", nargs="+", default="a"', 'default=["a"]'),
        ('"--x", nargs=2, type=int, default=["1"]', "default=[3]"),
        ('"--x", choices="ab", default="c"', 'write one of "a", "b" as default, or add "c"'),
        ('"--x.y"', 'parser.add_argument("--x-y", ...)'),
        ('"--,"', 'parser.add_argument("--angle", ...)'),
        ('"--x", help=text', "write a literal after help="),
        ('"-x", action=own, required=True', 'parser.add_argument("-x", type=int)'),
        ('"--" + name', "write each argument by itself"),
    ],
)
def test_the_hint_says_what_to_write(call: str, hint: str) -> None:
    (problem,) = read(f"{HEAD}parser.add_argument({call})")[1]
    assert hint in problem.hint


def test_a_parameter_of_argparse_equals_one_that_says_the_same() -> None:
    parsed, _ = read_one('parser.add_argument("--x", "-x", type=convert)')
    same = Parameter(
        name="x", type="string", required=False, default=None, description="", option="--x"
    )
    again, _ = read_one('parser.add_argument("--x")')
    other, _ = read_one('parser.add_argument("--y")')
    assert parsed == same == again
    assert parsed != other
    assert hash(parsed) == hash(same)


def test_the_order_and_the_lines_are_the_sources() -> None:
    lines = [each.line for each in read(SAMPLE)[0].values()]
    assert lines == sorted(lines)
    assert SAMPLE.splitlines()[lines[0] - 1].startswith('parser.add_argument("source"')


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('add_argument("--x")', {"type": "string", "default": None}),
        ('add_argument("--x", default=None, type=None)', {"type": "string", "default": None}),
        ('add_argument("--x", "-x", "--x-long")', {"name": "x", "option": "--x"}),
        ('add_argument("-long")', {"name": "long", "option": "-long"}),
        ('add_argument(dest="x")', {"name": "x", "option": None, "required": True}),
        ('add_argument("x", nargs="?")', {"option": None, "required": False, "nargs": "?"}),
        ('add_argument("x", nargs="*")', {"required": False, "type": "list"}),
        ('add_argument("x", nargs="+")', {"required": True, "type": "list"}),
        ('add_argument("--x", nargs=1)', {"nargs": 1, "type": "list"}),
        ('add_argument("--" + "x")', {"name": "x"}),
        ('add_argument("--x", action="store_const", const=3)', {"type": "boolean", "nargs": 0}),
        ('add_argument("--x", action="store_true", default=None)', {"default": False}),
        ('add_argument("--x", action="append", nargs=2)', {"nargs": 2, "repeated": True}),
        ('add_argument("--x", action="extend")', {"nargs": None, "repeated": True}),
        ('add_argument("--x", choices=(1, 2), type=int)', {"choices": (1, 2)}),
        ('add_argument("--x", choices="ab")', {"choices": ("a", "b")}),
        ('add_argument("--x", choices={"a", "b"})', {"choices": ("a", "b")}),
        ('add_argument("--x", choices=list(range(0, 6, 2)), type=int)', {"choices": (0, 2, 4)}),
        ('add_argument("--x", choices={"a": f, "b": g}.keys())', {"choices": ("a", "b")}),
        ('add_argument("--x", choices=None)', {"choices": None}),
        ('add_argument("--x", type=os.path.abspath)', {"type": "string"}),
        ('add_argument("--x", type=open)', {"type": "string"}),
        ('add_argument("--x", type=float, default=1)', {"default": 1, "type": "float"}),
        ('add_argument("--x", required=1)', {"required": True}),
        ('add_argument("--x", help="%d%% %(prog)s")', {"description": "%d% %(prog)s"}),
        ('add_argument("--x", help=None)', {"description": ""}),
        ('add_argument("--x", type=int); parser.set_defaults(x="4")', {"default": 4}),
        ('add_argument("--x", dest="y", default=1, type=int)', {"name": "x", "default": 1}),
    ],
)
def test_parts_of_a_call(call: str, expected: dict[str, JSONValue]) -> None:
    parameter, broken = read_one("parser." + call)
    assert {key: getattr(parameter, key) for key in expected} == expected
    assert broken == []


@pytest.mark.parametrize(
    ("call", "rule", "expected"),
    [
        ('"--x", type=bool, default="False"', "argparse-type", ("boolean", True)),
        ('"--x", type=lambda text: text', "argparse-type", ("string", None)),
        ('"--x", type=str2bool, default=True', "argparse-type", ("string", True)),
        ('"--x", type=argparse.ArgumentTypeError("x")', "argparse-type", ("string", None)),
        ('"--x", default=224', "argparse-type", ("integer", 224)),
        ('"--x", default=.25', "argparse-type", ("float", 0.25)),
        ('"--x", default=True', "argparse-type", ("boolean", True)),
        ('"--x", type=int, default="three"', "parameter-default-type", ("integer", None)),
        ('"--x", type=int, default=1.5', "parameter-default-type", ("integer", None)),
        ('"--x", type=str, default=3', "parameter-default-type", ("string", None)),
        ('"--x", default=[1]', "parameter-default-type", ("string", None)),
        ('"--x", nargs="+", default="a"', "parameter-default-type", ("list", None)),
        ('"--x", nargs=2, type=int, default=["1", "2"]', "parameter-default-type", ("list", None)),
        ('"--x", choices=["a"], default="b"', "parameter-default-type", ("string", "b")),
        ('"--x", choices=["1"], type=int, default="1"', "parameter-default-type", ("integer", 1)),
        ('"--x", nargs=1, choices="ab", default=["c"]', "parameter-default-type", ("list", ["c"])),
        ('"--x", action="store_true", default="no"', "parameter-default-type", ("boolean", None)),
        ('"--x", type=float, default="inf"', "argparse-value-not-static", ("float", None)),
        ('"--x", type=float, default=float("inf")', "argparse-value-not-static", ("float", None)),
        ('"--x", default=os.getcwd()', "argparse-value-not-static", ("string", None)),
        ('"--x", help=f"{parser}"', "argparse-value-not-static", ("string", None)),
        ('"--x", required=REQUIRED', "argparse-value-not-static", ("string", None)),
        ('"--x", nargs=COUNT', "argparse-value-not-static", ("string", None)),
        ('"--x", nargs=0', "argparse-value-not-static", ("string", None)),
        ('"--x", choices=[each for each in MODELS]', "argparse-value-not-static", ("string", None)),
        ('"--x", choices=range(10**9)', "argparse-value-not-static", ("string", None)),
        (
            f'"--x", type=int, choices=range({MAX_CHOICES + 1})',
            "argparse-value-not-static",
            ("integer", None),
        ),
        ('"--x", choices=sorted([1, "a"])', "argparse-value-not-static", ("string", None)),
        ('"--x", choices=range(first, 5)', "argparse-value-not-static", ("string", None)),
        ('"--x", default=other.Path("data")', "argparse-value-not-static", ("string", None)),
        ('"--x", **options', "argparse-value-not-static", ("string", None)),
        ('"--x.y"', "parameter-name-invalid", ("string", None)),
        ('"--x\\x1b[31m"', "parameter-name-invalid", ("string", None)),
    ],
)
def test_what_argparse_would_convert_or_refuse(
    call: str, rule: str, expected: tuple[str, JSONValue]
) -> None:
    parameter, broken = read_one(f"parser.add_argument({call})")
    assert broken == [rule]
    assert (parameter.type, parameter.default) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('"--x", action="count"', ["argparse-action"]),
        ('"--x", action="append_const", const=1', ["argparse-action"]),
        ('"--x", action=DictAction, nargs="+"', ["argparse-action"]),
        ('"--x", action=make()', ["argparse-action"]),
        ('"--x", action=DictAction, required=True', ["argparse-action-required"]),
        ('"x", action=DictAction', ["argparse-action-required"]),
        ('"x", action=DictAction, nargs="*"', ["argparse-action"]),
        ('"--version", action="version", version="1"', []),
        ('"-?", action="help"', []),
        ("name", ["argparse-name-not-static"]),
        ('"--" + name, type=int', ["argparse-name-not-static"]),
        ("*names", ["argparse-name-not-static"]),
        ("3", ["argparse-name-not-static"]),
        ("", ["argparse-name-not-static"]),
        ('"--"', ["parameter-name-invalid"]),
    ],
)
def test_arguments_that_are_left_out(call: str, expected: list[str]) -> None:
    parameters, problems = read(f"{HEAD}parser.add_argument({call})")
    assert parameters == {}
    assert [each.rule for each in problems] == expected


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import argparse as ap\nap.ArgumentParser().add_argument('--a')", ["a"]),
        ("from argparse import ArgumentParser as AP\nAP().add_argument('--a')", ["a"]),
        ("from argparse import *\np = ArgumentParser()\np.add_argument('--a')", ["a"]),
        (
            "import argparse\nclass P(argparse.ArgumentParser):\n def __init__(self):\n"
            "  super().__init__()\n  self.add_argument('--a')\nP().parse_args()",
            ["a"],
        ),
        (
            "from argparse import ArgumentParser\nclass P(ArgumentParser): pass\n"
            "class Q(P): pass\nQ().add_argument('--a')",
            ["a"],
        ),
        (
            "import argparse\ndef add(p):\n p.add_argument('--a')\ndef main():\n"
            " add(argparse.ArgumentParser())\nmain()",
            ["a"],
        ),
        (
            "import argparse\np = argparse.ArgumentParser()\ndef nobody():\n"
            " p.add_argument('--a')\ndef somebody():\n p.add_argument('--b')\nsomebody()",
            ["b"],
        ),
        (
            "import argparse, click\np = argparse.ArgumentParser()\n@click.command()\n"
            "def called():\n p.add_argument('--a')",
            ["a"],
        ),
        (
            "import argparse\nclass P(argparse.ArgumentParser):\n def setup(self):\n"
            "  self.add_argument('--a')\nP()",
            ["a"],
        ),
        (
            "import argparse\nfrom selenium import webdriver\no = webdriver.ChromeOptions()\n"
            "o.add_argument('--headless')\np = argparse.ArgumentParser()\np.add_argument('--a')",
            ["a"],
        ),
        (
            "import argparse\nfrom settings import make_parser\np = make_parser()\n"
            "p.add_argument('--a')\nq = argparse.ArgumentParser(parents=[p])\np.parse_args()",
            ["a"],
        ),
        (
            "import argparse\nclass App:\n def __init__(self):\n"
            "  self.parser = argparse.ArgumentParser()\n  (self.parser\n   .add_argument('--a'))",
            ["a"],
        ),
        ("import argparse\nif (p := argparse.ArgumentParser()):\n p.add_argument('--a')", ["a"]),
        ("import argparse\nargparse.ArgumentParser()", []),
        ("import other\nother.ArgumentParser().add_argument('--a')", None),
        ("parser.add_argument('--a')", None),
        ("class ArgumentParser: pass\nArgumentParser().add_argument('--a')", None),
    ],
)
def test_where_a_parser_is_made(source: str, names: list[str] | None) -> None:
    parameters = read_argparse(ast.parse(source), "main.py", Problems())
    assert (None if parameters is None else [each.name for each in parameters]) == names
    assert any(word in source for word in ARGPARSE_WORDS) >= (names is not None)
    assert has_main_parser(ast.parse(source)) is False
    assert has_main_parser(ast.parse(source + GUARD)) is (names is not None)


@pytest.mark.parametrize(
    ("guard", "found"),
    [
        ('if __name__ == "__main__": pass', True),
        ("if '__main__' == __name__: pass", True),
        ('if __name__ == "main": pass', False),
        ('if __name__ != "__main__": pass', False),
        ('if name == "__main__": pass', False),
        ("if __name__: pass", False),
        ('def f():\n if __name__ == "__main__": pass', False),
    ],
)
def test_the_main_guard(guard: str, found: bool) -> None:
    assert has_main_parser(ast.parse(HEAD + guard)) is found


def test_the_arguments_of_subcommands_are_not_read() -> None:
    parameters, problems = read(
        HEAD + "parser.add_argument('--a')\n"
        "commands = parser.add_subparsers()\n"
        "train = commands.add_parser('train')\n"
        "train.add_argument('--b')\n"
        "train.add_argument_group('g').add_argument('--c')\n"
        "group = train.add_mutually_exclusive_group()\n"
        "group.add_argument('--d')\n"
        "commands.add_parser('test').add_argument('--e')\n"
        "def main(parser):\n"
        "    parser.add_argument('--f')\n"
        "    train.add_argument('--g')\n"
        "    parser = commands.add_parser('other')\n"
        "    parser.add_argument('--h')\n"
        "parser.add_argument('--i')\n"
        "main(parser)\n"
    )
    assert list(parameters) == ["a", "f", "i"]
    assert [(each.rule, each.line) for each in problems] == [("argparse-subcommands", 4)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("other = argparse.ArgumentParser()", [("argparse-parsers", 3)]),
        ("other = argparse.ArgumentParser(parents=[parser])", []),
        (
            "parser.add_argument('--a-b')\nparser.add_argument('--a_b')",
            [("parameter-repeated", 4)],
        ),
        ("parser.set_defaults(**defaults)", [("argparse-value-not-static", 3)]),
        ("parser.set_defaults(func=main)", []),
    ],
)
def test_findings_about_the_whole_parser(source: str, expected: list[tuple[str, int]]) -> None:
    assert [(each.rule, each.line) for each in read(HEAD + source)[1]] == expected


def test_set_defaults_overrides_what_stands_before_it() -> None:
    parameters, problems = read(
        HEAD + "parser.add_argument('--a', type=int, default=1)\n"
        "parser.add_argument('-b', '--bee', dest='bb', type=int)\n"
        "parser.set_defaults(a=2, bb=3, c=4, d=5)\n"
        "parser.set_defaults(a=20)\n"
        "parser.add_argument('--c', type=int, default=40)\n"
        "parser.add_argument('--d', type=int)\n"
    )
    assert problems == []
    assert {name: each.default for name, each in parameters.items()} == {
        "a": 20,
        "bee": 3,
        "c": 40,
        "d": 5,
    }


def test_a_script_of_mlreef_without_types_can_be_published() -> None:
    """MLReef's own resnet50.py converts its arguments only after parsing."""
    parameters, problems = read(
        HEAD + "parser.add_argument('--input-path', action='store', help='path to images')\n"
        "parser.add_argument('--height', action='store', default=224, help='height (int)')\n"
        "parser.add_argument('--loss', action='store', default='sparse')\n"
    )
    assert {each.severity for each in problems} == {"warning"}
    assert [(each.type, each.default) for each in parameters.values()] == [
        ("string", None),
        ("integer", 224),
        ("string", "sparse"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "".join(f"parser.add_argument('--a{n}', type=own)\n" for n in range(4000)),
        "parser.add_argument('--a')\n" * 4000 + "parser.set_defaults(a=1)\n" * 4000,
        "parser" + ".add_argument('--a')" * 900,
        ("parser" + ".add_argument_group()" * 900 + ".add_argument('--a')\n") * 20,
        "parser.add_argument('--a', default=" + " + ".join(["'a'"] * 2500) + ")",
        "parser.add_argument('--a', default=" + "[" * 90 + "]" * 90 + ")",
        "parser.add_argument('--a', choices=" + "list(" * 80 + "x" + ")" * 80 + ")",
        f"C = {[str(n) for n in range(MAX_CHOICES)]}\nD = {['z'] * 9000}\n"
        + "".join(
            f"parser.add_argument('--a{n}', nargs='*', choices=C, default=D)\n" for n in range(500)
        ),
        "parser.add_argument('--a', action='x' + '\\u202e', type=lambda: 1)",
    ],
    ids=["many", "same", "chain", "groups", "sum", "lists", "calls", "choices", "bidi"],
)
def test_hostile_sources_are_read(source: str) -> None:
    assert all(len(str(problem)) < 1000 for problem in read(HEAD + source)[1])


def test_a_help_text_cannot_repeat_a_long_default_without_end() -> None:
    (parameter,) = read(
        f"{HEAD}D = '{'d' * (LITERAL_SIZE // 2)}'\nH = '{'%(default)s' * 2000}'\n"
        "parser.add_argument('--a', default=D, help=H)"
    )[0].values()
    assert len(parameter.description) < LITERAL_SIZE


LIBRARY = [
    path
    for path in Path(sysconfig.get_paths()["stdlib"]).glob("*.py")
    if path.name != "argparse.py" and b"ArgumentParser(" in path.read_bytes()
]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_the_parsers_of_pythons_own_library_are_read(path: Path) -> None:
    parameters, problems = read(path.read_text())
    unread = {"argparse-subcommands", "argparse-name-not-static", "argparse-action"}
    assert parameters or unread & {each.rule for each in problems}


@pytest.mark.parametrize(
    ("source", "types"),
    [
        (
            "if fast:\n p.add_argument('--a', type=int)\nelse:\n p.add_argument('--a')\n",
            {"a": "integer"},
        ),
        (
            "try:\n p.add_argument('--a', type=int)\nexcept ImportError:\n p.add_argument('--a')\n",
            {"a": "integer"},
        ),
        (
            "match x:\n case 1:\n  p.add_argument('--a', type=int)\n case 2:\n"
            "  p.add_argument('--a')\n",
            {"a": "integer"},
        ),
        (
            "q = argparse.ArgumentParser(add_help=False, parents=[])\n"
            "q.add_argument('--a', type=int)\np.add_argument('--a')\np.add_argument('--b')\n",
            {"a": "integer", "b": "string"},
        ),
    ],
)
def test_an_option_that_stands_twice_and_is_no_mistake(source: str, types: dict[str, str]) -> None:
    parameters, problems = read(f"import argparse\np = argparse.ArgumentParser()\n{source}")
    assert {name: each.type for name, each in parameters.items()} == types
    assert problems == []


def test_where_conflicts_are_resolved_the_last_one_counts() -> None:
    parameters, problems = read(
        "import argparse\np = argparse.ArgumentParser(conflict_handler='resolve')\n"
        "p.add_argument('--a')\np.add_argument('--b')\np.add_argument('--a', type=int)\n"
    )
    assert {name: each.type for name, each in parameters.items()} == {"a": "integer", "b": "string"}
    assert problems == []


def test_other_prefixes_of_options() -> None:
    parameters, problems = read(
        "import argparse\np = argparse.ArgumentParser(prefix_chars='-+')\n"
        "p.add_argument('+a', '++angle', type=int)\np.add_argument('--b')\np.add_argument('c')\n"
    )
    assert {name: each.option for name, each in parameters.items()} == {
        "angle": "++angle", "b": "--b", "c": None
    }  # fmt: skip
    assert problems == []


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("'--input-path', required=True", None),
        ("'-i', '--input-path', nargs='+'", None),
        ("'--input-path', type=Path", None),
        ("'--input_path'", "input-path is spelled --input_path, and pipelines fill --input-path"),
        ("'input_path'", "input-path is a positional argument, and pipelines fill --input-path"),
        ("'--input-path', action='store_true'", "input-path takes no value"),
        ("'--input-path', choices=['a', 'b']", "input-path has choices"),
        ("'--input-path', type=int", "input-path takes integer values"),
        ("'--input', default='.'", "the parameter input-path is missing"),
    ],
)
def test_a_path_that_no_pipeline_can_fill(call: str, fault: str | None) -> None:
    source = f"{HEAD}parser.add_argument({call})\nparser.add_argument('--output-path')\n"
    parameters, _ = read(f"from pathlib import Path\n{source}")
    problems = Problems()
    check_required_paths([*parameters.values()], "train.py", problems)
    said = [each.message for each in problems]
    assert said == [] if fault is None else said[0].startswith(fault)
    assert all(each.rule == "parameter-path-missing" and each.line for each in problems)

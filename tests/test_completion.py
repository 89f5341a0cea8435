"""The missing halves of parameters: what is added, that nothing else changes, and what is left."""

import ast
from typing import NamedTuple

import pytest

from mlreef_hooks.problems import Problems
from mlreef_hooks.source.annotations import parameter_annotations, read_annotations
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.completion import complete_halves
from mlreef_hooks.source.drift import merge_parameters

PROCESSOR = '@data_processor(name="N", type="OPERATION", input_type="IMAGE", output_type="IMAGE")'


def script(annotations: str, arguments: str, begin: str = "import argparse\n") -> str:
    """A script with these lines of annotations and of a function that makes a parser."""
    body = "".join(f"    {line}\n" for line in arguments.splitlines())
    parser = "    parser = argparse.ArgumentParser()\n"
    end = "    args = parser.parse_args()\n"
    return f"{begin}\n{PROCESSOR}\n{annotations}\ndef main():\n{parser}{body}{end}"


class Case(NamedTuple):
    """A script, and the lines that are added to it."""

    annotations: str
    arguments: str
    added: list[str]
    begin: str = "import argparse\n"


SEED = 'parser.add_argument("--seed", type=int)'
CASES = [
    Case(  # by position, as the file does it
        '@parameter("seed", "INTEGER")',
        f'{SEED}\nparser.add_argument("--angle", type=float, default=0.5)',
        ['@parameter("angle", "FLOAT", False, 0.5)'],
    ),
    Case(  # by keyword, in the file's own spelling
        '@parameter(name="seed", datatype="INTEGER", default_value=None)',
        f'{SEED}\nparser.add_argument("mode", choices=["a", "b"])'
        '\nparser.add_argument("--note", default="it\'s \\"x\\"")',
        [
            '@parameter(name="mode", datatype="STRING", required=True)',
            '@parameter(name="note", datatype="STRING", required=False,'
            " default_value='it\\'s \"x\"')",
        ],
    ),
    Case(  # under the name that the file imports it by, a flag and a list
        '@p.parameter("seed", type="INTEGER")',
        f'{SEED}\nparser.add_argument("--dry", action="store_true")'
        '\nparser.add_argument("--sizes", nargs="+", type=int, default=[1, 2])',
        [
            '@p.parameter("dry", type="BOOLEAN", required=False, defaultValue=False)',
            '@p.parameter("sizes", type="LIST", required=False, defaultValue=[1, 2])',
        ],
        "import argparse\nimport mlreef.annotations as p\n",
    ),
    Case(
        '@parameter("seed", "INTEGER")\n@parameter("rate", "FLOAT", False, 0.1)\n'
        '@parameter("label", "STRING", True)\n@parameter("quiet", "BOOLEAN", False, False)\n'
        '@parameter("colour", "BOOLEAN", False, True)\n@parameter("items", "LIST", False)',
        SEED,
        [
            'parser.add_argument("--rate", type=float, default=0.1)',
            'parser.add_argument("--label", required=True)',
            'parser.add_argument("--quiet", action="store_true")',
            'parser.add_argument("--colour", action=argparse.BooleanOptionalAction, default=True)',
            'parser.add_argument("--items", nargs="*")',
        ],
    ),
    Case(  # not into a group of which only one may be given, and json where it is imported
        '@parameter("seed", "INTEGER")\n@parameter("table", "DICTIONARY", True)',
        'group = parser.add_mutually_exclusive_group()\ngroup.add_argument("--seed", type=int)',
        ['parser.add_argument("--table", type=json.loads, required=True)'],
        "import argparse\nimport json\n",
    ),
    Case(  # both ways, nothing alike
        '@parameter("seed", "INTEGER")\n@parameter("rate", "FLOAT")',
        f'{SEED}\nparser.add_argument("--mode")',
        ['@parameter("mode", "STRING", False)', 'parser.add_argument("--rate", type=float)'],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.added[0][:40])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_missing_half_is_added_and_nothing_else(case: Case, end: str) -> None:
    before = script(case.annotations, case.arguments, case.begin).replace("\n", end).encode()
    completion = complete_halves(before)
    assert completion.left == ()
    assert len(completion.added) == len(case.added)
    old, new = before.decode().split(end), completion.content.decode().split(end)
    assert [line.strip() for line in new if line not in old] == case.added
    assert [line for line in new if line in old] == old
    assert without(completion.content, case.added) == ast.dump(ast.parse(before))
    assert drift(completion.content) == []
    assert complete_halves(completion.content).content == completion.content
    assert complete_halves(completion.content).added == ()


def without(content: bytes, added: list[str]) -> str:
    """The syntax tree of a file without the annotations and calls that were added."""
    module = ast.parse(content)
    wanted = {ast.dump(ast.parse(line.removeprefix("@"), mode="eval").body) for line in added}
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [
                each for each in node.decorator_list if ast.dump(each) not in wanted
            ]
            node.body = [
                each
                for each in node.body
                if not (isinstance(each, ast.Expr) and ast.dump(each.value) in wanted)
            ]
    return ast.dump(module)


def drift(content: bytes) -> list[str]:
    """What differs between annotations and argparse."""
    module, problems = ast.parse(content), Problems()
    annotations = read_annotations(module, "", problems)
    parsed = read_argparse(module, "", problems)
    assert annotations
    assert parsed
    merge_parameters(annotations.parameters, parsed, "", problems)
    return [each.message for each in problems]


TWO = '@parameter("seed", "INTEGER")\n@parameter("rate", "FLOAT")'
LEFT = {
    "one name, mistyped": (
        '@parameter("seed", "INTEGER")\n@parameter("angel", "INTEGER")',
        f'{SEED}\nparser.add_argument("--angle", type=int)',
        "import argparse\n",
    ),
    "not before argparse-name-not-static": (
        TWO,
        f"{SEED}\nparser.add_argument(NAME)",
        "import argparse\n",
    ),
    "not before argparse-parsers": (
        TWO,
        f"{SEED}\nother = argparse.ArgumentParser()",
        "import argparse\n",
    ),
    "not before annotation-argument": (
        f"{TWO}\n@parameter(*more)",
        SEED,
        "import argparse\n",
    ),
    '"help" has to be written by hand': (
        '@parameter("seed", "INTEGER")\n@parameter("help", "STRING")',
        SEED,
        "import argparse\n",
    ),
    '"table" has to be written by hand': (
        '@parameter("seed", "INTEGER")\n@parameter("table", "DICTIONARY")',
        SEED,
        "import argparse\n",
    ),
}


@pytest.mark.parametrize("said", LEFT)
def test_what_is_not_sure_is_left(said: str) -> None:
    content = script(*LEFT[said]).encode()
    completion = complete_halves(content)
    assert completion.content == content
    assert completion.added == ()
    assert all(said in each for each in completion.left)
    assert completion.left


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import argparse\nargparse.ArgumentParser().add_argument('--a')\n",
        f'{PROCESSOR}\n@parameter("a", "STRING")\ndef f(): ...\n',
        script('@parameter("seed", "INTEGER")', SEED),
    ],
)
def test_a_file_that_misses_nothing_stays(text: str) -> None:
    completion = complete_halves(text.encode())
    assert (completion.content, completion.added, completion.left) == (text.encode(), (), ())


@pytest.mark.parametrize(
    "parser",
    [
        "parser = argparse.ArgumentParser(); parser.add_argument('--seed', type=int)",
        "argparse.ArgumentParser().add_argument('--seed', type=int)",
        "if True: parser = argparse.ArgumentParser()",
    ],
)
def test_a_parser_that_shares_its_line_is_left(parser: str) -> None:
    text = f'import argparse\n{PROCESSOR}\n@parameter("rate", "FLOAT")\ndef f(): ...\n{parser}\n'
    completion = complete_halves(text.encode())
    assert completion.left == ('"rate" has to be written by hand',)
    assert completion.content.endswith(f"{parser}\n".encode())


@pytest.mark.parametrize("begin", ["\ufeff", "# coding: latin-1\n# \xe9\n", "\t\n#\x0c\n"])
def test_encoding_and_odd_lines_stay(begin: str) -> None:
    encoding = "latin-1" if "latin" in begin else "utf-8"
    text = f"{begin}{script(TWO, SEED)}"
    content = text.encode(encoding)
    completion = complete_halves(content)
    assert len(completion.added) == 1
    added = b'    parser.add_argument("--rate", type=float)\n'
    assert completion.content.count(added) == 1
    assert completion.content.replace(added, b"") == content


def test_text_that_the_encoding_does_not_have_is_escaped() -> None:
    default = '\\u4f60"'
    text = "# coding: latin-1\n" + script(
        '@parameter("seed", "INTEGER")',
        f'{SEED}\nparser.add_argument("--word", default="{default})',
    )
    completion = complete_halves(text.encode("latin-1"))
    assert drift(completion.content) == []
    ((*_, word),) = [parameter_annotations(ast.parse(completion.content))]
    assert ast.literal_eval(word.args[3]) == "\u4f60"


def test_a_last_line_without_an_end_has_none_afterwards() -> None:
    text = f'import argparse\n{PROCESSOR}\n@parameter("rate", "FLOAT")\ndef f(): ...\n'
    text += "parser = argparse.ArgumentParser()\nparser.add_argument('--mode')"
    completion = complete_halves(text.encode())
    assert completion.content.endswith(b'\nparser.add_argument("--rate", type=float)')

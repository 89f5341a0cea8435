"""Which file is the entry point, what it imports, and what its source says, whatever was pushed."""

import ast
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from mlreef_hooks.entry_point import check_named, find_entry_point, read_entry_point
from mlreef_hooks.problems import Problem, Problems
from mlreef_hooks.source.argparse_description import read_parser_description
from mlreef_hooks.source.imports import FOLLOWED, FOLLOWED_TOKENS, local_imports
from mlreef_hooks.source.parsing import TOKENS, parse_source
from mlreef_hooks.tree import SOURCE_BYTES
from mlreef_hooks.tree_entry import SYMLINK
from tests.support.trees import memory_tree

ANNOTATED = '@data_processor("N")\n@parameter("a", "str")\ndef f(): pass\n'
PARSER = "import argparse\nparser = argparse.ArgumentParser()\n"
MAIN = 'if __name__ == "__main__":\n    pass\n'
BROKEN = "def f(:\n"
COMPLETE = PARSER + "".join(
    f'parser.add_argument("--{name}-path", required=True)\n' for name in ("input", "output")
)


def find(files: dict[str, str]) -> tuple[str | None, list[Problem]]:
    """The entry point of a tree and the findings on the way to it."""
    problems = Problems()
    return find_entry_point(memory_tree(files), "3.11", problems), list(problems)


# -- which file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"a.py": ANNOTATED}, "a.py"),
        ({"a.py": ANNOTATED, "b.py": PARSER + MAIN}, "a.py"),
        ({"deep/a.py": ANNOTATED, "b.py": PARSER + MAIN}, "deep/a.py"),
        ({"a.py": PARSER + MAIN, "b.py": PARSER, "c.py": MAIN, "d.py": ""}, "a.py"),
        ({"a.py": PARSER + MAIN, "b.txt": ANNOTATED, "c.pyi": ANNOTATED}, "a.py"),
        ({"a.py": PARSER + MAIN, "b.py": "'''@param x ArgumentParser'''\n" + BROKEN}, "a.py"),
        ({"a.py": PARSER + MAIN, "b.py": "# ArgumentParser __main__\n" + MAIN}, "a.py"),
        ({"a.py": ANNOTATED + BROKEN, "b.py": PARSER + MAIN}, "a.py"),
    ],
)
def test_the_entry_point_is_found(files: dict[str, str], path: str) -> None:
    assert find(files) == (path, [])


@pytest.mark.parametrize(
    ("files", "found", "said"),
    [
        ({}, ("entry-point-missing", "."), "no Python file"),
        ({"a.py": PARSER}, ("entry-point-missing", "."), "no Python file"),
        ({"a.py": MAIN}, ("entry-point-missing", "."), "no Python file"),
        ({"a.py": PARSER + BROKEN}, ("syntax-error", "a.py"), "invalid syntax"),
        (
            {"b/a.py": ANNOTATED, "c.py": ANNOTATED, "a.py": PARSER + MAIN},
            ("entry-point-several", "c.py"),
            "c.py, b/a.py could each be",
        ),
        (
            {"c.py": ANNOTATED + BROKEN, "a.py": ANNOTATED},
            ("entry-point-several", "a.py"),
            "a.py, c.py could each be",
        ),
        (
            {f"{name}.py": PARSER + MAIN for name in "gfedcba"},
            ("entry-point-several", "a.py"),
            "a.py, b.py, c.py, d.py, e.py and 2 more could each be",
        ),
        (
            {"\u202ea.py": ANNOTATED, "b.py": ANNOTATED},
            ("entry-point-several", "b.py"),
            "b.py, \\u202ea.py could",
        ),
    ],
)
def test_no_single_entry_point(files: dict[str, str], found: tuple[str, str], said: str) -> None:
    path, problems = find(files)
    assert path is None
    assert [(each.rule, each.path) for each in problems] == [found]
    assert said in problems[0].message


def test_a_link_is_no_entry_point() -> None:
    problems = Problems()
    tree = memory_tree({}, [("a.py", SYMLINK, ANNOTATED.encode())])
    assert find_entry_point(tree, "3.11", problems) is None
    assert [each.rule for each in problems] == ["entry-point-missing"]


@pytest.mark.parametrize("named", ["src/a.py", "./src/a.py", "src/../src//a.py"])
def test_a_named_entry_point(named: str) -> None:
    problems = Problems()
    assert check_named(named, 3, memory_tree({"src/a.py": ""}), problems) == "src/a.py"
    assert list(problems) == []


@pytest.mark.parametrize(
    ("named", "said", "hint"),
    [
        ("src/b.py", '"src/b.py" is not a file', "did you mean src/a.py?"),
        ("src", '"src" is not a file', "write"),
        ("../src/a.py", '"../src/a.py" is not a file', "did you mean"),
        ("/src/a.py", '"/src/a.py" is not a file', "did you mean"),
        ("run.sh", '"run.sh" is not a Python file', "write"),
        ("link.py", '"link.py" is not a file', "write src/a.py"),
        ("\x1b\u202e.py", "\\x1b\\u202e.py", "write src/a.py"),
        ("x" * 10_000, "xxx...", "write"),
        (
            "mlreef_entry.py",
            "is not a file",
            "mlreef-hooks init --yes writes",
        ),
    ],
)
def test_a_named_entry_point_that_is_none(named: str, said: str, hint: str) -> None:
    problems = Problems()
    tree = memory_tree({"src/a.py": "", "run.sh": ""}, [("link.py", SYMLINK, b"src/a.py")])
    assert check_named(named, 3, tree, problems) is None
    (found,) = problems
    assert (found.rule, found.path, found.line) == ("entry-point-not-found", "mlreef.toml", 3)
    assert said in found.message
    assert hint in found.hint
    assert len(str(found)) < 300


# -- what is read ----------------------------------------------------------------------------------


def test_what_an_entry_point_declares() -> None:
    problems = Problems()
    source = PARSER.replace("()", "(description='Turns')") + COMPLETE.removeprefix(PARSER)
    entry_point = read_entry_point("a.py", memory_tree({"a.py": source}), "3.11", problems)
    assert [each.name for each in entry_point.parameters] == ["input-path", "output-path"]
    assert (entry_point.argparse, entry_point.compiles) == (True, True)
    assert (entry_point.processor, entry_point.description) == (None, "Turns")
    assert list(problems) == []


def test_an_entry_point_that_does_not_compile_declares_nothing() -> None:
    problems = Problems()
    entry_point = read_entry_point("a.py", memory_tree({"a.py": BROKEN}), "3.11", problems)
    assert (entry_point.compiles, entry_point.parameters) == (False, ())
    assert [each.rule for each in problems] == ["syntax-error"]


def test_every_file_that_is_imported_is_read() -> None:
    files = {
        "src/a.py": COMPLETE
        + "import b, c.d\nfrom e import f, g\nfrom . import h\nimport os.path\n",
        "src/b.py": "import i\n" + BROKEN,
        "src/c/__init__.py": "from .j import k\nfrom .. import l\n",
        "src/c/d.py": BROKEN,
        "src/c/j.py": BROKEN,
        "src/e/f.py": BROKEN,
        "src/h.py": BROKEN,
        "src/l.py": "import b\nimport a\n" + BROKEN,
        "src/not_imported.py": BROKEN,
        "b.py": BROKEN,
        "os/path.py": BROKEN,
    }
    problems = Problems()
    read_entry_point("src/a.py", memory_tree(files), "3.11", problems)
    assert [(each.rule, each.path) for each in problems] == [
        ("syntax-error", f"src/{name}.py") for name in ("b", "c/d", "c/j", "e/f", "h", "l")
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a", ["a.py"]),
        ("import a.b.c", ["a.py", "a/b/__init__.py"]),
        ("from a import b, x", ["a.py", "a/b/__init__.py"]),
        ("from a import *", ["a.py"]),
        ("from . import d", ["p/d.py"]),
        ("from .. import a", ["a.py"]),
        ("from ....... import a", ["a.py"]),
        ("from .d import e", ["p/d.py"]),
        ("import x.y", []),
        ("def f():\n  if g:\n    import a", ["a.py"]),
    ],
)
def test_imports(source: str, found: list[str]) -> None:
    tree = memory_tree(dict.fromkeys(["a.py", "a/b/__init__.py", "p/d.py", "p/q.py"], ""))
    assert list(dict.fromkeys(local_imports(ast.parse(source), "p/q.py", "", tree))) == found


@pytest.mark.parametrize(
    "file", ["b.py", "b/c.py", "b.so", "b.abi3.so", "b.cpython-311-x86_64-linux-gnu.so", "b.pyc"]
)
def test_what_the_repository_has_is_not_external(file: str) -> None:
    files = {"src/a.py": "import b, c, d\n", f"src/{file}": "", "c.py": "", "src/d.txt": ""}
    found = read_entry_point("src/a.py", memory_tree(files), "3.11", Problems()).imports
    assert [each.name for each in found] == ["c", "d"]


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.path.insert(0, 'x')",
        "import sys as s\ns.path += ['x']",
        "from sys import path\npath.insert(0, 'x')",
        "from sys import path as p, argv",
        "from sys import *",
        "from os import sys as s\ns.path.append('x')",
        "import os\nos.sys.path.append('x')",
        "import sys\ndef f():\n    sys.path.append('x')\nf()",
        "import sys\ngetattr(sys, 'path').append('x')",
        "import sys\ns = sys\ns.path.append('x')",
        "__import__('sys').path.append('x')",
        "import sys\nsys.modules['absent'] = sys",
        "import sys\nsys.meta_path.append(None)",
        "import site\nsite.addsitedir('x')",
        "from site import addsitedir as add",
        "import os\nos.environ['PYTHONPATH'] = 'x'",
        "exec(open('x').read())",
        "try:\n    import places\nexcept ImportError: pass",
        "import linked",
        "import linked_folder.x",
        "from package import x",
        "def f():\n    import package.deep.x",
    ],
)
def test_nothing_is_external_where_modules_may_be_found_anywhere(source: str) -> None:
    files = {"places.py": "import sys\nsys.path.append('x')", "package/x.py": ""}
    links = ("linked.py", "linked_folder", "package/deep/x.py")
    tree = memory_tree(
        {f"src/{path}": text for path, text in files.items()}
        | {"src/a.py": f"{source}\nimport absent\n"},
        [(f"src/{link}", SYMLINK, b"../shared") for link in links],
    )
    assert read_entry_point("src/a.py", tree, "3.11", Problems()).imports == ()


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.exit(len(sys.argv))",
        "import os, sys as s\nprint(os.path.join('x', s.version), file=s.stderr)",
        "from sys import argv, exit",
        "from os import path\npath.join('x')",
        "class A:\n    path = 'x'\nA().path",
    ],
)
def test_what_reads_sys_only_finds_no_modules(source: str) -> None:
    links = [(path, SYMLINK, b"a.py") for path in ("src/data", "b.py")]
    tree = memory_tree({"src/a.py": f"{source}\nimport absent\n"}, links)
    found = read_entry_point("src/a.py", tree, "3.11", Problems()).imports
    assert found[-1].name == "absent"


def test_a_chain_of_imports_is_followed_only_so_far() -> None:
    names = [f"m{number}" for number in range(FOLLOWED + 500)]
    files = {f"{name}.py": f"import {after}\n" for name, after in pairwise(names)}
    files |= {"m0.py": COMPLETE + "import m1\n", f"{names[-1]}.py": BROKEN}
    problems = Problems()
    read_entry_point("m0.py", memory_tree(files), "3.11", problems)
    assert list(problems) == []  # the broken one at the end is too far away


# -- hostile sources -------------------------------------------------------------------------------


def parse(content: str | bytes, python: str = "3.11") -> tuple[ast.Module | None, list[Problem]]:
    """The syntax tree of a file and the findings about it."""
    problems = Problems()
    return parse_source(memory_tree({"a.py": content}), "a.py", python, problems), list(problems)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("x = 1\ny = (\n", 2),
        ("\nprint 1\n", 2),
        ("x = 1\n\0\n", 2),
        (b"# coding: utf-8\nx = '\xff'\n", 2),
        (b"# coding: nonsense\nx = 1\n", 1),
        (b"# coding: punycode\nx = 1\n", 1),
        (b"#!/bin/sh\r# vim: set fileencoding=PunyCode :\rx = 1\r", 1),
        (b"# coding: idna\nx = 1\n", 1),
        ("x = '\u202e\n", 1),
        ("\u202ex = 1\n", 1),
        ("x = " + "9" * 5000, 1),
        ("x = " + "(" * 1000, 1),
        ("x = " + "-" * 100_000 + "1", 1),
        ("\nx" + ".y" * 100_000, 2),
        ("\nimport a" + " . \\\n  y" * 1000, 2),
        ("\nx = f'" + "{y}" * 2001 + "'", 2),
        ("\nx = \"\\\"\" rF\'\'\'" + "{y}\n" * 2001 + "\'\'\'", 2),
        ("match x:\n  case 1: pass\n" + BROKEN, 3),
        ("x = 1\nreturn x\n", 2),
        ("\nbreak\n", 2),
        ("def f():\n    nonlocal x\n", 2),
        ("def f(a, a): pass\n", 1),
        ("x = 1\nfrom __future__ import annotations\n", 2),
        ("async def f(): pass\nawait f()\n", 2),
        ("a\n" * (TOKENS // 2 + 1), 1),
    ],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_what_does_not_compile(content: str | bytes, line: int) -> None:
    module, problems = parse(content)
    assert module is None
    assert [(each.rule, each.path, each.line) for each in problems] == [
        ("syntax-error", "a.py", line)
    ]
    assert problems[0].message.startswith("this is not Python 3.11: ")
    assert str(problems[0]).isprintable()
    assert len(str(problems[0])) < 400


@pytest.mark.parametrize(
    "content",
    [
        "x = '\\d'\n",  # a warning that nobody must see
        b"\xef\xbb\xbfx = 1\r\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        "x = 1\n\n# coding: punycode\n",
        "x = f'" + "{y}" * 2000 + "'\n",
        "x = '" + "{y}" * 3000 + "'\n",
        "# it's {\nx = {" + "'y': f'{z}'," * 3000 + "}\n",
        "import " + "a." * 200 + "b\n",
        "",
        "x = (1 if y else 2 for z in w)\n" * 100,
        "#" * 200_000 + "\n" + "# ---- a ruler ----\n" * 10_000,
    ],
)
def test_what_compiles(content: str | bytes, capfd: pytest.CaptureFixture[str]) -> None:
    module, problems = parse(content)
    assert isinstance(module, ast.Module)
    assert problems == []
    assert capfd.readouterr() == ("", "")


def test_the_grammar_is_that_of_the_base() -> None:
    source = "match x:\n    case 1: pass\n"
    assert parse(source, "3.10")[1] == []
    assert [each.rule for each in parse(source, "3.9")[1]] == ["syntax-error"]
    assert parse(source, "3.99")[1] == []  # newer than the server's own


def test_the_hint_is_safe_to_paste_into_a_shell() -> None:
    problems = Problems()
    path = "a; touch $(id) 'x'.py"
    assert parse_source(memory_tree({path: BROKEN}), path, "3.11", problems) is None
    (found,) = problems
    assert "py_compile 'a; touch $(id) '\"'\"'x'\"'\"'.py' shows" in found.hint


def many(form: str, count: int) -> str:
    """Numbered texts behind each other."""
    return "".join(form.format(number) for number in range(count))


PARTS = ".".join(["a" * 400] * 150)
HOSTILE: dict[str, Callable[[], dict[str, str]]] = {  # each took minutes, or all of the memory
    "punycode": lambda: {"a.py": "# coding: punycode\nx='" + "a" * 900_000 + "'-aa"},
    "dotted": lambda: {"a.py": "import " + "a." * 400_000 + "a\n"},
    "from": lambda: {"a.py": f"from {PARTS} import {many('x{},', 50_000)}x\n"},
    "names": lambda: {"a.py": f"from {'a' * 400_000} import {many('x{},', 50_000)}x\n"},
    "aliases": lambda: {"a.py": f"from a import {many('x{},', 50_000)}x\n"},
    "relative": lambda: {"a.py": "from " + "." * 500_000 + " import x\n"},
    "fields": lambda: {"a.py": "x = f'" + "{y}" * 300_000 + "'\n"},
    "bytes": lambda: {"a.py": "x = " + "b'' " * 200_000 + "\n"},
    "sizes": lambda: (
        {f"m{number}.py": "#" * SOURCE_BYTES for number in range(50)}
        | {"a.py": many("import m{}\n", 50)}
    ),
}


@pytest.mark.parametrize("make_files", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_source_is_read_quickly(make_files: Callable[[], dict[str, str]]) -> None:
    tree = memory_tree(make_files())
    began = time.perf_counter()
    read_entry_point("a.py", tree, "3.11", Problems())
    assert time.perf_counter() - began < 8  # on a busy machine; it takes less than a second


def test_candidates_are_parsed_only_up_to_a_size() -> None:
    filler = "# @param\n" + "#\n" * (TOKENS // 2 - 10)
    files = {f"m{number:03}.py": filler for number in range(FOLLOWED_TOKENS // TOKENS + 1)}
    path, problems = find({**files, "z.py": ANNOTATED})
    assert path is None  # the only one comes too late
    assert [each.rule for each in problems] == ["entry-point-missing"]
    del files["m000.py"]
    assert find({**files, "z.py": ANNOTATED}) == ("z.py", [])


def test_a_candidate_that_is_too_long_is_named() -> None:
    source = (
        "import argparse\nif __name__ == '__main__': argparse.ArgumentParser()\n" + "a\n" * 400_000
    )
    path, problems = find({"a.py": source})
    assert path is None
    assert [(each.rule, each.path) for each in problems] == [("syntax-error", "a.py")]


# -- the parser's description ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ArgumentParser(description='Turns pictures')", "Turns pictures"),
        ("ArgumentParser(prog='x', description='''Turns\n\n    pictures.\n''')", "Turns pictures."),
        ("ArgumentParser(description='a ' 'b' + ' c')", "a b c"),
        ("ArgumentParser(description=TEXT)", "A constant"),
        ("ArgumentParser(description=__doc__)", "The docstring."),
        ("ArgumentParser(description='%(prog)s turns')", "train.py turns"),
        ("ArgumentParser(description='first')\nArgumentParser(description='second')", "first"),
        ("ArgumentParser()\nArgumentParser(description='second')", ""),
        ("def f():\n    Own(description='derived')\nArgumentParser(description='x')", "derived"),
        ("ArgumentParser(description=f())", ""),
        ("ArgumentParser(description=None)", ""),
        ("ArgumentParser(description=3)", ""),
        ("ArgumentParser(description='\\ud800')", ""),
        ("ArgumentParser(**settings)", ""),
        ("other.ArgumentParser(description='x')", ""),
        ("pass", ""),
    ],
)
def test_the_description_of_the_parser(source: str, said: str) -> None:
    text = (
        '"""The\n\ndocstring."""\nfrom argparse import ArgumentParser\n'
        f"import other\nTEXT = 'A constant'\nclass Own(ArgumentParser): pass\n{source}\n"
    )
    assert read_parser_description(ast.parse(text), "src/train.py") == said

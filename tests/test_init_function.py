"""A file that only defines things does nothing when it is started: `init` tells which function
does its work, or says that it cannot.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from mlreef_hooks.proposal.working_function import fitting_function, only_defines
from tests.test_init import init

CLEAN = '''\
"""Marks outliers."""
import csv
from pathlib import Path

LIMIT = 3.0


def mark_outliers(infile: str, outfile: str, limit: float = LIMIT):
    rows = [row for row in csv.reader(open(infile)) if is_number(row[0])]
    Path(outfile).write_text(f"{limit} {len(rows)}")


def is_number(text):
    return text.replace(".", "").isdigit()
'''


def test_the_function_that_no_other_calls_does_the_work(tmp_path: Path) -> None:
    (tmp_path / "outliers.py").write_text(CLEAN)
    said = init(tmp_path, "--yes")
    assert said.startswith(
        "outliers.py: the function mark_outliers does the work, for no other function calls it;"
        " --function names another\n"
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("1.5\nx\n2\n")
    words = ("--input-path", tmp_path / "in", "--output-path", tmp_path, "--limit", "2")
    subprocess.run([sys.executable, tmp_path / "mlreef_entry.py", *words], check=True)
    assert (tmp_path / "a.csv").read_text() == "2.0 2"


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("def a(x): ...\ndef b(y): ...", (), "several functions: a, b\nhint: name the one that"),
        ("def a(x): ...\ndef b(y): ...", ("--function", "c"), "no public function c "),
        ("class A: ...\nB = A()", (), "does nothing when it is started, and has no function"),
        ("print(1)", ("--function", "c"), "hint: begin without --function"),
    ],
)
def test_what_cannot_be_told_is_said(
    tmp_path: Path, text: str, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "work.py").write_text(text)
    assert said in init(tmp_path, "--yes", *words, expect=1)
    assert not (tmp_path / "mlreef_entry.py").exists()


def test_a_function_is_named(tmp_path: Path) -> None:
    (tmp_path / "my-work.py").write_text("def a(infile): ...\ndef b(y): ...")
    assert "hint: call it my_work.py" in init(tmp_path, "--yes", "--function", "a", expect=1)
    (tmp_path / "my-work.py").rename(tmp_path / "work.py")
    init(tmp_path, "--yes", "--function", "b")
    assert "from work import b\n" in (tmp_path / "mlreef_entry.py").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        (CLEAN, True),
        ("try:\n    import a\nexcept ImportError:\n    a = None", True),
        ("if TYPE_CHECKING:\n    import a\nLOG = logging.getLogger('a')", True),
        ("sys.path.insert(0, os.path.dirname(__file__))\nX = Path('a')", True),
        ("print(1)", False),
        ("x", False),
        ("x = load()", False),
        ("logging.basicConfig(filename=made())", False),
        ("if __name__ == '__main__':\n    main()", False),
        ("for x in y: pass", False),
    ],
)
def test_what_only_defines_things(text: str, *, expected: bool) -> None:
    assert only_defines(ast.parse(text)) is expected


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("def a(x): return b(x)\ndef b(y): ...", "a"),
        ("def a(infile): ...\ndef b(y, z): ...", "a"),
        ("def a(x): return b(x)\ndef b(y): return a(y)", ""),
        ("def a(*x): ...\ndef _b(y): ...", ""),
    ],
)
def test_the_function_that_fits(text: str, function: str) -> None:
    assert fitting_function(ast.parse(text))[0] == function

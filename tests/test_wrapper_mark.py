"""By its first line a wrapper is told to be as it was written, whatever a formatter makes of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlreef_hooks.proposal.paths import find_paths
from mlreef_hooks.proposal.plan import Wanted, plan_script
from mlreef_hooks.proposal.script import Script
from mlreef_hooks.proposal.wrapper_mark import (
    is_as_written,
    marked,
    means_the_same,
)
from mlreef_hooks.source.wrapped_script import WRAPPER
from tests.test_proposal import EVERYTHING, FUNCTION, NOTHING, files_for, read, script_of

MANY = '"--' + 'long-name" , nargs="*", help="' + "a long text " * 30 + '"'
SCRIPTS = [
    script_of(*EVERYTHING, MANY),
    script_of('"indir"', '"--o"'),
    read("small.py", FUNCTION),
    read("note_book.py", "print(1)"),
]


@pytest.mark.parametrize("style", ["double", "single"])
def test_a_formatter_changes_nothing(tmp_path: Path, style: str) -> None:
    for number, script in enumerate(SCRIPTS):
        (tmp_path / f"a{number}.py").write_text(files_for(script)[WRAPPER])
        (tmp_path / f"b{number}.py").write_text(annotated(script))
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    settings = ("--isolated", "--config", f"format.quote-style='{style}'")
    command = [sys.executable, "-m", "ruff", "format", "--quiet", *settings, str(tmp_path)]
    subprocess.run(command, check=True)
    after = {each: each.read_bytes() for each in before}
    assert after[tmp_path / "a0.py"] != before[tmp_path / "a0.py"]
    for path, content in after.items():
        assert is_as_written(content), path
        assert means_the_same(content, before[path])


def annotated(script: Script) -> str:
    """What is written with annotations."""
    paths = find_paths(script.parameters)
    return plan_script(script, paths, Wanted(title="T", annotate=True), NOTHING).files[WRAPPER]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import sys\n", "import sys  # mine\n"),
        ("import sys\n", "import sys\n\n\n# mine\n"),
        ("    args = parse_arguments()", "    args = parse_arguments()\n    print(args)"),
        ("What pipelines", "What our pipelines"),
        ('"--input-path"', "'--input_path'"),
        ("    return done.returncode", "    return None"),
        ("import sys\n", "import sys)\n"),
    ],
)
def test_what_an_author_wrote_is_a_change(old: str, new: str) -> None:
    text = files_for(SCRIPTS[0])[WRAPPER]
    assert old in text
    content = text.replace(old, new).encode()
    assert not is_as_written(content)
    assert not means_the_same(content, text.encode())


def test_what_no_python_is_is_no_such_file() -> None:
    text = files_for(SCRIPTS[0])[WRAPPER].encode()
    assert not is_as_written(text.partition(b"\n")[0] + b"\n" + b"(" * 100_000)
    assert not means_the_same(b"(", b"[")


def test_of_what_is_too_large_the_bytes_count() -> None:
    text = marked("x = 1\n" * 30_000)
    assert is_as_written(text.encode())
    assert not is_as_written(text.replace("x = 1", "x = 2", 1).encode())
    assert not is_as_written(text.replace("x = 1", "x  = 1", 1).encode())

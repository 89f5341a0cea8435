"""A wrapper is never written anew where it would hand input or output on another way than before:
what is meant is its author's to say.
"""

from pathlib import Path

import pytest

from mlreef_hooks.source.wrapped_script import WRAPPER
from tests.test_init import init
from tests.test_proposal import PARSED, files_for, read
from tests.test_proposal import script_of as parsed
from tests.test_script_behind import BY_HAND, OURS, checked, found, renewed, source, wrapper

BOTH = ('"--input-path", required=True', '"--output-path", required=True')
LEFT = [
    (['"--in-dir"', '"--out-dir"'], ['"--in-dir"', '"--target", required=True'],
     'the output is handed on as a folder, and written anew as a file ("--target")'),
    (['"infile"'], ['"infiles", nargs="+"', '"--size", required=True'],
     'the input is handed on as a file, and written anew as a list of files ("infiles")'),
    (['"--infile"', '"--outfile"'], ['"--what"', '"--outfile"'],
     "the input is handed on as a file, and written anew not at all"),
    (['"infile"', '"--out"'], ['"infile"', '"--to", required=True'],
     "the output is handed on as a file, and written anew not at all"),
    (['"infile"'], ['"infile"', '"--out", required=True'],
     'the output is handed on not at all, and written anew as a file ("--out")'),
    (['"infiles", nargs="+"'], ['"indir", help="a directory"', '"--new", required=True'],
     'the input is handed on as a list of files, and written anew as a folder ("indir")'),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "reason"), LEFT)
def test_what_would_be_handed_on_otherwise_stays(
    before: list[str], after: list[str], reason: str
) -> None:
    text, behind = wrapper(*before), source(*after)
    renewal = renewed(text, behind.encode())
    assert (renewal.content.decode(), renewal.left) == (text, reason)
    hints = {each.hint for each in found(text, behind)}
    made = "rm mlreef_entry.py && mlreef-hooks init --yes --script turn.py"
    assert hints == {f"{reason}: {BY_HAND}{made}"}


def test_a_script_that_is_an_entry_point_needs_no_wrapper() -> None:
    text, behind = wrapper('"--in-dir"', '"--out-dir"'), source(*BOTH)
    reason = (
        'turn.py has --input-path and --output-path itself: write entry_point = "turn.py" into'
        " mlreef.toml, and remove this file"
    )
    for each in (text, text.replace("\n\n\n", "\n\n# mine\n", 1)):
        assert {problem.hint for problem in found(each, behind)} == {reason}
    assert renewed(text, behind.encode()).left == reason


def test_a_notebook_that_gets_a_parser_stays() -> None:
    text = files_for(read("turn.py", "print(1)"))[WRAPPER]
    behind = source('"infile"')
    assert (
        renewed(text, behind.encode()).left == "turn.py has a parser now, and ran beside its data"
    )
    assert renewed(text, b"print(2)").left == ""
    assert renewed(wrapper('"infile"'), b"print(2)").left == "turn.py has no parser any more"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("infile, outfile, size=1", "input_csv, output_csv, size=1"),
        ("in_dir, out_dir", "in_dir, out_dir, size"),
        ("word, what", "word, what, size"),
    ],
)
def test_a_function_that_is_handed_the_same_is_called_anew(before: str, after: str) -> None:
    text = files_for(read("small.py", f"def work({before}): ..."))[WRAPPER]
    behind = f"def work({after}): ...\ndef other(x): ..."
    assert {each.hint for each in found(text, behind, "small.py")} == {OURS}
    assert not renewed(text, behind.encode()).left
    assert not found(renewed(text, behind.encode()).content.decode(), behind, "small.py")


def test_a_function_that_is_handed_otherwise_is_left() -> None:
    text = files_for(read("small.py", "def work(in_dir, out_dir): ..."))[WRAPPER]
    behind = "def work(in_dir, result_file): ..."
    reason = 'the output is handed on as a folder, and written anew as a file ("result_file")'
    assert renewed(text, behind.encode()).left == reason
    hints = {each.hint for each in found(text, behind, "small.py")}
    assert [hint.endswith("--script small.py --function work") for hint in hints] == [True]


def test_what_was_said_to_be_read_and_written_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "turn.py").write_text(source('"--data"', '"--word"', '"--to-what"'))
    words = ("--yes", "--kind", "model", "--input", "TEXT", "--output", "MODEL")
    init(tmp_path, *words, "--reads", "word", "--writes", "to-what")
    (tmp_path / "turn.py").write_text(
        source('"--data"', '"-w", "--word"', '"--to-what"', '"--n", required=True')
    )
    status, lines = checked(tmp_path, capsys, "--fix")
    assert lines[:3] == [
        "fixed: mlreef_entry.py: it is written anew for turn.py",
        "fixed: mlreef_entry.py: --input-path is handed on as --word",
        "fixed: mlreef_entry.py: --output-path is handed on as --to-what",
    ]
    assert status == 0


def test_a_renamed_input_is_handed_on_as_before() -> None:
    text = files_for(parsed('"infile"', '"outfile"', '"--csv-header"'))[WRAPPER]
    calls = '    parser.add_argument("input_csv"); parser.add_argument("output_csv")'
    behind = PARSED.format(imports="", arguments=calls)
    assert {each.hint for each in found(text, behind)} == {OURS}
    assert "rest.append(str(source))" in renewed(text, behind.encode()).content.decode()

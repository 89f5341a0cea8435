"""The script behind an entry point that `init` wrote: looked at as the entry point is, whatever is
pushed; what differs between the two; and the entry point made anew.
"""

import ast
from pathlib import Path

import pytest

from mlreef_hooks.cli.author import check
from mlreef_hooks.entry_point import read_entry_point
from mlreef_hooks.manifest import Parameter
from mlreef_hooks.problems import Problem, Problems
from mlreef_hooks.proposal.arguments import declared, offered
from mlreef_hooks.proposal.paths import find_paths
from mlreef_hooks.proposal.renewal import Renewal, renew_wrapper
from mlreef_hooks.proposal.wrapper_mark import is_as_written, unmarked
from mlreef_hooks.source.argparse_call import ParsedParameter
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.wrapped_script import WRAPPER
from mlreef_hooks.tree import SOURCE_BYTES
from mlreef_hooks.tree_entry import SUBMODULE, SYMLINK
from tests.support.publishing import publish, unwrapped
from tests.support.tiny_site import make_site
from tests.support.trees import memory_tree
from tests.test_gate import gated, refusal
from tests.test_init import init
from tests.test_proposal import EVERYTHING, FUNCTION, PARSED, files_for, read
from tests.test_proposal import script_of as parsed

TURN = ('"infile"', '"--out"', '"--times", type=int, default=2', '"--mode", choices=["a", "b"]')
OURS = "mlreef-hooks check --fix writes mlreef_entry.py anew"
BY_HAND = "change it by hand, or write it anew: "
THEIRS = f"{BY_HAND}rm mlreef_entry.py && mlreef-hooks init --yes --script "
DRIFT, OUTDATED = "parameter-drift", "wrapper-outdated"


def source(*arguments: str, before: str = "") -> str:
    """The source of a script with these `add_argument` calls."""
    calls = "\n".join(f"    parser.add_argument({each})" for each in arguments)
    return PARSED.format(imports=before, arguments=calls)


def wrapper(*arguments: str) -> str:
    """What `init` writes for it."""
    return files_for(parsed(*arguments))[WRAPPER]


def found(text: str, behind: str, path: str = "turn.py") -> list[Problem]:
    """What is found about a wrapper and the script behind it."""
    problems = Problems()
    read_entry_point(WRAPPER, memory_tree({WRAPPER: text, path: behind}), "3.11", problems)
    return [*problems]


def said(problems: list[Problem]) -> list[tuple[str, str]]:
    """The rules and messages, without the places of the script."""
    return [(each.rule, each.message) for each in problems]


# -- the script itself -----------------------------------------------------------------------------


def test_a_script_is_looked_at_as_the_entry_point_is() -> None:
    problems = Problems()
    files = {
        WRAPPER: wrapper(*TURN),
        "turn.py": source(*TURN, before="import numpy, near"),
        "near.py": "import absent\ndef f(:\n",
    }
    entry_point = read_entry_point(WRAPPER, memory_tree(files), "3.11", problems)
    assert [(each.rule, each.path, each.line) for each in problems] == [
        ("syntax-error", "near.py", 2)
    ]
    assert [(each.path, each.name) for each in entry_point.imports][-2:] == [
        ("turn.py", "argparse"), ("turn.py", "numpy"),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["turn.py", "small.py"])
def test_a_script_that_does_not_compile_is_found_at_its_line(path: str) -> None:
    text = wrapper(*TURN) if path == "turn.py" else files_for(read(path, FUNCTION))[WRAPPER]
    (problem,) = found(text, "x = 1\nmatch = (\n", path)
    assert (problem.rule, problem.path, problem.line) == ("syntax-error", path, 2)


@pytest.mark.parametrize(
    "named",
    ["../turn.py", "/etc/passwd", "folder", "lib", "gone.py", WRAPPER, "a/../mlreef_entry.py",
     "x" * 5000, "a/" * 100_000, "\\0", "\\udcff"],
)  # fmt: skip
def test_a_script_that_is_no_file_of_the_repository_is_said(named: str) -> None:
    problems = Problems()
    text = wrapper(*TURN).replace('"turn.py"', f'"{named}"')
    files = {WRAPPER: text, "folder/turn.py": ""}
    read_entry_point(WRAPPER, memory_tree(files, [("lib", SUBMODULE, b"")]), "3.11", problems)
    (problem,) = problems
    assert (problem.rule, problem.path, problem.line) == ("entry-point-not-found", WRAPPER, 12)
    assert "rm mlreef_entry.py && mlreef-hooks init --yes" in problem.hint
    assert len(str(problem)) < 300
    assert str(problem).isprintable()


@pytest.mark.parametrize("named", ["linked.py", "behind/turn.py"])
def test_what_is_behind_a_link_is_left_to_the_run(named: str) -> None:
    links = [("linked.py", SYMLINK, b"turn.py"), ("behind", SYMLINK, b"src")]
    text = wrapper(*TURN).replace('"turn.py"', f'"{named}"')
    problems = Problems()
    read_entry_point(WRAPPER, memory_tree({WRAPPER: text}, links), "3.11", problems)
    assert not [*problems]


def test_a_script_that_is_too_large_to_be_read_is_said() -> None:
    (problem,) = found(wrapper(*TURN), "#" * (SOURCE_BYTES + 1))
    assert (problem.rule, problem.path) == ("tree-file-too-large", "turn.py")


def test_a_function_or_its_file_that_is_gone_is_said() -> None:
    text = files_for(read("small.py", FUNCTION))[WRAPPER]
    assert said(found(text, FUNCTION.replace("shrink", "grow"), "small.py")) == [
        ("entry-point-not-found", '"small.py" has no function "shrink"')
    ]
    assert said(found(text, FUNCTION, "other.py")) == [
        ("entry-point-not-found", '"small.py" is not a file of the repository')
    ]
    for elsewhere in ("from grow import *", "from grow import grow as shrink", "shrink = print"):
        assert not found(text, elsewhere, "small.py")
    assert not found(text, "", "small/__init__.py")


def test_what_starts_no_script_is_no_wrapper() -> None:
    name = 'SCRIPT = Path(__file__).resolve().parent / "gone.py"\n'
    own = source('"--input-path"', '"--output-path"')
    assert not found(f"from pathlib import Path\n{name}{own}", "")


# -- what differs ----------------------------------------------------------------------------------

CHANGES = [
    ('"infile"', '"picture"', []),
    ('"infile"', '"--infile", required=True', [
        (DRIFT, '1 value without an option is handed on, and turn.py takes 0'),
        (DRIFT, 'turn.py (line 5) requires "infile", and it is not handed on'),
    ]),
    ('"--out"', '"--target"', [
        (DRIFT, '"--out" is handed on, and turn.py does not take it'),
        (OUTDATED, 'turn.py (line 6) takes "target", and it is not handed on'),
    ]),
    ('"--out"', '"-o", "--target", "--out"', []),
    ('type=int', 'type=float', [
        (OUTDATED, '"times" is float in turn.py (line 7), and integer here'),
    ]),
    ('type=int, default=2', 'default="2"', [
        (DRIFT, '"times" is "2" by default in turn.py (line 7), and 2 here'),
    ]),
    ('default=2', 'default=3', [
        (DRIFT, '"times" is 3 by default in turn.py (line 7), and 2 here'),
    ]),
    ('default=2', 'default=2 * 64', [
        (DRIFT, '"times" has a default that only running it could tell in turn.py (line 7), '
         'and 2 here'),
    ]),
    ('default=2', 'default=NUMBER, help="how"', [
        (DRIFT, '"times" has a default that only running it could tell in turn.py (line 7), '
         'and 2 here'),
    ]),
    ('"--mode", ', '"--mode", default=made(), ', []),
    ('default=2', 'required=True', [
        (DRIFT, '"times" is required in turn.py (line 7), and is optional here'),
    ]),
    ('default=2', 'nargs=2', [
        (DRIFT, '"times" takes 2 values in turn.py (line 7), and takes one value here'),
    ]),
    ('"--times", type=int, default=2', '"--times", action="version"', []),
    ('"--times", type=int, default=2', '"--times", action="store_true"', [
        (DRIFT, '"times" takes no value in turn.py (line 7), and takes one value here'),
    ]),
    ('["a", "b"]', '["a"]', [
        (DRIFT, '"mode" takes "a" in turn.py (line 8), and takes "a", "b" here'),
    ]),
    ('["a", "b"]', '[*"abcdef"]', []),
    ('["a", "b"]', 'list("abcdef")', [
        (OUTDATED, '"mode" takes "a", "b", "c", "d", "e" and more in turn.py (line 8), '
         'and takes "a", "b" here'),
    ]),
    ('["a", "b"]', '["a", "b"], help="how"', [
        (OUTDATED, '"mode" is described as "how" in turn.py (line 8), and "" here'),
    ]),
    ('"--mode", choices=["a", "b"]', '"--mode", choices=["b", "a"])\n    f("--new"', []),
    ('"--mode"', '"--new", required=True)\n    parser.add_argument("--mode"', [
        (DRIFT, 'turn.py (line 8) requires "new", and it is not handed on'),
    ]),
    ('"--mode"', '"rest", nargs="...")\n    parser.add_argument("--mode"', []),
    ('"--mode"', '"--help", "-H")\n    parser.add_argument("--mode"', []),
    ('"--mode"', '"other", nargs="?")\n    parser.add_argument("--mode"', [
        (OUTDATED, 'turn.py (line 8) takes "other", and it is not handed on'),
    ]),
]  # fmt: skip


def test_a_switch_whose_default_cannot_be_told_is_off_in_a_wrapper() -> None:
    switch = '"--all", action="store_true", default=settings.all'
    assert found(wrapper('"infile"', switch), source('"infile"', switch)) == []


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES)
def test_a_change_of_the_script_is_found(
    old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    text, before = wrapper(*TURN), source(*TURN)
    assert old in before
    problems = found(text, before.replace(old, new, 1))
    assert sorted(said(problems)) == sorted(expected)
    assert {each.hint for each in problems} <= {OURS}
    assert {each.path for each in problems} <= {WRAPPER}
    # What was written before there was a first line that tells is judged alike.
    before_that = found(text.partition("\n")[2], before.replace(old, new, 1))
    assert said(before_that) == said(problems)
    assert {each.hint for each in before_that} <= {f"{THEIRS}turn.py"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("by: float = 0.5", "by: float = 0.7",
         [(OUTDATED, '"by" is 0.7 by default in shrink of small.py (line 4), and 0.5 here')]),
        ("by: float = 0.5", "by: float = 0.5 * 2",
         [(OUTDATED, '"by" has a default that only running it could tell in shrink of small.py '
           '(line 4), and 0.5 here')]),
        ("out_dir", "folder", [
            (DRIFT, '"out_dir" is handed on, and shrink of small.py does not take it'),
            (DRIFT, 'shrink of small.py (line 4) requires "folder", and it is not handed on'),
        ]),
        ("by: float = 0.5", "by: float = 0.5, *, more=1",
         [(OUTDATED, 'shrink of small.py (line 4) takes "more", and it is not handed on')]),
        ('mode: Literal["a", "b"] = "a"', "**more", []),
        ("def shrink", "def train(a, b, c): ...\ndef shrink", []),
        ("by: float = 0.5", f"by: {'-' * 700}1 = 0.5", []),
        ("by: float = 0.5", f"by: {'a|' * 700}a = 0.5", []),
        (FUNCTION, f"{FUNCTION}\n{source('--x')}", []),
    ],
)  # fmt: skip
def test_a_change_of_a_function_is_found(
    old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    text = files_for(read("small.py", FUNCTION))[WRAPPER]
    assert sorted(said(found(text, FUNCTION.replace(old, new, 1), "small.py"))) == sorted(expected)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "import common\ncommon.add_to(parser)",
        "from common import add_to\ngroup = parser.add_argument_group()\nadd_to(kind=group)",
        "parser = argparse.ArgumentParser(parents=[base])",
        "parser.add_argument(NAMES[0])",
    ],
)
def test_nothing_is_said_to_be_gone_where_options_may_be_elsewhere(elsewhere: str) -> None:
    lines = elsewhere.replace("\n", "\n    ")
    behind = source('"infile"', *TURN[2:]) + f"    {lines}\n"
    assert not [each for each in found(wrapper(*TURN), behind) if "--out" in each.message]


def test_an_edited_wrapper_is_judged_by_what_it_hands_on() -> None:
    text = wrapper(*TURN).replace("default=2", "default=5")
    assert said(found(text, source(*TURN))) == [
        (OUTDATED, '"times" is 2 by default in turn.py (line 7), and 5 here')
    ]
    text = wrapper(*TURN).replace('"--input-path"', '"--own"); parser.add_argument("--input-path"')
    assert not found(text, source(*TURN))
    assert not found(text.replace("def command_line", "def made_of"), source())


EDITS = [
    ("words.append(f", "words.extend(['--times', str(args.times)]); (f"),
    ("words.append(f", "words.insert(0, f"),
    ("words.append(f", "times = '--times'; words.append(times); words.append(f"),
    ("if args.times !=", "if args.times: pass\n    elif args.times !="),
    ("words.append(f", "for _ in range(1): words.append(f"),
    ("if args.times != 2:\n        words.append(", "(lambda *_: 0)(words.append, "),
    ("    rest.append(str(source))", "    rest.extend([str(source)])"),
    ("    rest.append(str(source))", "    rest += [*[str(source)]]"),
    ("return [*words,", "return ['--times', str(args.times), str(source), *words,"),
    ("SCRIPT, *words]", "SCRIPT, '--times', '3', *words]"),
    ("SCRIPT, *words]", "SCRIPT, *words, *more(args)]"),
    ("words = command_line(", "words = more(args)\n        words += command_line("),
    ("words = command_line(", "words = ['--new=1'] + command_line("),
]


@pytest.mark.parametrize(("old", "new"), EDITS)
def test_what_cannot_be_told_of_an_edited_wrapper_is_no_fault(old: str, new: str) -> None:
    assert old in wrapper(*TURN)
    text = wrapper(*TURN).replace(old, new, 1)
    assert not found(text, source(*TURN))
    assert not found(text, source(*TURN, '"--new", required=True', '"another"'))
    # What is handed on and is not taken fails all the same.
    gone = found(text, source(TURN[0], *TURN[2:]))
    assert (DRIFT, '"--out" is handed on, and turn.py does not take it') in said(gone)


@pytest.mark.parametrize(
    "added", ["words.append('--times=2')", "words += ['--times'] * args.times"]
)
def test_what_is_handed_on_otherwise_is_read(added: str) -> None:
    text = wrapper(*TURN).replace('words.append(f"--times={args.times}")', added)
    assert not found(text, source(*TURN))
    assert len(found(text, source(*TURN, '"--new"'))) == 1


@pytest.mark.parametrize(
    "added", ['["--grey", "--fast"]', '[f"--grey"]', '[f"--grey" for _ in "a"]']
)
def test_switches_that_are_handed_on_together_have_no_value(added: str) -> None:
    switches = ('"--grey", action="store_true"', '"--fast", action="store_true"')
    text = wrapper(*switches).replace('words.append("--grey")', f"words += {added}")
    assert added in text
    assert not found(text, source(*switches))


CALL = "options = {name: value for name, value in options.items() if value is not None}"


@pytest.mark.parametrize(
    ("edit", "faults"),
    [
        (CALL, 1),
        (f"{CALL}\n    options['new'] = 1", 0),
        ("options = dict(new=1)", 0),
    ],
)
def test_what_cannot_be_told_of_an_edited_call_is_no_fault(edit: str, faults: int) -> None:
    behind = "def shrink(source, out_dir, by=None): ...\n"
    text = files_for(read("small.py", behind))[WRAPPER]
    assert CALL in text
    more = behind.replace("by", "new, by")
    assert len(found(text.replace(CALL, edit), more, "small.py")) == faults


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("type=bool", 'action="store_true"', "takes no value in turn.py (line 5), and is handed on"
         " with one"),
        ('action="store_true"', "type=bool", "takes a value in turn.py (line 5), and is handed on"
         " without one"),
        ('action="store_true"', "action=Own", ""),
        ("nargs=2", "nargs=N", ""),
    ],
)  # fmt: skip
def test_a_switch_that_takes_a_value_is_found(before: str, after: str, expected: str) -> None:
    problems = said(found(wrapper(f'"--grey", {before}'), source(f'"--grey", {after}')))
    assert problems == ([(DRIFT, f'"grey" {expected}')] if expected else [])


@pytest.mark.parametrize(
    ("before", "after", "takes"),
    [
        ('"files", nargs="+"', '"files"', "one value"),
        ('"files", nargs="+"', '"files", nargs=2', "2 values"),
        ('"--files", nargs="+"', '"--files"', "one value"),
        ('"--files", nargs="+"', '"--files", nargs="*"', ""),
        ('"files", nargs="+"', '"files", nargs=N', ""),
        ('"files"', '"files", nargs="+"', ""),
    ],
)
def test_all_files_are_handed_on_to_what_takes_as_many(before: str, after: str, takes: str) -> None:
    problems = said(found(wrapper(before), source(after)))
    message = f'"files" takes {takes} in turn.py (line 5), and all files are handed on'
    assert problems == ([(DRIFT, message)] if takes else [])


MORE = (
    '"x", type=bool', '"--y", type=bool', '"--z", action="store_const", const=3',
    '"--v", action="append", nargs=2', '"--w", nargs="?", type=float, default=1',
    '"--c", type=complex, default=1+2j', '"--l", nargs=3, default=[1, 2, 3], type=int',
    '"--o", action="extend", nargs="+"', '"--s", default=3', '"--class", type=json.loads',
    '"--r", type=float, required=True, default=0.1', '"--n", type=odd, choices=[1, 3], default=3',
    '"--t", type=bool, choices=[True, False], default=False',
)  # fmt: skip


@pytest.mark.parametrize("arguments", [EVERYTHING, MORE])
def test_parameters_are_declared_as_it_is_said(arguments: tuple[str, ...]) -> None:
    script = parsed(*arguments)
    text = files_for(script)[WRAPPER]
    paths = find_paths(script.parameters)
    own = read_argparse(ast.parse(text), "", Problems()) or ()
    assert [each.plain() for each in own[2:]] == [
        plain(declared(each)) for each in offered(script.parameters, (paths.source, paths.target))
    ]
    assert not found(text, ast.unparse(script.module))


def plain(parameter: Parameter) -> Parameter:
    """The parameter without what is known of its argparse call."""
    return parameter.plain() if isinstance(parameter, ParsedParameter) else parameter


# -- made anew -------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_wrapper_that_nobody_changed_is_made_anew(line_end: str) -> None:
    old, behind = wrapper(*TURN).replace("\n", line_end), source(*TURN, '"--new"')
    renewal = renewed(old, behind.encode())
    assert renewal.content.decode() == wrapper(*TURN, '"--new"').replace("\n", line_end)
    assert is_as_written(renewal.content)
    assert not found(renewal.content.decode(), behind)


@pytest.mark.parametrize(
    ("old", "new"), [("", "# "), ("default=2", "default=3"), ("\n\n\n", "\n# x\n"), ("# W", "#  W")]
)
def test_what_somebody_changed_is_never_made_anew(old: str, new: str) -> None:
    text = wrapper(*TURN).replace(old, new, 1)
    assert not is_as_written(text.encode())
    renewal = renewed(text, source('"--new"').encode())
    assert (renewal.content.decode(), bool(renewal.left)) == (text, True)


@pytest.mark.parametrize("behind", [None, b"def f(:\n", b"from . import x\n", b"\0"])
def test_what_no_script_can_be_read_for_stays(behind: bytes | None) -> None:
    renewal = renewed(wrapper(*TURN), behind)
    assert renewal.content.decode() == wrapper(*TURN)
    assert renewal.left.startswith("turn.py ")


def test_an_entry_point_that_does_the_work_is_never_made_anew() -> None:
    assert renew_wrapper("turn.py", source(*TURN).encode(), lambda path: b"") is None


def renewed(text: str, behind: bytes | None) -> Renewal:
    """A wrapper made anew, where its script has this content."""
    renewal = renew_wrapper(WRAPPER, text.encode(), lambda path: behind)
    assert renewal is not None
    return renewal


@pytest.mark.parametrize("words", [(), ("--annotate",)])
def test_check_mends_what_init_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    (tmp_path / "turn.py").write_text(source(*TURN))
    init(tmp_path, "--yes", "--title", 'A "title"', "--input", "IMAGE", *words)
    before = (tmp_path / WRAPPER).read_bytes()
    (tmp_path / "turn.py").write_text(source('"infile"', '"--output"', "'--word', required=True"))
    assert checked(tmp_path, capsys, "--fix", "--dry-run")[0] == 1
    assert (tmp_path / WRAPPER).read_bytes() == before
    status, lines = checked(tmp_path, capsys, "--fix")
    assert lines[0] == "fixed: mlreef_entry.py: it is written anew for turn.py"
    assert status == 0
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh" / "turn.py").write_text((tmp_path / "turn.py").read_text())
    init(tmp_path / "fresh", "--yes", "--title", 'A "title"', "--input", "IMAGE", *words)
    after = (tmp_path / WRAPPER).read_bytes()
    assert after == (tmp_path / "fresh" / WRAPPER).read_bytes()
    (tmp_path / WRAPPER).write_bytes(after + b"# mine\n")
    (tmp_path / "turn.py").write_text(source(*TURN))
    status, lines = checked(tmp_path, capsys, "--fix")
    assert (status, (tmp_path / WRAPPER).read_bytes()) == (1, after + b"# mine\n")
    assert lines[0] == (
        "not fixed: mlreef_entry.py: it was changed, or written by an earlier version"
    )


def checked(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """Exit status of the check of a folder, and what it said."""
    status = check.main([str(folder), *words], standalone_mode=False, obj=None)
    return status, capsys.readouterr().out.splitlines()


def test_a_wrapper_without_its_first_line_is_as_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "turn.py").write_text(source(*TURN))
    init(tmp_path, "--yes")
    (tmp_path / WRAPPER).write_bytes(unmarked((tmp_path / WRAPPER).read_bytes()))
    assert (tmp_path / WRAPPER).read_bytes().startswith(b'"""What pipelines start: ')
    assert "mlreef_entry.py is as it should be" in init(tmp_path, "--yes")


def test_a_broken_script_is_refused_by_a_push(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    author = gated(site)
    author.commit({"mlreef.toml": None, "upper.py": None, "turn.py": source(*TURN)})
    init(author.folder, "--yes")
    author.commit({"turn.py": source(*TURN, before="import absent\n\n)")})
    author.tag("publish/1.0.0")
    refused = refusal(author, "master", "publish/1.0.0")
    assert "error: turn.py:4: this is not Python 3.11: unmatched ')'" in refused
    author.commit({"turn.py": source('"infile"', '"--to"')})
    author.tag("publish/1.0.0", force=True)
    refused = refusal(author, "master", "publish/1.0.0")
    assert 'error: mlreef_entry.py:36: "--out" is handed on, and turn.py does not' in refused
    pushed = unwrapped(publish(author, {"turn.py": source(*TURN, before="import absent")}, "2.0.0"))
    assert "error: turn.py:2: absent is neither in the repository nor in what it" in pushed
    pushed = publish(author, {"turn.py": source(*TURN)}, "3.0.0")
    assert "success: upper 3.0.0 is published" in pushed

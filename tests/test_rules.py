"""Every rule: the smallest change to a good project that breaks it, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from mlreef_hooks.config import Config, Limits
from mlreef_hooks.problems import RULES, Problem
from mlreef_hooks.tree_entry import FILE, SUBMODULE, SYMLINK
from mlreef_hooks.validation import validate
from mlreef_hooks.working_tree import read_working_tree
from tests.support.trees import memory_tree

TEN_MISTAKES = Path(__file__).parent / "projects" / "ten-mistakes"
TAG_RULES = {  # what is wrong with a tag, or with what is published already, only a push can show
    "tag-version-invalid",
    "tag-target",
    "tag-nested",
    "tag-moved",
    "tag-signature",
    "version-taken",
    "version-breaking",
    "module-taken",
    "image-open",
    "module-unknown",
    "import-missing",
}

SCRIPT = """\
import argparse

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
"""
TOML = '[module]\nkind = "model"\noutputs = ["MODEL"]\n'
GOOD = {"train.py": SCRIPT, "requirements.txt": "numpy==2.1.0\n", "mlreef.toml": TOML}
PATHS = '@parameter("input-path", "str", True)\n@parameter("output-path", "str", True)\n'
PROCESSOR = '@data_processor("N", type="ALGORITHM", output_type="MODEL")\n'
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
SHA = "0" * 64

Change = Mapping[str, str | bytes | None]


def added(line: str) -> Change:
    """A good project whose script has another line, the seventh."""
    return {"train.py": f"{SCRIPT}    {line}\n"}


def annotated(lines: str, processor: str = PROCESSOR) -> Change:
    """A good project whose script has annotations and no argparse; `lines` begin at line 4."""
    return {"train.py": f"{processor}{PATHS}{lines}\ndef f(): pass\n"}


def required(lines: str) -> Change:
    """A good project with other requirements."""
    return {"requirements.txt": lines}


WRAPPER = """\
'What pipelines start: hands folders and parameters on to work.py.'

import argparse

from work import work

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    work(source=args.input_path, target=args.output_path)

main()
"""


def wrapped(parameter: str) -> Change:
    """A good project whose entry point calls a function of a file, which has a parameter more."""
    return {
        "mlreef_entry.py": WRAPPER,
        "work.py": f"def work(source, target, {parameter}): ...\n",
        "train.py": None,
        "mlreef.toml": f'{TOML}entry_point = "mlreef_entry.py"\n',
    }


class Case(NamedTuple):
    """What breaks one rule: files (None: gone), further entries, limits; where, and the hint."""

    rule: str
    change: Change
    place: str  # path, or path:line
    hint: str
    extra: tuple[tuple[str, int, bytes], ...] = ()
    limits: Limits = Limits()


CASES = [
    # the tree
    Case("tree-path", {"a\x1b[2J\u202e.txt": ""}, "a\\x1b[2J\\u202e.txt", "rename"),
    Case("tree-path", {"../a": ""}, "../a", "rename"),
    Case("tree-path", {".GIT/config": ""}, ".GIT/config", "rename"),
    Case("tree-path", {"/etc/passwd": ""}, "/etc/passwd", "rename"),
    Case("tree-path", {"a/" + "b" * 256: ""}, "a/" + "b" * 256, "rename"),
    Case("tree-path", {"a/" * 2000 + "b": ""}, "a/" * 2000 + "b", "rename", (), Limits(depth=5000)),
    Case("tree-path", {"a\udcff": ""}, "a\\udcff", "rename"),
    Case("tree-duplicate", {}, "train.py", "anew", (("train.py", FILE, b""),)),
    Case("tree-duplicate", {"a/b": ""}, "a", "anew", (("a", SYMLINK, b"/etc"),)),
    Case("tree-case-clash", {"TRAIN.py": ""}, "TRAIN.py", "rename"),
    Case("tree-symlink", {}, "data", "inside the repository", (("data", SYMLINK, b"../data"),)),
    Case("tree-symlink", {}, "data", "inside the repository", (("data", SYMLINK, b"/data"),)),
    Case("tree-symlink", {}, "a/b", "inside the repository", (("a/b", SYMLINK, b"c/../../.."),)),
    Case("tree-symlink", {}, "data", "commit the file", (("data", SYMLINK, b""),)),
    Case("tree-symlink", {}, "data", "commit the file", (("data", SYMLINK, b"a/" * 4000),)),
    Case("tree-submodule", {}, "lib", "requirements.txt", (("lib", SUBMODULE, b""),)),
    Case(
        "tree-lfs-pointer",
        {".gitattributes": "*.h5 filter=lfs\n", "it's.h5": POINTER},
        "it's.h5",
        "git lfs untrack 'it'\"'\"'s.h5'",
    ),
    Case(
        "tree-file-too-large",
        {"data.csv": b"0" * 1001},
        "data.csv",
        "--input-path",
        limits=Limits(file_bytes=1000),
    ),
    Case("tree-too-large", {}, ".", "raise the limit", limits=Limits(tree_bytes=100)),
    Case("tree-too-many-files", {}, ".", "raise the limit", limits=Limits(files=2)),
    Case("tree-too-deep", {"a/b/c": ""}, ".", "raise the limit", limits=Limits(depth=1)),
    # mlreef.toml
    Case("toml-invalid", {"mlreef.toml": TOML + "author = \n"}, "mlreef.toml:4", "toml.io"),
    Case(
        "toml-key-unknown",
        {"mlreef.toml": TOML + 'nam = "x"\n'},
        "mlreef.toml:4",
        "did you mean name?",
    ),
    Case("toml-key-unknown", {"mlreef.toml": TOML + "[x]\n"}, "mlreef.toml:4", "below [module]"),
    Case(
        "toml-value-invalid",
        {"mlreef.toml": TOML + "title = 3\n"},
        "mlreef.toml:4",
        'title = "..."',
    ),
    Case("toml-misplaced", {"sub/mlreef.toml": TOML}, "sub/mlreef.toml", "move it"),
    Case(
        "toml-drift",
        annotated(
            "", PROCESSOR.replace("ALGORITHM", "OPERATION").replace("out", "input_type='TEXT', out")
        ),
        "mlreef.toml:2",
        "annotation: line 1",
    ),
    Case(
        "module-name-invalid",
        {"mlreef.toml": TOML + 'name = "Add Noise"\n'},
        "mlreef.toml:4",
        "small letters",
    ),
    Case(
        "module-name-invalid",
        annotated("", PROCESSOR.replace("type=", 'slug="Add Noise", type=', 1)),
        "train.py:1",
        "small letters",
    ),
    Case(
        "module-repeated",
        {"mlreef.toml": '[[module]]\nname = "a"\nkind = "model"\noutputs = ["MODEL"]\n' * 2},
        "mlreef.toml:6",
        "rename",
    ),
    Case("base-unknown", {"mlreef.toml": TOML + 'base = "gpu"\n'}, "mlreef.toml:4", "default"),
    Case(
        "kind-missing",
        {**annotated("", '@data_processor("N", output_type="MODEL")\n'), "mlreef.toml": None},
        "train.py:1",
        'type="ALGORITHM"',
    ),
    Case(
        "kind-assumed",
        {"mlreef.toml": '[module]\ninputs = ["TEXT"]\noutputs = ["TEXT"]\n'},
        "train.py",
        'kind = "..."',
    ),
    Case(
        "data-types-missing",
        {**annotated("", '@data_processor("N", type="ALGORITHM")\n'), "mlreef.toml": None},
        "train.py:1",
        'output_type="IMAGE"',
    ),
    Case(
        "data-types-missing",
        {"mlreef.toml": '[module]\nkind = "model"\noutputs = []\n'},
        "mlreef.toml:3",
        'outputs = ["IMAGE"]',
    ),
    Case(
        "data-types-assumed",
        {"mlreef.toml": '[module]\nkind = "model"\n'},
        "train.py",
        'outputs = ["IMAGE"]',
    ),
    # the entry point
    Case("entry-point-missing", {"train.py": "print()\n"}, ".", "mlreef.toml"),
    Case("entry-point-several", {"test.py": SCRIPT}, "test.py", "mlreef.toml"),
    Case(
        "entry-point-not-found",
        {"mlreef.toml": TOML + 'entry_point = "trian.py"\n'},
        "mlreef.toml:4",
        "did you mean train.py?",
    ),
    Case("syntax-error", added("def f(:"), "train.py:7", "py_compile train.py"),
    Case(
        "syntax-error",
        {"train.py": "import its.own\n" + SCRIPT, "its/own.py": "\nx = 'a\n"},
        "its/own.py:2",
        "py_compile its/own.py",
    ),
    # annotations
    Case(
        "annotation-order",
        {"train.py": f'@parameter("angle", "int")\n{PROCESSOR}{PATHS}def f(): pass\n'},
        "train.py:1",
        "below line 2",
    ),
    Case("annotation-repeated", annotated(PROCESSOR), "train.py:4", "remove"),
    Case(
        "annotation-argument", annotated('@parameter("angle", "int", nam=1)'), "train.py:4", "name"
    ),
    Case(
        "annotation-not-literal",
        annotated('@parameter("a", "int", False, f())'),
        "train.py:4",
        "30",
    ),
    Case(
        "annotation-value",
        annotated('@parameter("a", "int", "yes")'),
        "train.py:4",
        "required=True",
    ),
    # parameters
    Case("parameter-name-invalid", annotated('@parameter("a b", "int")'), "train.py:4", '"a-b"'),
    Case(
        "parameter-repeated", annotated('@parameter("input_path", "str")'), "train.py:4", "another"
    ),
    Case("parameter-type-unknown", annotated('@parameter("a", "INTEGR")'), "train.py:4", "INTEGER"),
    Case(
        "parameter-default-type",
        added('parser.add_argument("--a", type=int, default="x")'),
        "train.py:7",
        "default=3",
    ),
    Case(
        "parameter-path-missing",
        {"train.py": SCRIPT.replace("output-path", "result")},
        "train.py:6",
        '"--output-path"',
    ),
    Case(
        "parameter-drift",
        {
            "train.py": f"{PROCESSOR}{PATHS}def f(): pass\n{SCRIPT}    "
            'parser.add_argument("--angle", type=int)\n'
        },
        "train.py:11",
        '@parameter(name="angle"',
    ),
    Case("parameter-drift", wrapped("more"), "mlreef_entry.py:5", "rm mlreef_entry.py && "),
    Case("wrapper-outdated", wrapped("more=1"), "mlreef_entry.py:5", "--script work.py"),
    Case(
        "parameter-description-drift",
        {
            "train.py": PROCESSOR
            + PATHS.replace("True)", "True, description='in')", 1)
            + "def f(): pass\n"
            + SCRIPT.replace("True)", "True, help='from')", 1)
        },
        "train.py:2",
        'description="from"',
    ),
    # argparse
    Case("argparse-name-not-static", added("parser.add_argument(NAME)"), "train.py:7", "--angle"),
    Case(
        "argparse-value-not-static",
        added('parser.add_argument("--a", default=f())'),
        "train.py:7",
        "a literal",
    ),
    Case(
        "argparse-type", added('parser.add_argument("--a", type=convert)'), "train.py:7", "type=int"
    ),
    Case(
        "argparse-action", added('parser.add_argument("-v", action="count")'), "train.py:7", "store"
    ),
    Case(
        "argparse-action-required",
        added('parser.add_argument("--a", action=Own, required=True)'),
        "train.py:7",
        "type=int",
    ),
    Case("argparse-subcommands", added("parser.add_subparsers()"), "train.py:7", "[[module]]"),
    Case("argparse-parsers", added("argparse.ArgumentParser()"), "train.py:7", "parents"),
    # requirements
    Case("requirements-missing", {"requirements.txt": None}, "requirements.txt", "NAME==VERSION"),
    Case(
        "requirements-name-old",
        {"requirements.txt": None, "reuirement.txt": ""},
        "reuirement.txt",
        "rename it to requirements.txt",
    ),
    Case("requirement-invalid", required("\nnumpy=2.1.0\n"), "requirements.txt:2", "NAME==VERSION"),
    Case(
        "requirement-unpinned", required("# c\nnumpy\n"), "requirements.txt:2", "numpy==<version>"
    ),
    Case(
        "requirement-reference",
        required("foo @ git+https://git.example/foo@main\n"),
        "requirements.txt:1",
        "40 hex digits",
    ),
    Case(
        "requirement-repeated", required("numpy==2\nNumPy==3\n"), "requirements.txt:2", "keep one"
    ),
    Case(
        "requirement-hash-missing",
        required(f"a==1 --hash=sha256:{SHA}\nb==1\n"),
        "requirements.txt:2",
        "--hash=sha256:",
    ),
    Case("requirement-local", required("./wheels/a.whl\n"), "requirements.txt:1", "published"),
    Case("requirement-option", required("--find-links /srv\n"), "requirements.txt:1", "remove it"),
    Case(
        "requirement-variable", required("a==${VERSION}\n"), "requirements.txt:1", "value instead"
    ),
    Case(
        "requirement-credentials",
        required(f"https://me:pw@x.example/a.zip#sha256={SHA}\n"),
        "requirements.txt:1",
        "configuration keeps credentials",
    ),
    Case(
        "requirement-include", required("-r ../other.txt\n"), "requirements.txt:1", "another file"
    ),
]


@pytest.mark.parametrize("broken", CASES, ids=lambda each: each.rule)
def test_a_rule_is_broken_by_this_and_no_other_is(broken: Case) -> None:
    files = {path: text for path, text in {**GOOD, **broken.change}.items() if text is not None}
    tree = memory_tree(files, broken.extra)
    found = validate(tree, name="module", config=Config(limits=broken.limits)).problems
    assert [(each.rule, place(each)) for each in found] == [(broken.rule, broken.place)]
    assert broken.hint in found[0].hint
    assert found[0].severity == RULES[broken.rule].severity
    assert str(found[0]).isprintable()


def place(problem: Problem) -> str:
    """Path and line as they stand in a report."""
    return problem.path if problem.line is None else f"{problem.path}:{problem.line}"


def test_the_good_project_breaks_no_rule() -> None:
    validation = validate(memory_tree(GOOD), name="module", config=Config())
    assert validation.problems == ()
    assert [manifest.name for manifest in validation.manifests] == ["module"]


def test_every_rule_has_a_case() -> None:
    assert {each.rule for each in CASES} == RULES.keys() - TAG_RULES


def test_all_of_ten_mistakes_are_found_at_once_and_at_their_places() -> None:
    tree = read_working_tree(TEN_MISTAKES, None)
    validation = validate(tree, name="ten-mistakes", config=Config())
    assert [(each.rule, place(each)) for each in validation.problems] == [
        ("module-name-invalid", "mlreef.toml:2"),
        ("toml-key-unknown", "mlreef.toml:3"),
        ("toml-value-invalid", "mlreef.toml:4"),
        ("requirement-unpinned", "requirements.txt:2"),
        ("requirement-local", "requirements.txt:4"),
        ("requirement-repeated", "requirements.txt:5"),
        ("annotation-value", "train.py:11"),
        ("parameter-type-unknown", "train.py:13"),
        ("parameter-drift", "train.py:14"),
        ("parameter-path-missing", "train.py:19"),
    ]
    assert {each.severity for each in validation.problems} == {"error"}

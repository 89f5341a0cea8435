"""What `init` proposes for a script, as values: paths, kinds, requirements, and the files."""

import ast
import sys
import tomllib

import pytest

from mlreef_hooks.config import Config
from mlreef_hooks.manifest import Parameter
from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.function_wrapper import TAKEN
from mlreef_hooks.proposal.kinds import propose_kind
from mlreef_hooks.proposal.module_file import write_module_file
from mlreef_hooks.proposal.paths import Takes, find_paths
from mlreef_hooks.proposal.plan import Wanted, plan_script, plan_skeleton, settle
from mlreef_hooks.proposal.requirement_file import (
    Imported,
    RequirementFile,
    external_imports,
    write_requirements,
)
from mlreef_hooks.proposal.script import Script, find_scripts, read_script
from mlreef_hooks.requirement_pinning import Installed
from mlreef_hooks.source.wrapped_script import WRAPPER
from mlreef_hooks.validation import validate
from tests.support.trees import memory_tree

PARSED = """\
import argparse
{imports}
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Does things")
{arguments}
    parser.parse_args()
"""
NOTHING = RequirementFile(text="", unpinned=())


def script_of(*arguments: str, imports: str = "") -> Script:
    """The script with these `add_argument` calls."""
    calls = "\n".join(f"    parser.add_argument({each})" for each in arguments)
    return read("turn.py", PARSED.format(imports=imports, arguments=calls))


def read(path: str, source: str) -> Script:
    """The script with this source."""
    script = read_script(memory_tree({path: source}), path, "3.11", Problems())
    assert script is not None
    return script


def files_for(script: Script) -> dict[str, str]:
    """The files that are planned for a script."""
    paths = find_paths(script.parameters)
    settled = settle(Wanted(), propose_kind(script, paths), paths, script)
    return dict(plan_script(script, paths, settled, NOTHING).files)


def name(parameter: Parameter | None) -> str | None:
    """The name of a parameter that was found."""
    return parameter.name if parameter else None


@pytest.mark.parametrize(
    ("arguments", "source", "reads", "target", "writes"),
    [
        (['"infile"', '"outfile"'], "infile", Takes.FILE, "outfile", Takes.FILE),
        (['"files", nargs="+"'], "files", Takes.FILES, None, Takes.NOTHING),
        (['"-i", "--input"', '"-o", "--output"'], "input", Takes.FILE, "output", Takes.FILE),
        (['"--in-dir"', '"--out_dir"'], "in-dir", Takes.FOLDER, "out_dir", Takes.FOLDER),
        (['"--input", help="a directory"'], "input", Takes.FOLDER, None, Takes.NOTHING),
        (['"--logfile"', '"--outfile"'], None, Takes.NOTHING, "outfile", Takes.FILE),
        (['"expression"', '"--filename"'], "filename", Takes.FILE, None, Takes.NOTHING),
        (['"what"', '"--level"'], "what", Takes.FILE, None, Takes.NOTHING),
        (['"--input", action="store_true"'], None, Takes.NOTHING, None, Takes.NOTHING),
        (['"--data", type=int'], None, Takes.NOTHING, None, Takes.NOTHING),
    ],
)
def test_input_and_output_are_told_by_their_names(
    arguments: list[str], source: str | None, reads: Takes, target: str | None, writes: Takes
) -> None:
    paths = find_paths(script_of(*arguments).parameters)
    assert (name(paths.source), paths.reads) == (source, reads)
    assert (name(paths.target), paths.writes) == (target, writes)


@pytest.mark.parametrize(
    ("imports", "arguments", "kind", "inputs", "outputs"),
    [
        ("from PIL import Image", ['"--input"'], "data-operation", "IMAGE", "IMAGE"),
        ("import pandas as pd", ['"--input"'], "data-operation", "TABULAR", "TABULAR"),
        ("import matplotlib", ['"csv_file"'], "data-visualization", "TABULAR", "IMAGE"),
        ("import sklearn\nsklearn.x.fit(1)", ['"--word"'], "model", None, "MODEL"),
        ("import sklearn\nsklearn.x.fit(1)", ['"--csv"'], "model", "TABULAR", "MODEL"),
        ("import sklearn", ['"--word"'], None, None, None),
        ("", ['"infile", help="an xlsx file"'], "data-operation", "TABULAR", "TABULAR"),
        ("", ['"--times", type=int'], None, None, None),
    ],
)
def test_the_kind_is_told_by_imports_and_words(
    imports: str, arguments: list[str], kind: str | None, inputs: str | None, outputs: str | None
) -> None:
    script = script_of(*arguments, imports=imports)
    proposal = propose_kind(script, find_paths(script.parameters))
    assert (proposal.kind, proposal.inputs, proposal.outputs) == (kind, inputs, outputs)


def test_what_a_script_makes_is_told_by_its_name() -> None:
    argument = "    parser.add_argument('docx')"
    script = read("docx2txt.py", PARSED.format(imports="", arguments=argument))
    proposal = propose_kind(script, find_paths(script.parameters))
    assert (proposal.inputs, proposal.outputs) == ("BINARY", "TEXT")
    wrapper = files_for(script)[WRAPPER]
    assert '.with_suffix(".txt")' in wrapper
    assert "stdout=printed" in wrapper


def test_an_entry_point_as_it_should_be_gets_no_wrapper() -> None:
    script = script_of('"--input-path", required=True', '"--output-path", required=True')
    files = files_for(script)
    assert WRAPPER not in files
    assert tomllib.loads(files["mlreef.toml"])["module"]["entry_point"] == "turn.py"


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (['"x", action=Own'], "argparse-action-required"),
        (['"x"); parser.add_subparsers('], "argparse-subcommands"),
    ],
)
def test_what_no_wrapper_can_hand_on_is_left_to_the_check(arguments: list[str], rule: str) -> None:
    script = script_of(*arguments)
    files = files_for(script)
    assert script.refused == rule
    assert WRAPPER not in files
    source = PARSED.format(imports="", arguments=f"    parser.add_argument({arguments[0]})")
    checked = validate(memory_tree({**files, "turn.py": source}), name="turn", config=Config())
    assert rule in {each.rule for each in checked.problems}


EVERYTHING = (
    '"infile", nargs="+", help="text files"',
    '"--out-dir"',
    '"--times", type=int, default=3, help="how often, 100%% sure"',
    '"--name", required=True, choices=["a", "b"]',
    '"--from", default="it\'s \\"so\\""',
    '"-t"',
    '"--quiet", "-q", action="store_true"',
    '"--no-colour", action="store_false"',
    '"--turn", action=argparse.BooleanOptionalAction, default=True',
    '"--add", action="append", type=int',
    '"--pair", nargs=2, type=float',
    '"--sheet", type=sheet, default=1',
)


def test_a_wrapper_declares_every_parameter_and_passes_the_check() -> None:
    script = script_of(*EVERYTHING)
    files = files_for(script)
    checked = validate(
        memory_tree({**files, "turn.py": ast.unparse(script.module)}), name="turn", config=Config()
    )
    assert checked.problems == ()
    (module,) = checked.manifests
    known = {each.name: each for each in module.parameters}
    assert [*known] == [
        "input-path", "output-path", "times", "name", "from", "t", "quiet", "no-colour", "turn",
        "add", "pair", "sheet",
    ]  # fmt: skip
    assert (known["times"].type, known["times"].default) == ("integer", 3)
    assert known["times"].description == "how often, 100% sure"
    assert known["from"].default == 'it\'s "so"'
    assert known["name"].choices == ("a", "b")
    assert known["name"].required
    assert (known["pair"].nargs, known["add"].repeated) == (2, True)


FUNCTION = '''\
from typing import Literal


def shrink(image_dir: str, out_dir: str, by: float = 0.5, mode: Literal["a", "b"] = "a") -> None:
    """Shrinks pictures.

    :param by: how much
    """
'''


def test_a_function_becomes_an_entry_point_by_its_signature() -> None:
    script = read("small.py", FUNCTION)
    assert (script.function, script.description) == ("shrink", "Shrinks pictures.")
    files = files_for(script)
    assert "from small import shrink\n" in files[WRAPPER]
    assert (
        "    shrink(image_dir=str(source), out_dir=str(result), by=args.by, mode=args.mode)\n"
        in files[WRAPPER]
    )
    checked = validate(memory_tree({**files, "small.py": FUNCTION}), name="small", config=Config())
    assert checked.problems == ()
    by = next(each for each in checked.manifests[0].parameters if each.name == "by")
    assert (by.type, by.default, by.description, by.required) == ("float", 0.5, "how much", False)


@pytest.mark.parametrize("name", ["main", "files_of", "args"])
def test_a_function_named_as_a_part_of_the_wrapper_is_called(name: str) -> None:
    text = files_for(read("small.py", FUNCTION.replace("shrink", name)))[WRAPPER]
    assert f"from small import {name} as run_{name}\n" in text
    assert f"    run_{name}(image_dir=" in text


def test_a_function_keeps_the_defaults_that_no_parser_shows() -> None:
    source = "def work(in_dir, out_dir, size=(2, 2), by=made(), times=3): ..."
    text = files_for(read("small.py", source))[WRAPPER]
    module = ast.parse(text)
    (called,) = (
        each
        for each in ast.walk(module)
        if isinstance(each, ast.Call) and called_name(each) == "work"
    )
    assert [each.arg for each in called.keywords] == ["in_dir", "out_dir", "times", None]
    assert 'for name in ["size", "by"]}' in text


def called_name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def test_every_name_of_the_wrapper_is_known_to_be_taken() -> None:
    module = ast.parse(files_for(read("small.py", FUNCTION.replace("0.5", "made()")))[WRAPPER])
    names = {each.id for each in ast.walk(module) if isinstance(each, ast.Name)}
    assert "options" in names
    assert names - {"shrink", "parser", "path", "name", "value"} <= TAKEN


def test_a_function_that_no_import_can_name_is_not_called() -> None:
    assert read("make-small.py", FUNCTION).function == ""
    assert read("v2/small.py", FUNCTION).function == "shrink"
    assert "SCRIPT = " in files_for(read("make-small.py", FUNCTION))[WRAPPER]


@pytest.mark.parametrize("arguments", [EVERYTHING, ['"--in-dir"', '"--out-dir"']])
def test_annotations_say_what_the_parser_does(arguments: list[str]) -> None:
    script = script_of(*arguments)
    paths = find_paths(script.parameters)
    wanted = Wanted(annotate=True, inputs="IMAGE", title='A "title"')
    settled = settle(wanted, propose_kind(script, paths), paths, script)
    files = plan_script(script, paths, settled, NOTHING).files
    assert files[WRAPPER].count("@parameter(") == len(arguments)
    source = {"turn.py": ast.unparse(script.module)}
    for tree in ({**files, **source}, plan_skeleton(wanted).files):
        checked = validate(memory_tree(dict(tree)), name="turn", config=Config())
        assert checked.problems == ()
        assert checked.manifests[0].title == 'A "title"'


def test_parameters_that_cannot_be_read_are_told() -> None:
    script = script_of('"infile"', "NAMES[0]")
    paths = find_paths(script.parameters)
    settled = settle(Wanted(), propose_kind(script, paths), paths, script)
    (told,) = [n for n in plan_script(script, paths, settled, NOTHING).notes if "left out" in n]
    assert told == "some parameters of turn.py cannot be read from it, and are left out"


ANNOTATED = """\
def data_processor(*_, **__):
    return lambda function: function

parameter = data_processor

@data_processor(name="Small", type="OPERATION", input_type=["IMAGE", "TEXT"], output_type="IMAGE",
                description="Makes small")
@parameter("in-path", "STRING", required=True, description="pictures")
@parameter("by", "INTEGER", required=False, defaultValue=2, description="how much")
def shrink(in_path, by):
    pass
"""


def test_annotations_become_the_argparse_half_of_an_entry_point() -> None:
    script = read("small.py", ANNOTATED)
    files = files_for(script)
    argument = '    parser.add_argument("--by", type=int, default=2, help="how much")\n'
    assert argument in files[WRAPPER]
    assert "shrink(in_path=str(" in files[WRAPPER]
    tree = memory_tree({**files, "small.py": ANNOTATED})
    checked = validate(tree, name="small", config=Config())
    assert checked.problems == ()
    (module,) = checked.manifests
    assert (module.title, module.description) == ("Small", "Makes small")
    assert (module.inputs, module.outputs) == (("IMAGE", "TEXT"), ("IMAGE",))


def test_a_skeleton_passes_the_check() -> None:
    plan = plan_skeleton(Wanted(name="mine", inputs="TEXT"))
    checked = validate(memory_tree(dict(plan.files)), name="ignored", config=Config())
    assert checked.problems == ()
    assert (checked.manifests[0].name, checked.manifests[0].inputs) == ("mine", ("TEXT",))


def test_the_scripts_of_a_folder_are_those_with_a_parser() -> None:
    parsed = PARSED.format(imports="", arguments="")
    files = {"b.py": parsed, "lib/a.py": parsed, "setup.py": parsed, "tests/t.py": parsed}
    assert find_scripts(memory_tree({**files, "c.py": ""}), "3.11") == ["b.py", "lib/a.py"]
    assert find_scripts(memory_tree({"c.py": "", "setup.py": ""}), "3.11") == ["c.py"]


def test_a_module_file_is_toml_whatever_it_is_told() -> None:
    text = write_module_file(
        name=None, title='"q" \\ \x00\ud800é', description="", kind="model", entry_point="a.py",
        inputs="ANY", outputs="MODEL", base=None,
    )  # fmt: skip
    table = tomllib.loads(text)["module"]
    assert table == {
        "title": '"q" \\   é', "kind": "model", "entry_point": "a.py", "inputs": ["ANY"],
        "outputs": ["MODEL"],
    }  # fmt: skip
    keys = {line.removeprefix("# ").split(" = ")[0] for line in text.splitlines() if " = " in line}
    assert {"name", "description", "base", "gpu", "memory", *table} <= keys


def test_imports_become_pinned_requirements() -> None:
    files = {
        "turn.py": "import os, cv2, yaml.nodes, near, lost\nfrom google.cloud import storage\n"
        "try:\n    import ujson\nexcept ImportError:\n    import json\n"
        "def late():\n    import tqdm, gone\n",
        "near.py": "import numpy as np\n",
    }
    found = external_imports("turn.py", memory_tree(files), "3.11", sys.stdlib_module_names)
    assert Imported(name="numpy", optional=False) in found
    assert Imported(name="ujson", optional=True) in found
    assert not {each.name for each in found} & {"os", "json", "near"}
    providers = {
        "cv2": "opencv-python-headless", "yaml": "PyYAML", "numpy": "numpy", "tqdm": "tqdm",
        "google.cloud.storage": "google-cloud-storage",
    }  # fmt: skip
    names = ("opencv-python-headless", "pyyaml", "numpy", "tqdm", "google-cloud-storage")
    installed = {each: Installed(version="1.0") for each in names}
    written = write_requirements(found, providers, installed)
    assert written.text.splitlines() == [
        "PyYAML==1.0", "google", "google-cloud-storage==1.0", "lost", "numpy==1.0",
        "opencv-python-headless==1.0", "tqdm==1.0",
    ]  # fmt: skip
    assert written.unpinned == ("google", "lost")

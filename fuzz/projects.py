"""What authors write: `mlreef.toml`, requirements, Python source, and all of it at once."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from fuzz.harness import PART, Harness, check_findings, check_refusal, parts_of
from mlreef_hooks.command_line import complete_values, write_arguments
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import image_config
from mlreef_hooks.image_plan import plan_image
from mlreef_hooks.index_check import check_document
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.module_toml import ModuleTable, read_module_tables
from mlreef_hooks.problems import Problems
from mlreef_hooks.requirements import Requirements, read_requirements
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.validation import validate
from mlreef_hooks.wheels.lock import SourceNeeded
from mlreef_hooks.wheels.wanted import read_wanted
from tests.index_entries import make_entry
from tests.support.trees import memory_tree

_CONFIG = Config(state="/nowhere")
_TOML = '[module]\nkind = "data-operation"\ninputs = ["ANY"]\noutputs = ["ANY"]\n'
_LABEL_BYTES = 8 << 20
_UNSAFE = re.compile(
    r"(?:^|\s)(?:-e|-f|--find-links|--editable|--global-option)|(?:^|\s)file:|\$\{"
)
_PASSWORD = re.compile(r"//[^/\s@:]*:[^/\s@]+@")


def check_module_toml(data: bytes) -> bool:
    """The document becomes tables or findings, each in a line that the file has."""
    problems = Problems()
    tables = read_module_tables(memory_tree({"mlreef.toml": data}), problems)
    check_findings(problems)
    lines = data.count(b"\n") + 1
    assert all(each.line is None or each.line <= lines for each in problems), [*problems]
    for table in tables:
        _check_table(table, lines)
    return problems.publishable


def _check_table(table: ModuleTable, lines: int) -> None:
    assert all(1 <= line <= lines for line in table.lines.values()), table
    for name, value in table.environment.items():
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name), name
        assert "\0" not in value
        value.encode()


def check_requirements(data: bytes) -> bool:
    """What is taken is safe to give to pip, and read again it is the same."""
    first, second = parts_of(data, 2)
    taken = False
    for allowed in (False, True):
        problems = Problems()
        tree = memory_tree({"requirements.txt": first, "more.txt": second})
        found = read_requirements(tree, "requirements.txt", problems, allow_index_options=allowed)
        check_findings(problems)
        assert not any(_PASSWORD.search(str(each)) for each in problems), [*problems]
        if problems.publishable:
            _check_read_again(found, allowed=allowed)
            _check_wanted(found)
            taken = True
    return taken


def _check_read_again(found: Requirements, *, allowed: bool) -> None:
    for text in found.files.values():
        assert not _UNSAFE.search(text), text
        assert not _PASSWORD.search(text), text
    problems = Problems()
    tree = memory_tree(found.files)
    again = read_requirements(tree, "requirements.txt", problems, allow_index_options=allowed)
    assert again == found, (again, found)
    assert problems.publishable, [*problems]


def _check_wanted(found: Requirements) -> None:
    try:
        wanted = read_wanted(found.files)
    except SourceNeeded:
        return
    except PublishError as error:
        check_refusal(error)
    else:
        assert not any("--hash" in line for line in (*wanted.lines, *wanted.constraints))


def check_source(data: bytes) -> bool:
    """An entry point is read without running it; what it declares can be published."""
    return _check_project({"main.py": data, "mlreef.toml": _TOML, "requirements.txt": ""})


def check_project(data: bytes) -> bool:
    """A whole tree of hostile files becomes findings, or a module that fits the index."""
    source, toml, requirements = parts_of(data, 3)
    return _check_project(
        {"main.py": source, "mlreef.toml": toml, "requirements.txt": requirements}
    )


def _check_project(files: Mapping[str, str | bytes]) -> bool:
    tree = memory_tree(files)
    validation = validate(tree, name="main", config=_CONFIG)
    check_findings(validation.problems)
    for manifest in validation.manifests if validation.publishable else ():
        _check_manifest(manifest, tree)
    return validation.publishable


def _check_manifest(manifest: ModuleManifest, tree: SourceTree) -> None:
    entry = replace(make_entry(name=manifest.name), manifest=manifest)
    document = json.loads(json.dumps(entry.document(), allow_nan=False))
    check_document("module", document, "module.json")
    spec = plan_image(entry, tree, 0, "mlreef")
    assert all("\0" not in text for text in (*spec.labels.values(), *spec.environment.values()))
    assert len(image_config(spec, ["sha256:" + "1" * 64])) < _LABEL_BYTES
    (version,) = document["versions"]
    paths = {"input-path": "/in", "output-path": "/out"}
    try:
        values = complete_values(version["parameters"], {}, paths)
        words = write_arguments(version["parameters"], values)
    except PublishError as error:
        check_refusal(error)
    else:
        assert all("\0" not in word for word in words), words


_ARGPARSE = b"""import argparse
NAMES = ["a", "b"]
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="x")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--size", type=int, default=1, choices=[1, 2], help="how")
    parser.add_argument("--flag", action="store_true")
    parser.add_argument("-n", "--names", nargs="+", choices=NAMES, default=["a"])
    parser.add_argument("rest", nargs="*", type=float, default=[-1.5e3])
    parser.parse_args()
"""
_ANNOTATED = b"""from mlreef.annotations import data_processor, parameter, metric
@data_processor(name="X", author="A", type="ALGORITHM", description="d", visibility="PUBLIC",
                input_type="IMAGE", output_type="MODEL")
@parameter(name="input-path", type="STRING", required=True)
@parameter(name="output-path", type="STRING", required=True, defaultValue="x")
@parameter("z", "Integer", False, "1", "help")
@metric(name="recall", ground_truth="t", prediction="p")
def init_params():
    pass
"""
_WORDS = (
    b"parser.add_argument(", b"--x", b"type=", b"nargs=", b"default=", b"choices=", b"action=",
    b"dest=", b"metavar=", b'"store_const"', b"const=", b"required=True", b"add_subparsers()",
    b"BooleanOptionalAction", b"lambda x: x", b"[1, 2]", b"{}", b"1e999", b"1j", b"None", b"f''",
    b"@data_processor(", b"@parameter(", b"name=", b"'LIST'", b'"[]"', b"**x", b"*x", b"\n    ",
    b"argparse.", b"import ", b"from . import ", b'"\\ud800"', b"\\0", b"\xff", b"# coding: latin",
)  # fmt: skip
_MODULE = b"""[module]
name = "add-noise"
title = "t"
kind = "model"
licenses = "MIT"
visibility = "private"
entry_point = "main.py"
requirements = "requirements.txt"
base = "default"
inputs = ["IMAGE"]
outputs = ["ANY"]
environment = {A = "b"}
[module.resources]
gpu = true
memory = "4g"
"""
_TOML_WORDS = (
    b"[module]\n", b"[[module]]\n", b"[module.environment]", b"name =", b"'''", b'"""', b"\\u0000",
    b"\\ud800", b"1979-05-27", b"inf", b"nan", b"{a.b = 1}", b"[[1, 2], {}]", b"a.b.c.d.e = 1\n",
    b'"a\\"b" = ', b"'a.b' = ", b"# x\n", b"\r\n", b"\xef\xbb\xbf", b"0x1", b"memory = ",
)  # fmt: skip
_REQUIREMENTS = (
    b"numpy==1.26.4\nscipy[x]==1.0; python_version<'3.12'\n",
    b"numpy==1.26.4 --hash=sha256:" + b"a" * 64 + b"\n",
    b"a @ git+https://h/p@" + b"4" * 40 + b"\nb @ https://h/b.zip#sha256=" + b"b" * 64 + b"\n",
    b"-r more.txt\n-c more.txt\n--require-hashes\n" + PART + b"x==1 \\\n  # c\n",
    b"git+https://h/p@" + b"4" * 40 + b"#egg=x\nhttps://h/y-1-py3-none-any.whl#sha256=" + b"c" * 64,
    b"--index-url https://h/simple\n--pre\n--no-binary :all:\ny===1\n",
)
_REQUIREMENT_WORDS = (
    b"==1.0", b" @ ", b"git+https://h/p@" + b"4" * 40, b"#egg=", b"--hash=sha256:", b"a" * 64, b";",
    b"python_version < '3'", b" and ", b"(", b")", b"\\\n", b" #", b"-r ", b"-c ", b"-e ", b"${X}",
    b"file:///etc/passwd", b"--", b"://u:p@h/", b"?token=x", b"[a,b]", b"\xff\xfe", b"\xe2\x80\xae",
    b"\x0c", b"\xc2\x85", b"'\"'", b"extra == ", b"%0a", b".whl", b"#sha256=", b"&", PART,
)  # fmt: skip
HARNESSES = {
    "module_toml": Harness(check_module_toml, (_MODULE,), _TOML_WORDS),
    "requirements": Harness(check_requirements, _REQUIREMENTS, _REQUIREMENT_WORDS),
    "annotations": Harness(check_source, (_ANNOTATED,), _WORDS),
    "argparse": Harness(check_source, (_ARGPARSE,), _WORDS),
    "project": Harness(
        check_project,
        (
            _ARGPARSE + PART + _MODULE + PART + _REQUIREMENTS[0],
            _ANNOTATED + PART + b"[module]\n" + PART,
        ),
        (*_TOML_WORDS, *_WORDS, PART),
    ),
}

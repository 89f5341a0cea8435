"""mlreef.toml: every key's values and faults, each at its line, whatever was pushed."""

import time
import tracemalloc

import pytest

from mlreef_hooks.manifest import Resources
from mlreef_hooks.module_keys import READERS
from mlreef_hooks.module_toml import ModuleTable, read_module_tables
from mlreef_hooks.problems import Problem, Problems
from mlreef_hooks.toml_lines import KeyLines
from mlreef_hooks.tree_entry import FILE, SUBMODULE, SYMLINK
from tests.support.trees import memory_tree


def read(text: str | bytes) -> tuple[tuple[ModuleTable, ...], list[Problem]]:
    """The modules of a `mlreef.toml` and the findings about it."""
    problems = Problems()
    return read_module_tables(memory_tree({"mlreef.toml": text}), problems), list(problems)


def read_one(text: str | bytes) -> ModuleTable:
    """The only module of a `mlreef.toml` without any finding."""
    (module,), problems = read(text)
    assert problems == []
    return module


def places(text: str | bytes) -> list[tuple[str, int | None]]:
    """Rule and line of each finding about a `mlreef.toml`."""
    return [(each.rule, each.line) for each in read(text)[1]]


EVERYTHING = """\
[module]
name = "add-noise"
title = "Add Noise"
description = \"\"\"
Adds noise.

  To pictures.\"\"\"
kind = "data-operation"
author = "Ada \u00e9"
licenses = "MIT"
tags = ["noise", "speckle-noise", "noise"]
visibility = "internal"
entry_point = "src/add_noise.py"
requirements = "src/requirements.txt"
base = "gpu"
inputs = ["IMAGE", "video"]
outputs = ["TIME_SERIES"]
picture = "docs/preview.png"

[module.environment]
A = "1"
_b2 = "x\\ny"

[module.resources]
gpu = true
memory = "512m"
"""
MODULE = ModuleTable(
    name="add-noise",
    title="Add Noise",
    description="Adds noise.\n\n  To pictures.",
    kind="data-operation",
    author="Ada \u00e9",
    licenses="MIT",
    tags=("noise", "speckle-noise"),
    visibility="internal",
    entry_point="src/add_noise.py",
    requirements="src/requirements.txt",
    base="gpu",
    inputs=("IMAGE", "VIDEO"),
    outputs=("TIME_SERIES",),
    environment={"A": "1", "_b2": "x\ny"},
    resources=Resources(gpu=True, memory="512m"),
    picture="docs/preview.png",
)


@pytest.mark.parametrize(
    "content",
    [
        EVERYTHING.encode(),
        b"\xef\xbb\xbf" + EVERYTHING.encode(),
        EVERYTHING.replace("\n", "\r\n").encode(),
        EVERYTHING.replace("[module]", "[[module]]").encode(),
        EVERYTHING.replace("[module]", "[ 'module' ]  # one").encode(),
    ],
    ids=["plain", "byte order mark", "crlf", "array", "quoted"],
)
def test_every_key_is_read_with_its_line(content: bytes) -> None:
    module = read_one(content)
    assert module == MODULE
    assert module.lines.keys() == READERS.keys()
    assert (module.lines["name"], module.lines["kind"], module.lines["resources"]) == (2, 8, 24)


@pytest.mark.parametrize("content", ["", "# nothing\n", "[module]\n", "module = {}\n"])
def test_nothing_is_said(content: str) -> None:
    assert read_one(content) == ModuleTable()


def test_there_is_no_mlreef_toml() -> None:
    problems = Problems()
    assert read_module_tables(memory_tree({"mlreef.toml/x": ""}), problems) == (ModuleTable(),)
    assert list(problems) == []


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("model", "model"),
        ("ALGORITHM", "model"),
        ("Data-Operation", "data-operation"),
        ("operation", "data-operation"),
        ("VISUALIZATION", "data-visualization"),
    ],
)
def test_kinds_in_both_vocabularies(word: str, kind: str) -> None:
    assert read_one(f'module.kind = "{word}"').kind == kind


@pytest.mark.parametrize(
    "text",
    [
        'module.name = "x"\nmodule.resources.gpu = true\n',
        'module = { name = "x", resources = { gpu = true } }\n',
        '[module]\n"name" = "x"\nresources.gpu = true\n',
        '[module.resources]\ngpu = true\n[module]\nname = "x"\n',
        'module = [{ name = "x", resources = { gpu = true } }]\n',
    ],
)
def test_toml_may_say_it_in_many_ways(text: str) -> None:
    assert read_one(text) == ModuleTable(name="x", resources=Resources(gpu=True))


def test_several_modules() -> None:
    modules, problems = read('[[module]]\nname = "a"\n[[module]]\nname = "b"\nkind = "model"\n')
    assert modules == (ModuleTable(name="a"), ModuleTable(name="b", kind="model"))
    assert problems == []
    assert modules[1].lines == {"name": 4, "kind": 5}


def test_data_types_stand_once() -> None:
    assert read_one('module.inputs = ["IMAGE", "image", "TEXT"]').inputs == ("IMAGE", "TEXT")
    assert read_one("module.inputs = []").inputs == ()


# -- what is wrong ---------------------------------------------------------------------------------

VALUES = [
    "3", "-1", "1.5", "inf", "nan", "1e400", "true", "2026-11-23", "2026-11-23T02:33:00Z",
    "02:33:00", "[]", "[[]]", "{}", "{a = {b = 1}}", '""', '" "', "9" * 4000, '["", 3, {}]',
    '"' + "x" * 20_000 + '"', '"\\u0000\\u202e\\u001b[31m"',
]  # fmt: skip
TAKEN = {  # the values above that a key takes
    "inputs": {"[]"},
    "outputs": {"[]"},
    "environment": {"{}"},
    "resources": {"{}"},
    "tags": {"[]"},
    "title": {'"\\u0000\\u202e\\u001b[31m"'},
    "description": {'"\\u0000\\u202e\\u001b[31m"'},
    "author": {'"\\u0000\\u202e\\u001b[31m"'},
    "licenses": {'"\\u0000\\u202e\\u001b[31m"'},
    "entry_point": {'"\\u0000\\u202e\\u001b[31m"'},
    "requirements": {'"\\u0000\\u202e\\u001b[31m"'},
    "base": {'"\\u0000\\u202e\\u001b[31m"'},
    "picture": {'"\\u0000\\u202e\\u001b[31m"'},
}


@pytest.mark.parametrize("key", READERS)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:12])
def test_a_value_of_another_type_is_a_finding_at_its_line(key: str, value: str) -> None:
    (module,), problems = read(f"[module]\n\n{key} = {value}\n")
    assert {each.line for each in problems} == (set() if value in TAKEN.get(key, ()) else {3})
    assert all(str(each).isprintable() and len(str(each)) < 400 for each in problems)
    assert module.lines == {key: 3}


@pytest.mark.parametrize(
    ("line", "rule", "said", "hint"),
    [
        ('name = "Add"', "module-name-invalid", '"Add" is not a module name', "small letters"),
        ('name = "a--b"', "module-name-invalid", '"a--b"', "single"),
        ('name = "a/b"', "module-name-invalid", '"a/b"', "small letters"),
        (f'name = "{"a" * 101}"', "module-name-invalid", "aaa...", "100"),
        ("name = 3", "module-name-invalid", "3 is not a module name", "small letters"),
        ('kind = "modle"', "toml-value-invalid", 'kind is "modle"', "did you mean model?"),
        ("kind = true", "toml-value-invalid", "kind is true", "write one of model"),
        ("kind = [1]", "toml-value-invalid", "kind is a list", "write one of model"),
        ('visibility = "pubic"', "toml-value-invalid", "visibility", "did you mean public?"),
        ('inputs = "IMAGE"', "toml-value-invalid", "is not a list", 'inputs = ["IMAGE"]'),
        ('inputs = ["IMAGES"]', "toml-value-invalid", '"IMAGES"', "did you mean IMAGE?"),
        ('tags = "noise"', "toml-value-invalid", "not a list of up to 20 words", "tags = ["),
        (f"tags = {['a'] * 21}", "toml-value-invalid", "not a list of up to 20", "tags = ["),
        ('tags = ["a", "Loud Noise"]', "toml-value-invalid", '"Loud Noise" is no', "small letters"),
        (f'tags = ["{"a" * 31}"]', "toml-value-invalid", "is not a tag", "30"),
        ("tags = [1]", "toml-value-invalid", "1 is not a tag", "small letters"),
        ("environment = 3", "toml-value-invalid", "is not a table", "[module.environment]"),
        ('environment."A B" = ""', "toml-value-invalid", '"A B" is not the name', "letters"),
        ("environment.A = 3", "toml-value-invalid", "A is not a text", 'A = "..."'),
        ('environment.A = "\\u0000"', "toml-value-invalid", "A is not a text", 'A = "..."'),
        ("resources = 3", "toml-value-invalid", "is not a table", "[module.resources]"),
        ("resources.gpu = 1", "toml-value-invalid", "gpu is 1", "true or false"),
        ("resources.memory = 4", "toml-value-invalid", "memory is 4", 'memory = "4g"'),
        ('resources.memory = "4 GB"', "toml-value-invalid", '"4 GB"', 'memory = "4g"'),
        (f'resources.memory = "{"9" * 30}g"', "toml-value-invalid", "memory", '"4g"'),
        ("resources.gpus = 1", "toml-key-unknown", "[module.resources]", "did you mean gpu?"),
        ("descripton = 1", "toml-key-unknown", '"descripton"', "did you mean description?"),
        ('"\\u202e" = 1', "toml-key-unknown", "\\u202e", "write one of name"),
    ],
)
def test_a_fault_says_what_is_wrong_and_what_to_write(
    line: str, rule: str, said: str, hint: str
) -> None:
    _, problems = read(f"[module]\n{line}\n")
    assert [(each.rule, each.path, each.line) for each in problems] == [(rule, "mlreef.toml", 2)]
    assert said in problems[0].message
    assert hint in problems[0].hint


def test_a_fault_leaves_the_other_keys_as_they_are() -> None:
    (module,), problems = read('[module]\nname = "A"\nkind = "model"\ninputs = ["X", "TEXT"]\n')
    assert (module.name, module.kind, module.inputs) == (None, "model", ("TEXT",))
    assert [each.line for each in problems] == [2, 4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("modul = 1\n[module]\n[x]\n", [("toml-key-unknown", 1), ("toml-key-unknown", 3)]),
        ("module = 3\n", [("toml-value-invalid", 1)]),
        ("\nmodule = [1, 2]\n", [("toml-value-invalid", 2)]),
        ("module = []\n", [("toml-value-invalid", 1)]),
        ('[[module]]\nname = "a"\n[[module]]\nkind = "model"\n', [("toml-value-invalid", 3)]),
        ('[[module]]\nname = "a"\n\n[[module]]\nname = "a"\n', [("module-repeated", 5)]),
        ('[[module]]\nname = "A"\n[[module]]\nname = "A"\n', [("module-name-invalid", 2),
                                                             ("module-name-invalid", 4)]),
        ('[[module]]\nname = "a"\n[[module]]\nname = "b"\nnam = 1\n', [("toml-key-unknown", 5)]),
        ('[[module]]\nname = "a"\n[module.environment]\nA = 1\n', [("toml-value-invalid", 4)]),
        ('[[module]]\nname = "a"\n[[module]]\nname = "b"\nenvironment.A = 1\n',
         [("toml-value-invalid", 5)]),
        ('module = [\n  {name = "a"},\n  {name = "b", nam = 1},\n]\n', [("toml-key-unknown", 1)]),
        ("[module]\ninputs = [\n  'TEXT',\n  'TEXTS',\n]\ntitel = 1\n",
         [("toml-value-invalid", 2), ("toml-key-unknown", 6)]),
        ('[module]\ndescription = """\nnam = 1\n[x]\n"""\nnam = 1\n', [("toml-key-unknown", 6)]),
        ("[module]\ntitle = '''\n\"\"\"'''\nnam = 1\n", [("toml-key-unknown", 4)]),
        ('[module]\n"na\\u006d" = 1\n', [("toml-key-unknown", 2)]),
        ("# \u2028 \x85\n[module]\nnam = 1\n", [("toml-key-unknown", 3)]),
        ("\ufeff[module]\r\n\r\nnam = 1\r\n", [("toml-key-unknown", 3)]),
    ],
)  # fmt: skip
def test_the_line_of_a_finding(text: str, expected: list[tuple[str, int]]) -> None:
    assert places(text) == expected


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("[module]\nkind = \n", 2, ""),
        ("a = [1, 2\n\n\n", 1, ""),
        ("[module]\n[module]\n", 2, ""),
        ("\n\nx = 1\nx = 2\n", 4, ""),
        ("\na = '\x1b\u202e'\n", 2, ""),
        (b"[module]\n\ntitle = '\xff'\n", 3, "it is not UTF-8"),
        ("[module]\ntitle = 3".encode("utf-16"), 1, "it is not UTF-8"),
        ("x = " + "9" * 5000, None, "a number has too many digits"),
        ("x = " + "[" * 5000, None, "it is nested too deeply"),
        ("x = " + "{a = " * 5000, None, "it is nested too deeply"),
        ("x" * 30_000 + "\n", 1, ""),
        (("[" + "x" * 15_000 + "]\n") * 2, 2, ""),
    ],
)
def test_what_is_no_toml(content: str | bytes, line: int | None, said: str) -> None:
    (module,), problems = read(content)
    assert [(each.rule, each.path, each.line) for each in problems] == [
        ("toml-invalid", "mlreef.toml", line)
    ]
    assert problems[0].message.startswith(f"this is not TOML: {said}")
    assert len(problems[0].message) < 300
    assert str(problems[0]).isprintable()
    # Nothing is known of what the author wanted to say, so nothing else is said to be missing.
    assert module.lines.keys() == READERS.keys()


@pytest.mark.parametrize("mode", [SYMLINK, SUBMODULE])
def test_a_mlreef_toml_that_is_no_file(mode: int) -> None:
    problems = Problems()
    read_module_tables(memory_tree({}, [("mlreef.toml", mode, b"other.toml")]), problems)
    assert [(each.rule, each.message) for each in problems] == [
        ("toml-invalid", "it is not a regular file")
    ]


def test_a_huge_file_is_not_read() -> None:
    assert places("#" * (1 << 15)) == []
    assert places("#" * ((1 << 15) + 1)) == [("tree-file-too-large", None)]


@pytest.mark.parametrize(("dots", "found"), [(1000, "toml-value-invalid"), (1001, "toml-invalid")])
def test_a_key_of_very_many_parts_is_not_read(dots: int, found: str) -> None:
    tracemalloc.start()
    try:
        assert places("[module]\n'kind'" + ".a" * dots + " = 1\n") == [(found, 2)]
        assert tracemalloc.get_traced_memory()[1] < 32 << 20  # 5,000 parts take 100 MB
    finally:
        tracemalloc.stop()


def test_others_below_the_root_are_not_read() -> None:
    problems = Problems()
    files = {"a/mlreef.toml": "nonsense", "b/c/mlreef.toml": "", "a/my-mlreef.toml": ""}
    assert read_module_tables(memory_tree(files), problems) == (ModuleTable(),)
    assert [(each.rule, each.path) for each in problems] == [
        ("toml-misplaced", "a/mlreef.toml"),
        ("toml-misplaced", "b/c/mlreef.toml"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[module]\nkind" + ".a" * 5_000 + " = 1\n",
        "".join(f"k{number} = 1\n" for number in range(2900)),
        "[module]\n" + "".join(f"k{number} = 1\n" for number in range(2900)),
        "[[module]]\n" * 2900,
        "[module]\ninputs = [" + "'X'," * 8_000 + "]\n",
        '[module]\ntitle = """' + '""\\"' * 8_000 + '"""\n',
        "[module." + "x" * 30_000 + "]\n",
        "[module]\nkind = '" + "x" * 30_000 + "'\n",
        "[module.environment]\n" + "".join(f"k{number} = 1\n" for number in range(2900)),
    ],
    ids=["dotted", "tables", "keys", "modules", "words", "quotes", "long key", "long", "variables"],
)
def test_a_hostile_file_is_read_quickly(text: str) -> None:
    began = time.perf_counter()
    assert ("tree-file-too-large", None) not in places(text)
    assert time.perf_counter() - began < 3  # on a busy machine; it takes a tenth of that


def test_lines_of_keys() -> None:
    text = (
        "a.b.c = 1  # x = 2\n"
        "[t]\n"
        "x = [\n"
        "  '''\n"
        "]''', # ]\n"
        "]\n"
        'y = {z = "}"}\n'
        "[[t.u]]\n"
        "v = 1\n"
        "[[t.u]]\n"
        "v = 2\n"
    )
    lines = KeyLines(text)
    assert [lines.of(*path) for path in (("a",), ("a", "b", "c"), ("t", "x"), ("t", "y"))] == [
        1, 1, 3, 7
    ]  # fmt: skip
    assert [lines.of("t", "u", number, "v") for number in (0, 1)] == [9, 11]
    assert (lines.of("t", "y", "z"), lines.of("t", "nothing"), lines.of("nothing")) == (7, 2, 1)


def test_a_file_of_another_mode_is_a_file() -> None:
    problems = Problems()
    tree = memory_tree({}, [("mlreef.toml", FILE | 0o111, b'module.name = "x"')])
    assert read_module_tables(tree, problems) == (ModuleTable(name="x"),)


NEIGHBOURS = """\
[[module]]
name = "good"
kind = "model"
[[module]]
name = "bad"
kind = "modle"
unknown = 1
[[module]]
title = "no name"
"""


@pytest.mark.parametrize(
    ("named", "modules", "lines"),
    [
        (None, ["good", "bad", None], [6, 7, 8]),
        ("good", ["good"], []),
        ("bad", ["bad"], [6, 7]),
        ("other", ["good", "bad", None], [6, 7, 8]),
    ],
)
def test_a_module_is_not_held_up_by_its_neighbours(
    named: str | None, modules: list[str | None], lines: list[int]
) -> None:
    problems = Problems()
    tree = memory_tree({"mlreef.toml": NEIGHBOURS})
    tables = read_module_tables(tree, problems, named=named)
    assert [each.name for each in tables] == modules
    assert [each.line for each in problems] == lines

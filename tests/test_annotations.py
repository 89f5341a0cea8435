"""MLReef annotations are read from the source: every spelling, every mistake, nothing is run."""

import ast

import pytest

from mlreef_hooks.manifest import JSONValue, Metric, Parameter
from mlreef_hooks.problems import Problem, Problems
from mlreef_hooks.source.annotations import (
    ANNOTATION_WORDS,
    Annotations,
    carries_annotations,
    read_annotations,
)
from mlreef_hooks.source.literals import LITERAL_SIZE, Literal, LiteralReader
from mlreef_hooks.source.parameters import check_required_paths

PROCESSOR = (
    '@data_processor(name="Add Noise", type="OPERATION", input_type="IMAGE", output_type="IMAGE")'
)

DOCUMENTED = """
@data_processor(name="Add Noise", author="MLReef", command="im_add_noise", type="OPERATION",
                description="adds noise", visibility="PUBLIC", input_type="IMAGE",
                output_type="IMAGE")
@parameter(name="input-path", type="str", required=True, defaultValue="train", description="from")
@parameter(name="output-path", type="str", required=True, defaultValue="output", description="to")
@parameter(name="mode", type="str", required=True, defaultValue="speckle", description="it's 'a'")
def init_params():
    pass
"""


def read(source: str) -> tuple[Annotations | None, list[Problem]]:
    """What the annotations of a source say, and the findings, each of which says what to write."""
    problems = Problems()
    annotations = read_annotations(ast.parse(source), "main.py", problems)
    for problem in problems:
        assert problem.path == "main.py"
        assert problem.line
        assert problem.hint
        assert str(problem).isprintable()
    return annotations, list(problems)


def read_well(source: str) -> Annotations:
    """What the annotations of a faultless source say."""
    annotations, problems = read(source)
    assert problems == []
    assert annotations is not None
    return annotations


def rules(source: str) -> list[tuple[str, int | None]]:
    """The rules that a source breaks, with the lines."""
    return [(problem.rule, problem.line) for problem in read(source)[1]]


def annotate(*lines: str) -> str:
    """A source with annotations below a faultless `data_processor` in line 1."""
    return "\n".join([PROCESSOR, *lines, "def init_params(): pass"])


def read_one(line: str) -> Parameter:
    """The one parameter that a faultless annotation describes."""
    (parameter,) = read_well(annotate(line)).parameters
    return parameter


def test_the_example_of_mlreefs_documentation() -> None:
    annotations = read_well(DOCUMENTED)
    processor = annotations.processor
    assert processor is not None
    assert (processor.title, processor.author, processor.command) == (
        "Add Noise",
        "MLReef",
        "im_add_noise",
    )
    assert (processor.kind, processor.visibility, processor.slug) == (
        "data-operation",
        "public",
        None,
    )
    assert (processor.inputs, processor.outputs, processor.line) == (("IMAGE",), ("IMAGE",), 2)
    assert [(each.name, each.default, each.line) for each in annotations.parameters] == [
        ("input-path", "train", 5),
        ("output-path", "output", 6),
        ("mode", "speckle", 7),
    ]
    assert annotations.parameters[2] == Parameter(
        name="mode",
        type="string",
        required=True,
        default="speckle",
        description="it's 'a'",
        option="--mode",
    )


@pytest.mark.parametrize(
    "line",
    [
        '@parameter("angle", "INTEGER", False, 30, "degrees")',
        '@parameter("angle", "Integer", required=False, defaultValue=30, description="degrees")',
        '@param(description="degrees", defaultValue=30, type="int", name="angle", required=False)',
        '@parameter("angle", datatype="integer", nullable=True, default_value=30,'
        ' description="degrees")',
        '@parameter("angle", "int", default_value="30", description="deg" "rees")',
        '@parameter("an" + "gle", "int", default_value=DEFAULT, description=f"degrees")',
        '@mlreef.parameter("angle", "INTEGER", False, 30, "degrees")',
    ],
)
def test_every_spelling_says_the_same(line: str) -> None:
    (parameter,) = read_well("DEFAULT = 30\n" + annotate(line)).parameters
    assert parameter == Parameter(
        name="angle",
        type="integer",
        required=False,
        default=30,
        description="degrees",
        option="--angle",
    )


@pytest.mark.parametrize(
    ("word", "read_as"),
    [
        ("STRING", "string"),
        ("Float", "float"),
        ("complex", "complex"),
        ("BOOLEAN", "boolean"),
        ("bool", "boolean"),
        ("List", "list"),
        ("TUPLE", "tuple"),
        ("dict", "dictionary"),
        ("Dictionary", "dictionary"),
        ("OBJECT", "object"),
        ("undefined", "undefined"),
    ],
)
def test_type_words_in_any_case(word: str, read_as: str) -> None:
    assert read_one(f'@parameter("x", "{word}")').type == read_as


@pytest.mark.parametrize(
    ("arguments", "required"),
    [
        ("", False),
        (", required=True", True),
        (", nullable=True", False),
        (", nullable=False", True),
        (", True", True),
    ],
)
def test_required_and_its_opposite(arguments: str, required: bool) -> None:
    assert read_one(f'@parameter("x", "str"{arguments})').required is required


@pytest.mark.parametrize(
    ("word", "written", "default"),
    [
        ("INTEGER", "3", 3),
        ("INTEGER", "'3'", 3),
        ("INTEGER", "-3", -3),
        ("INTEGER", "None", None),
        ("FLOAT", "3", 3),
        ("FLOAT", ".5", 0.5),
        ("FLOAT", "'1e-3'", 0.001),
        ("BOOLEAN", "True", True),
        ("BOOLEAN", "'false'", False),
        ("STRING", "'3'", "3"),
        ("STRING", "'\"it''s\"'", '"its"'),
        ("COMPLEX", "1+2j", "(1+2j)"),
        ("COMPLEX", "'1+2j'", "(1+2j)"),
        ("COMPLEX", "-1-2j", "(-1-2j)"),
        ("COMPLEX", "2", 2),
        ("LIST", "[1, 'a', (2.5, None)]", [1, "a", [2.5, None]]),
        ("LIST", "'[]'", []),
        ("TUPLE", "(1, 2)", [1, 2]),
        ("TUPLE", "'(1, 2)'", [1, 2]),
        ("DICTIONARY", "{'a': {1: True}}", {"a": {"1": True}}),
        ("DICTIONARY", "'{}'", {}),
        ("OBJECT", "[1]", [1]),
        ("UNDEFINED", "'text'", "text"),
    ],
)
def test_defaults_become_values_of_the_type(word: str, written: str, default: JSONValue) -> None:
    value = read_one(f'@parameter("x", "{word}", False, {written})').default
    assert value == default
    assert type(value) is type(default)


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("INTEGER", "'three'"),
        ("INTEGER", "3.0"),
        ("INTEGER", "True"),
        ("INTEGER", repr("9" * 5000)),
        ("FLOAT", "'inf'"),
        ("FLOAT", "'nan'"),
        ("FLOAT", "True"),
        ("COMPLEX", "'i'"),
        ("BOOLEAN", "1"),
        ("BOOLEAN", "'yes'"),
        ("STRING", "3"),
        ("STRING", "['a']"),
        ("LIST", "3"),
        ("LIST", "'(((('"),
        ("LIST", "'{1: 2}'"),
        ("DICTIONARY", "[1]"),
        ("DICTIONARY", "'__import__(\"os\")'"),
    ],
)
def test_a_default_of_another_type(word: str, written: str) -> None:
    source = annotate(f'@parameter("x", "{word}", False, {written})')
    assert rules(source) == [("parameter-default-type", 2)]
    annotations, _ = read(source)
    assert annotations is not None
    assert annotations.parameters[0].default is None


@pytest.mark.parametrize(
    ("line", "rule", "hint"),
    [
        ('@parameter("a", "int", requierd=True)', "annotation-argument", "did you mean required?"),
        ('@parameter("a", "int", default=3)', "annotation-argument", "did you mean defaultValue?"),
        ('@parameter("a", "int", True, 1, "text", 6)', "annotation-argument", "by keyword"),
        ('@parameter(type="int")', "annotation-argument", 'name="angle"'),
        ('@parameter("a")', "annotation-argument", 'type="INTEGER"'),
        ("@parameter(*values)", "annotation-argument", '@parameter(name="angle"'),
        ('@parameter("a", **values)', "annotation-argument", '@parameter(name="angle"'),
        ('@parameter("a", "int", name="b")', "annotation-argument", "keep one of them"),
        ('@parameter("a", "int", datatype="int")', "annotation-argument", "keep one of them"),
        (
            '@parameter("a", "int", defaultValue=1, default_value=2)',
            "annotation-argument",
            "keep one",
        ),
        ('@parameter("a", "int", required=True, nullable=True)', "annotation-argument", "required"),
        ("@parameter", "annotation-argument", '@parameter(name="angle"'),
        ('@parameter(NAME, "int")', "annotation-not-literal", 'name="angle"'),
        ('@parameter("a", str)', "annotation-not-literal", 'type="INTEGER"'),
        ('@parameter("a", "int", defaultValue=len([]))', "annotation-not-literal", "30"),
        ('@parameter("a", "int", defaultValue=1e999)', "annotation-not-literal", "30"),
        ('@parameter("a", "int", defaultValue=b"1")', "annotation-not-literal", "30"),
        ('@parameter("a", "int", description=f"{x}")', "annotation-not-literal", "description="),
        ('@parameter("a", "Intger")', "parameter-type-unknown", "did you mean INTEGER?"),
        ('@parameter("a", "path")', "parameter-type-unknown", "write one of STRING"),
        ('@parameter("a", "int", "yes")', "annotation-value", "required=True"),
        ('@parameter("a", "int", 1)', "annotation-value", "required=True"),
        ('@parameter(3, "int")', "annotation-value", 'name="angle"'),
        ('@parameter("a", 3)', "annotation-value", 'type="INTEGER"'),
        ('@parameter("a", "int", description=3)', "annotation-value", "description="),
        ('@parameter("--angle", "int")', "parameter-name-invalid", 'name="angle"'),
        ('@parameter("an gle", "int")', "parameter-name-invalid", 'name="an-gle"'),
        ('@parameter("\\x1b[31m\\u202e", "int")', "parameter-name-invalid", "31m"),
        ('@parameter("", "int")', "parameter-name-invalid", 'name="angle"'),
        ('@metric("accuracy", "a", "b")', "annotation-value", "write one of RECALL"),
        ('@metric("RECALL", "a")', "annotation-argument", 'prediction="test_pred"'),
    ],
)
def test_a_mistake_is_one_finding_that_says_what_to_write(line: str, rule: str, hint: str) -> None:
    _, problems = read(annotate(line))
    assert [(each.rule, each.line) for each in problems] == [(rule, 2)]
    assert hint in problems[0].hint


def test_a_broken_annotation_yields_what_can_be_read_of_it() -> None:
    source = annotate('@parameter("--angle", "Intger", requierd=True, defaultValue=f(), x=1)')
    annotations, problems = read(source)
    assert sorted(each.rule for each in problems) == [
        "annotation-argument",
        "annotation-argument",
        "annotation-not-literal",
        "parameter-name-invalid",
        "parameter-type-unknown",
    ]
    assert annotations is not None
    assert [(each.name, each.type) for each in annotations.parameters] == [("angle", "undefined")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f'@parameter("a", "int")\n{PROCESSOR}\ndef f(): pass', [("annotation-order", 1)]),
        ('@parameter("a", "int")\n@param("b", "int")\ndef f(): pass', [("annotation-order", 1)]),
        (f'{PROCESSOR}\ndef f(): pass\n@parameter("a", "int")\ndef g(): pass', []),
        (f'@parameter("a", "int")\ndef g(): pass\n{PROCESSOR}\ndef f(): pass', []),
        (f"{PROCESSOR}\n{PROCESSOR}\ndef f(): pass", [("annotation-repeated", 2)]),
        (
            f"{PROCESSOR}\ndef f(): pass\n@processor()\ndef g(): pass",
            [("annotation-repeated", 3)],
        ),
        (
            annotate('@parameter("a-b", "int")', '@parameter("a_b", "str")'),
            [("parameter-repeated", 3)],
        ),
    ],
)
def test_order_and_repetition(source: str, expected: list[tuple[str, int]]) -> None:
    assert rules(source) == expected


def test_the_first_of_two_parameters_with_one_name_counts() -> None:
    annotations, _ = read(annotate('@parameter("a", "int")', '@parameter("a", "str")'))
    assert annotations is not None
    assert [each.type for each in annotations.parameters] == ["integer"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('"N", type="ALGORITHM", output_type="MODEL"', []),
        ('"N", type="algorithm", input_type="IMAGE"', []),
        ('"N", type="OPERATION", inputType="TEXT", outputType="TEXT"', []),
        ('"N", type="VISUALIZATION", input_type="image"', []),
        ('"N", type="VISUALIZATION", input_type=["IMAGE", "TIME_SERIES"]', []),
        ('"N", type="VISUALIZATION", input_type=["IMAGE", 3]', ["annotation-value"]),
        ('"N", type="VISUALIZATION", input_type="IMAGES"', ["annotation-value"]),
        ('"N", type="VISUALIZATION", input_type=TYPES', ["annotation-not-literal"]),
        ('"N", input_type="IMAGE"', []),  # mlreef.toml may say the kind
        ('"N", type="OPERATOIN"', ["annotation-value"]),
        ('"N", type="ALGORITHM", output_type="NONE", visibility="secret"', ["annotation-value"]),
        ('type="ALGORITHM", output_type="NONE"', ["annotation-argument"]),
        ('4, type="ALGORITHM", output_type="NONE"', ["annotation-value"]),
        (
            '"N", "n", "me", "cmd", "ALGORITHM", "text", "PRIVATE", "IMAGE", "MODEL"',
            [],
        ),
        (
            '"N", "n", "me", "cmd", "ALGORITHM", "text", "PRIVATE", "IMAGE", "MODEL", 1',
            ["annotation-argument"],
        ),
    ],
)
def test_the_values_of_a_data_processor(arguments: str, expected: list[str]) -> None:
    source = f"@data_processor({arguments})\ndef f(): pass"
    assert [rule for rule, _ in rules(source)] == expected


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("", {"name"}),
        (', type="OPERATION", inputType="IMAGE"', {"name", "type", "input_type"}),
        (', type="OPERATOIN", input_type=TYPES', {"name", "type", "input_type"}),
        (", type=None, input_type=[]", {"name"}),
    ],
)
def test_what_the_annotation_leaves_open_is_known(arguments: str, given: set[str]) -> None:
    """What is given but broken is a finding of its own, and not missing."""
    annotations, _ = read(f'@data_processor("N"{arguments})\ndef f(): pass')
    assert annotations is not None
    assert annotations.processor is not None
    assert annotations.processor.given == given


def test_a_data_processor_by_position_with_lists_of_data_types() -> None:
    processor = read_well(
        '@processor("N", "n", None, "cmd", "ALGORITHM", "text", "Private", ["IMAGE", "text"],'
        ' ("MODEL",))\nclass Model: pass'
    ).processor
    assert processor is not None
    assert (processor.slug, processor.author, processor.command) == ("n", None, "cmd")
    assert (processor.kind, processor.visibility) == ("model", "private")
    assert (processor.inputs, processor.outputs) == (("IMAGE", "TEXT"), ("MODEL",))


@pytest.mark.parametrize(
    "line",
    [
        '@metric(name="recall", ground_truth=test_truth, prediction=test_pred)',
        '@metric("RECALL", "test_truth", "test_pred")',
    ],
)
def test_a_metric_names_variables(line: str) -> None:
    metric = Metric(name="RECALL", ground_truth="test_truth", prediction="test_pred")
    source = f"{PROCESSOR}\ndef f(): pass\nif True:\n    {line}\n    def g(): pass"
    assert read_well(source).metrics == (metric,)


@pytest.mark.parametrize(
    ("source", "carried"),
    [
        (f"{PROCESSOR}\ndef f(): pass", True),
        ('@parameter("a", "int")\nasync def f(): pass', True),
        ('class A:\n    @param("a", "int")\n    def f(self): pass', True),
        ("@data_processor\ndef f(): pass", True),
        ('import mlreef_annotations as ml\n@ml.processor("a")\ndef f(): pass', True),
        ('from mlreef.annotations import parameter as p\n@p("a", "int")\ndef f(): pass', True),
        ('@mlreef_sdk.annotations.parameter("a")\ndef f(): pass', True),
        (
            "from annotations.parameter_annotations import parameter\n"
            f'{PROCESSOR}\n@parameter("a", "int")\ndef f(): pass',
            True,
        ),
        ('from commons import data_processor as dp\n@dp("a")\ndef f(): pass', True),
        ("@pytest.mark.parameter(1)\ndef f(): pass", False),
        ('@param.parameter("a")\ndef f(): pass', False),
        ('from prodigy import processor\n@processor("a")\ndef f(): pass', False),
        ("@parameter\ndef f(): pass", False),
        ('@metric("accuracy")\ndef f(): pass', False),
        ("@property\ndef metric(self): pass\n@metric.setter\ndef metric(self): pass", False),
        ("# @data_processor()\ndata_processor()\ndef f(): pass", False),
        ('@parameter("a")(1)\ndef f(): pass', False),
    ],
)
def test_which_decorators_are_annotations(source: str, carried: bool) -> None:
    module = ast.parse(source)
    assert carries_annotations(module) is carried
    assert (read_annotations(module, "main.py", Problems()) is not None) is carried
    assert any(word in source for word in ANNOTATION_WORDS) >= carried


def test_the_imported_names_of_another_library_count_beside_a_data_processor() -> None:
    source = f'from annotations.metrics import parameter\n{PROCESSOR}\n@parameter("a", "int")\n'
    (parameter,) = read_well(source + "def f(): pass").parameters
    assert parameter.name == "a"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'a' 'b'", "ab"),
        ("'a' + 'b' + f'c{{}}'", "abc{}"),
        ("+3", 3),
        ("-0.5", -0.5),
        ("{3, 1}", [3, 1]),
        ("{None: 1, True: 2, 1.5: 3}", {"null": 1, "true": 2, "1.5": 3}),
        ("NAME", [1, "x"]),
        ("[NAME, NAME]", [[1, "x"], [1, "x"]]),
        ("PREFIX + '/train'", "data/train"),
        ("HINTED", 7),
        ("READ", [1]),
        ("2j", "2j"),
    ],
)
def test_literals(source: str, value: JSONValue) -> None:
    literal = literal_of(source)
    assert literal is not None
    assert literal.value == value


@pytest.mark.parametrize(
    "source",
    [
        "b'a'", "...", "1e999", "-1e999", "1e999j", "[1, 1e999]", "'\\ud800'", "1 + 2", "'a' * 3",
        "'a' + 1", "-True", "not 1", "~1", "-'a'", "2 ** 9", "f'{1}'", "{**A}", "[*NAME]",
        "{(1, 2): 3}", "f()", "a.b", "UNBOUND", "TWICE", "LATE", "ARGUMENT", "LOOP", "CHANGED",
        "INDEXED", "GLOBAL", "imported", "os", "AUGMENTED", "CIRCLE", "0x1" + "0" * 300,
        "lambda: 1", "a if b else c", "[" * 90 + "]" * 90, "-" * 500 + "1",
        "'" + "a" * (LITERAL_SIZE + 1) + "'",
        "[" + "1," * (LITERAL_SIZE + 1) + "]",
    ],
    ids=lambda source: source[:20],
)  # fmt: skip
def test_what_only_running_it_could_tell(source: str) -> None:
    assert literal_of(source) is None


def literal_of(source: str) -> Literal | None:
    """The literal of an expression in a module that binds some names."""
    module = ast.parse(
        "NAME = [1, 'x']\nPREFIX = 'data'\nHINTED: int = 7\nTWICE = 1\nTWICE = 2\nARGUMENT = 1\n"
        "if x:\n    LATE = 1\nCHANGED = []\nCHANGED.append(1)\nINDEXED = {}\nINDEXED['a'] = 1\n"
        "GLOBAL = 1\nAUGMENTED = 1\nAUGMENTED += 1\nLOOP = 1\nfor LOOP in range(3): pass\n"
        "CIRCLE = OTHER\nOTHER = CIRCLE\nREAD = [1]\nprint(READ[0], READ.index(1))\n"
        "imported = 1\nfrom other import name as imported\nos = 1\nimport os.path\n"
        "def f(ARGUMENT):\n    global GLOBAL\n    GLOBAL = 2\n"
    )
    return LiteralReader(module).read(ast.parse(source, mode="eval").body)


@pytest.mark.parametrize("first", ["'x'", "['x']"])
def test_names_that_double_in_size_do_not_fill_the_memory(first: str) -> None:
    plus = "B{0} + B{0}" if first == "'x'" else "[B{0}, B{0}]"
    names = [f"B{number + 1} = {plus.format(number)}" for number in range(500)]
    lines = [f'@parameter("p{number}", "OBJECT", False, B{number})' for number in range(500)]
    annotations, problems = read("\n".join([f"B0 = {first}", *names, annotate(*lines)]))
    assert annotations is not None
    assert len(annotations.parameters) == 500
    assert {each.rule for each in problems} == {"annotation-not-literal"}
    assert annotations.parameters[3].default is not None


@pytest.mark.parametrize(
    "source",
    [
        "@data_processor(" + ", ".join(f"k{n}=1" for n in range(5000)) + ")\ndef f(): pass",
        "@data_processor(" + ", ".join(["1"] * 5000) + ")\ndef f(): pass",
        annotate(*[f'@parameter("p{n}", "it")' for n in range(5000)]),
        f"@data_processor({'x' * 500_000})\n@parameter('{'-' * 500_000}', 'int')\ndef f(): pass",
        f"@data_processor('a')\n@parameter('a', '{'I' * 1_000_000}')\ndef f(): pass",
        "@data_processor('a', 1)\n@p" + ".a" * 2000 + ".parameter()\ndef f(): pass",
        "@data_processor('a', 1, description=" + " + ".join(["'a'"] * 2000) + ")\ndef f(): pass",
    ],
    ids=["keywords", "positions", "annotations", "long", "type", "attributes", "sum"],
)
def test_giant_annotations_are_read(source: str) -> None:
    annotations, problems = read(source)
    assert annotations is not None
    assert problems
    assert all(len(str(problem)) < 1000 for problem in problems)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ("", [("input-path", 1), ("output-path", 1)]),
        ('@parameter("input-path", "str")', [("output-path", 2)]),
        (
            '@parameter("input_path", "str")\n@parameter("output_path", "str")',
            [("input-path", 2), ("output-path", 3)],
        ),
        ('@parameter("input_path", "str")\n@parameter("output-path", "str")', [("input-path", 2)]),
    ],
)
def test_the_two_paths_that_pipelines_fill(
    annotations: str, expected: list[tuple[str, int]]
) -> None:
    problems = Problems()
    check_required_paths(read_well(annotate(annotations)).parameters, "main.py", problems)
    assert [(each.rule, each.line) for each in problems] == [
        ("parameter-path-missing", line) for _, line in expected
    ]
    for problem, (name, _) in zip(problems, expected, strict=True):
        assert f'parser.add_argument("--{name}", required=True)' in problem.hint


def test_a_positional_path_is_not_one_that_pipelines_fill() -> None:
    problems = Problems()
    parameters = [
        Parameter(
            name=name, type="string", required=True, default=None, description="", option=option
        )
        for name, option in [("input-path", None), ("output-path", "--output-path")]
    ]
    check_required_paths(parameters, "main.py", problems)
    assert ["positional" in each.message for each in problems] == [True]

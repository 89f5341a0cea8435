"""From a tree to its modules: what counts where sources differ, what is assumed, what is silent."""

from dataclasses import replace
from typing import Any

import pytest
from packaging.version import Version

from mlreef_hooks.config import Config
from mlreef_hooks.config_images import Base
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.missing_imports import missing_imports
from mlreef_hooks.module_choice import choose_manifest
from mlreef_hooks.problems import Problem
from mlreef_hooks.push import PublishRequest, RepositoryName
from mlreef_hooks.tree_entry import SYMLINK
from mlreef_hooks.validation import Validation, validate
from tests.support.trees import memory_tree

PATHS = '@parameter("input-path", "str", True)\n@parameter("output-path", "str", True)\n'
SCRIPT = """\
import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="From the parser")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
"""
COMPLETE = 'kind = "model"\noutputs = ["MODEL"]\n'


def check(
    script: str = SCRIPT,
    toml: str | None = None,
    files: dict[str, str] | None = None,
    *,
    config: Config | None = None,
    module: str | None = None,
) -> Validation:
    """The validation of a project with a script, and a `[module]` table of these lines."""
    tree = {"train.py": script, "requirements.txt": "", **(files or {})}
    tree |= {} if toml is None else {"mlreef.toml": f"[module]\n{toml}"}
    return validate(memory_tree(tree), name="repo", config=config or Config(), module=module)


def one(*arguments: Any, **keywords: Any) -> ModuleManifest:
    """The only module of a project."""
    (manifest,) = check(*arguments, **keywords).manifests
    return manifest


def rules(validation: Validation) -> list[tuple[str, str, int | None]]:
    """Rule, path and line of each finding."""
    return [(each.rule, each.path, each.line) for each in validation.problems]


def annotated(arguments: str) -> str:
    """A script whose `data_processor`, in line 2, has these arguments behind its name."""
    return f'\n@data_processor("Sort Wine"{arguments})\n{PATHS}def f(): pass\n'


# -- kind and data types ---------------------------------------------------------------------------

KIND_MISSING = ("kind-missing", "train.py", 2)
TYPES_MISSING = ("data-types-missing", "train.py", 2)
KIND_ASSUMED = ("kind-assumed", "train.py", None)
TYPES_ASSUMED = ("data-types-assumed", "train.py", None)
VALUE = ("annotation-value", "train.py", 2)
IN, OUT = ', input_type="TEXT"', ', output_type="MODEL"'


@pytest.mark.parametrize(
    ("annotation", "toml", "kind", "inputs", "outputs", "found"),
    [
        # an annotation alone
        (', type="ALGORITHM"' + OUT, None, "model", [], ["MODEL"], []),
        (', type="ALGORITHM"', None, "model", [], ["ANY"], [TYPES_MISSING]),
        (', type="OPERATION"', None, "data-operation", ["ANY"], ["ANY"], [TYPES_MISSING] * 2),
        (', type="VISUALIZATION"' + IN, None, "data-visualization", ["TEXT"], [], []),
        (', type="VISUALIZATION"', None, "data-visualization", ["ANY"], [], [TYPES_MISSING]),
        (IN + OUT, None, "data-operation", ["TEXT"], ["MODEL"], [KIND_MISSING]),
        ("", None, "data-operation", ["ANY"], ["ANY"], [KIND_MISSING]),
        (", type=None" + IN + OUT, None, "data-operation", ["TEXT"], ["MODEL"], [KIND_MISSING]),
        (', type="ALGORITHM", output_type=[]', None, "model", [], ["ANY"], [TYPES_MISSING]),
        # what it says wrongly is a finding of its own
        (', type="MODLE"' + IN + OUT, None, "data-operation", ["TEXT"], ["MODEL"], [VALUE]),
        (', type="ALGORITHM", output_type="MODLE"', None, "model", [], ["ANY"], [VALUE]),
        # mlreef.toml says what it leaves open
        (OUT, 'kind = "model"\n', "model", [], ["MODEL"], []),
        ("", COMPLETE, "model", [], ["MODEL"], []),
        (', type="ALGORITHM"', 'outputs = ["TEXT"]\n', "model", [], ["TEXT"], []),
        ("", 'kind = "model"\n', "model", [], ["ANY"], [TYPES_MISSING]),
        ("", 'outputs = ["TEXT"]\n', "data-operation", ["ANY"], ["TEXT"], [KIND_MISSING]),
        # mlreef.toml says it wrongly
        (OUT, 'kind = "modle"\n', "data-operation", ["ANY"], ["MODEL"],
         [("toml-value-invalid", "mlreef.toml", 2)]),
        ("", 'kind = "model"\noutputs = ["MODLE"]\n', "model", [], ["ANY"],
         [("toml-value-invalid", "mlreef.toml", 3)]),
        (', type="ALGORITHM"' + OUT, "outputs = []\n", "model", [], ["ANY"],
         [("data-types-missing", "mlreef.toml", 2)]),
        # no annotation
        (None, COMPLETE, "model", [], ["MODEL"], []),
        (None, None, "data-operation", ["ANY"], ["ANY"],
         [KIND_ASSUMED, TYPES_ASSUMED, TYPES_ASSUMED]),
        (None, 'kind = "model"\n', "model", [], ["ANY"], [TYPES_ASSUMED]),
        (None, 'inputs = ["TEXT"]\n', "data-operation", ["TEXT"], ["ANY"],
         [KIND_ASSUMED, TYPES_ASSUMED]),
        (None, 'kind = "model"\noutputs = []\n', "model", [], ["ANY"],
         [("data-types-missing", "mlreef.toml", 3)]),
    ],
)  # fmt: skip
def test_kind_and_data_types(
    annotation: str | None,
    toml: str | None,
    kind: str,
    inputs: list[str],
    outputs: list[str],
    found: list[tuple[str, str, int | None]],
) -> None:
    script = SCRIPT if annotation is None else annotated(annotation)
    validation = check(script, toml)
    (manifest,) = validation.manifests
    assert (manifest.kind, list(manifest.inputs), list(manifest.outputs)) == (kind, inputs, outputs)
    assert rules(validation) == found


@pytest.mark.parametrize(
    ("script", "toml", "found"),
    [
        (SCRIPT + "def f(:\n", "", [("syntax-error", "train.py", 6)]),
        (SCRIPT, "kind = \n", [("toml-invalid", "mlreef.toml", 2)]),
    ],
)
def test_a_file_that_cannot_be_read_is_one_finding_and_not_five(
    script: str, toml: str, found: list[tuple[str, str, int]]
) -> None:
    assert rules(check(script, toml + 'entry_point = "train.py"\n')) == found


# -- which source counts ---------------------------------------------------------------------------

SAID = (
    ', slug="sort-wine", author="Ada", type="ALGORITHM", description="From the annotation",'
    ' visibility="INTERNAL"' + OUT
)


@pytest.mark.parametrize(
    ("script", "toml", "name", "title", "description", "author"),
    [
        (SCRIPT, COMPLETE, "repo", "repo", "From the parser", None),
        (SCRIPT.replace("description=", "prog="), COMPLETE, "repo", "repo", "", None),
        (SCRIPT, COMPLETE + 'name = "wine"\n', "wine", "wine", "From the parser", None),
        (annotated(SAID), None, "sort-wine", "Sort Wine", "From the annotation", "Ada"),
        (
            annotated(', type="ALGORITHM"' + OUT) + SCRIPT,
            None,
            "repo",
            "Sort Wine",
            "From the parser",
            None,
        ),
        (
            annotated(SAID),
            'name = "wine"\ntitle = "Wine"\ndescription = "From TOML"\nauthor = "Eve"\n',
            "wine",
            "Wine",
            "From TOML",
            "Eve",
        ),
    ],
)
def test_names_and_descriptions(
    script: str, toml: str | None, name: str, title: str, description: str, author: str | None
) -> None:
    found = one(script.replace(PATHS, "") if "argparse" in script else script, toml)
    assert (found.name, found.title, found.description) == (name, title, description)
    assert found.author == author


def test_an_invalid_slug_is_a_finding_unless_the_name_is_said_elsewhere() -> None:
    script = annotated(', slug="Sort Wine!", type="ALGORITHM"' + OUT)
    validation = check(script)
    assert rules(validation) == [("module-name-invalid", "train.py", 2)]
    assert [manifest.name for manifest in validation.manifests] == ["repo"]
    assert rules(check(script, 'name = "wine"\n')) == [("toml-drift", "mlreef.toml", 2)]


@pytest.mark.parametrize(
    ("annotation", "toml", "visibility"),
    [
        ("", "", None),
        (', visibility="PUBLIC"', "", "public"),
        ("", 'visibility = "private"\n', "private"),
        (', visibility="PUBLIC"', 'visibility = "internal"\n', "internal"),
        (', visibility="PRIVATE"', 'visibility = "public"\n', "private"),
    ],
)
def test_the_narrower_visibility_counts(annotation: str, toml: str, visibility: str | None) -> None:
    script = annotated(', type="ALGORITHM"' + OUT + annotation)
    assert one(script, toml).visibility == visibility


@pytest.mark.parametrize(
    ("toml", "found"),
    [
        ('title = "Sort Wine"\nname = "sort-wine"\n' + COMPLETE, []),
        ('title = "Wine"\n', ['title is "Wine" here and "Sort Wine" in the annotation']),
        ('name = "wine"\n', ['name is "wine" here and "sort-wine" in the annotation']),
        ('kind = "data-operation"\ninputs = ["TEXT"]\n',
         ['kind is "data-operation" here and "model" in the annotation']),
        ('outputs = ["TEXT", "IMAGE"]\n',
         ["outputs is IMAGE, TEXT here and MODEL in the annotation"]),
        ('description = "other"\n', []),
    ],
)  # fmt: skip
def test_mlreef_toml_and_the_annotation_differ(toml: str, found: list[str]) -> None:
    validation = check(annotated(SAID), toml)
    assert [each.message for each in validation.problems] == found
    assert {each.rule for each in validation.problems} <= {"toml-drift"}
    assert validation.publishable


def test_the_order_of_data_types_is_no_difference() -> None:
    script = annotated(', type="ALGORITHM", output_type=["MODEL", "TEXT"]')
    assert rules(check(script, 'outputs = ["TEXT", "MODEL"]\n')) == []


# -- the site --------------------------------------------------------------------------------------

BASES = {
    "gpu": Base(gpu=True, environment={"A": "base", "B": "base"}),
    "old": Base(python="3.7"),
}


def test_a_base_gives_environment_and_gpu() -> None:
    config = Config(base={"default": Base(), **BASES})
    toml = COMPLETE + 'base = "gpu"\nenvironment.A = "own"\n'
    found = one(SCRIPT, toml, config=config)
    assert (found.base, found.resources.gpu) == ("gpu", True)
    assert found.environment == {"A": "own", "B": "base"}
    assert one(SCRIPT, COMPLETE, config=config).base == "default"
    assert one(SCRIPT, COMPLETE, config=Config(base=BASES)).base == "gpu"


def test_code_is_checked_by_the_grammar_of_its_base() -> None:
    config = Config(base={"default": Base(), **BASES})
    script = SCRIPT + "if (x := 1): pass\n"
    assert rules(check(script, COMPLETE, config=config)) == []
    validation = check(script, COMPLETE + 'base = "old"\n', config=config)
    assert rules(validation) == [("syntax-error", "train.py", 6)]
    assert "Python 3.7" in validation.problems[0].message


def test_a_site_may_soften_a_rule() -> None:
    files = {"requirements.txt": "numpy\n"}
    assert not check(SCRIPT, COMPLETE, files).publishable
    softened = check(
        SCRIPT, COMPLETE, files, config=Config(rules={"requirement-unpinned": "warning"})
    )
    assert softened.publishable
    assert [each.severity for each in softened.problems] == ["warning"]


# -- several modules -------------------------------------------------------------------------------

TWO = {
    "mlreef.toml": f'[[module]]\nname = "a"\nentry_point = "a.py"\n{COMPLETE}'
    f'[[module]]\nname = "b"\nentry_point = "b.py"\nrequirements = "b.txt"\n{COMPLETE}',
    "a.py": SCRIPT,
    "b.py": SCRIPT + "x = (\n",
    "b.txt": "numpy==2.1.0\n",
}


def test_the_modules_of_a_repository() -> None:
    validation = check(files=TWO)
    assert [(each.name, each.entry_point, each.requirements) for each in validation.manifests] == [
        ("a", "a.py", ()),
        ("b", "b.py", ("numpy==2.1.0",)),
    ]
    assert rules(validation) == [("syntax-error", "b.py", 6)]


@pytest.mark.parametrize(
    ("module", "names", "publishable"),
    [("a", ["a"], True), ("b", ["b"], False), ("c", ["a", "b"], False), (None, ["a", "b"], False)],
)
def test_a_module_is_not_held_up_by_its_neighbour(
    module: str | None, names: list[str], publishable: bool
) -> None:
    validation = check(files=TWO, module=module)
    assert [manifest.name for manifest in validation.manifests] == names
    assert validation.publishable is publishable


REQUEST = PublishRequest(
    repository=RepositoryName(key="n/repo", namespace="n", name="repo"),
    tag="publish/1.0\u202e",
    module=None,
    version=Version("1.0"),
    commit="0" * 40,
    pusher="ada",
    notes="",
)


@pytest.mark.parametrize(
    ("files", "module", "chosen"),
    [
        ({}, None, "repo"),
        ({}, "repo", "repo"),
        ({}, "other", 'there is no module "other"'),
        ({}, "rep\u202e", 'there is no module "rep\\u202e"'),
        (TWO, "a", "a"),
        (TWO, None, "the tag names no module"),
        (TWO, "aa", 'there is no module "aa"'),
        ({"train.py": ""}, None, None),
        ({"train.py": ""}, "a", None),
    ],
)
def test_the_module_that_a_tag_names(
    files: dict[str, str], module: str | None, chosen: str | None
) -> None:
    found = choose_manifest(check(files=files), replace(REQUEST, module=module))
    if isinstance(found, Problem):
        assert (found.rule, found.path, found.line) == ("module-unknown", "publish/1.0", None)
        assert found.message.replace("'", '"') == chosen
    else:
        assert (found and found.name) == chosen


# -- hostile authors -------------------------------------------------------------------------------

BAD = "\\u001b[31m\\u202e\\u0007"  # escaped, as TOML and Python both read it


@pytest.mark.parametrize(
    ("script", "toml"),
    [
        (SCRIPT, f'name = "{BAD}"\nkind = "{BAD}"\ninputs = ["{BAD}"]\n"{BAD}" = 1\n'),
        (SCRIPT, f'base = "{BAD}"\nresources."{BAD}" = 1\nresources.memory = "{BAD}"\n'),
        (SCRIPT, f'entry_point = "{BAD}"\nrequirements = "{BAD}"\nenvironment."{BAD}" = 1\n'),
        (annotated(f', slug="{BAD}", type="{BAD}", input_type="{BAD}", visibility="{BAD}"'), ""),
        (annotated(f', type="ALGORITHM", output_type="MODEL", nam{"e" * 9}="{BAD}"'),
         f'title = "{BAD}"\n'),
        (SCRIPT + f'    parser.add_argument("{BAD}")\n', COMPLETE),
        (SCRIPT + f'    parser.add_argument("--a", type=int, default="{BAD}")\n', COMPLETE),
        (SCRIPT + "\u202e\x1b", COMPLETE),
    ],
)  # fmt: skip
def test_nothing_that_cannot_be_shown_is_in_a_finding(script: str, toml: str) -> None:
    files = {"requirements.txt": "numpy\u202e==1\x1b\n-r \x1b.txt\n", "\x1b\u202e/mlreef.toml": ""}
    validation = check(script, toml, files)
    assert len(validation.problems) > 2
    for problem in validation.problems:
        assert str(problem).isprintable(), ascii(str(problem))


def test_a_tree_of_links_has_no_files() -> None:
    names = ("mlreef.toml", "requirements.txt", "train.py")
    tree = memory_tree({}, [(name, SYMLINK, b"/etc/passwd") for name in names])
    validation = validate(tree, name="repo", config=Config())
    assert sorted({each.rule for each in validation.problems}) == [
        "entry-point-missing",
        "requirements-missing",
        "toml-invalid",
        "tree-symlink",
    ]
    assert (validation.manifests, validation.files) == ((), 3)


@pytest.mark.parametrize(
    ("environment", "missing"),
    [("", 1), ('PYTHONUNBUFFERED = "1"', 1), ('PYTHONPATH = "lib"', 0), ('PYTHONPATH = ""', 1)],
)
def test_an_environment_may_tell_where_modules_are(environment: str, missing: int) -> None:
    manifest = one("import absent\n" + SCRIPT, f"{COMPLETE}[module.environment]\n{environment}\n")
    assert len([*missing_imports(manifest, {"argparse"})]) == missing


def test_an_own_file_that_is_missing_is_not_taken_for_a_package() -> None:
    manifest = one("import helpers\nimport sklearn.svm\n" + SCRIPT, COMPLETE)
    own, package = missing_imports(manifest, {"argparse"})
    assert own.hint == (
        "if helpers.py is a file of yours, git add it;"
        " else write helpers==<version> into requirements.txt"
    )
    assert package.hint == "write scikit-learn==<version> into requirements.txt"

"""Modules as other programs read them: values through pure functions, and files of a registry."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.cli.export import export
from mlreef_hooks.command_line import write_arguments
from mlreef_hooks.errors import PublishError
from mlreef_hooks.export_files import write_audiences
from mlreef_hooks.exports.cwl import tool
from mlreef_hooks.exports.cwl_inputs import cwl_value, parameter_inputs
from mlreef_hooks.exports.gitlab_ci import write_gitlab_ci
from mlreef_hooks.exports.table import pipeline_of
from mlreef_hooks.exports.trs import CWLTOOL_ROOT, ROOT, registry_files
from mlreef_hooks.index import Document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.manifest import Parameter
from tests.index_entries import make_entry

TOPS = (ROOT, CWLTOOL_ROOT)


def parameter(**fields: Any) -> dict[str, Any]:
    """A parameter as in the index."""
    usual: dict[str, Any] = {
        "name": "x", "type": "string", "required": False, "default": None, "description": "",
        "option": "--x",
    }  # fmt: skip
    return Parameter(**{**usual, **fields}).to_json()


@pytest.mark.parametrize(
    ("fields", "kind", "value", "expected"),
    [
        ({"type": "integer"}, "long", 3, 3),
        ({"type": "integer"}, "long", 1 << 70, float(1 << 70)),
        ({"type": "float"}, "double", 0.5, 0.5),
        ({"type": "complex"}, "string", "1+2j", "1+2j"),
        ({"type": "dictionary"}, "string", {"$include": "/etc"}, '{"$include": "/etc"}'),
        ({"type": "undefined"}, "string", [1], "[1]"),
        ({"type": "list"}, "string", [1, "a"], '[1, "a"]'),
        ({"type": "list", "nargs": "+"}, {"type": "array", "items": "string"},
         [1, "a"], ["1", "a"]),
        ({"choices": ("a", "b")}, {"type": "enum", "symbols": ["a", "b"]}, "a", "a"),
        ({"choices": ("a", "b/c")}, "string", "b/c", "b/c"),
        ({"type": "integer", "choices": (1, 2)}, "long", 1, 1),
        ({"type": "boolean", "nargs": 0}, "boolean", True, True),
        ({"type": "boolean", "nargs": 0, "negative": "--no-x"},
         {"type": "enum", "symbols": ["--x", "--no-x"]}, False, "--no-x"),
        ({"type": "boolean"}, {"type": "enum", "symbols": ["true", "false"]}, True, "true"),
        ({"type": "boolean", "negative": ""}, "string", False, ""),
    ],
)  # fmt: skip
def test_a_parameter_is_an_input(
    fields: dict[str, Any], kind: Any, value: Any, expected: Any
) -> None:
    found = parameter(**fields)
    assert parameter_inputs([found])["x"]["type"] == ["null", kind]
    assert cwl_value(found, value) == expected


def test_what_a_runner_evaluates_holds_no_word_of_a_module() -> None:
    wild = "$(inputs) ${return 1}"
    document = make_entry(
        title=wild,
        description=wild,
        parameters=tuple(
            Parameter(
                name=name, type="string", required=name == "input-path", default=None,
                description=wild, option=f"--{name}", choices=(wild,) if name == "z" else None,
            )
            for name in ("input-path", "output-path", "z")
        ),
    ).document()  # fmt: skip
    made = tool(document, document["versions"][0], folders=("a", "b"))
    evaluated = [made["requirements"], made["arguments"], made["outputs"]]
    evaluated += [each.get("inputBinding") for each in made["inputs"].values()]
    text = json.dumps(evaluated)
    assert "$(inputs)" not in text
    assert "${" not in text
    assert text.count("$(") == 2  # the two folders, by names of our own


def test_required_defaults_and_dashes_are_as_a_run_writes_them() -> None:
    needed = parameter(required=True, default="-5")
    made = parameter_inputs([needed])["x"]
    assert (made["type"], made["default"]) == (["null", "string"], "-5")
    assert made["inputBinding"] == {"position": 1, "prefix": "--x=", "separate": False}
    assert write_arguments([needed], {"x": "-5"}) == ["--x=-5"]


def test_an_amount_of_memory_that_is_none_is_said() -> None:
    document = make_entry().document()
    document["versions"][0]["resources"]["memory"] = "4g\x1b"
    with pytest.raises(PublishError, match="is no amount of memory"):
        tool(document, document["versions"][0])


def test_gitlab_needs_an_image_in_a_registry() -> None:
    document = make_entry().document()
    with pytest.raises(PublishError, match="is in no registry"):
        write_gitlab_ci(pipeline_of(document, document["versions"][0], {}))


def test_what_only_an_engine_has_is_exported_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLREEF_HOOKS_CONFIG", "")
    IndexFiles(tmp_path).add(make_entry().document())
    words = ["vision/add-noise", "--to", "cwl", "--index", str(tmp_path / "public")]
    export.main(words, standalone_mode=False, obj=None)
    said = capsys.readouterr()
    assert said.out.startswith("cwlVersion:")
    assert said.err.startswith("warning: the image of vision/add-noise@1.2.0 is in no registry: ")


def test_an_image_whose_name_is_none_goes_nowhere() -> None:
    document = make_entry().document()
    version = document["versions"][0]
    version["image"]["reference"] = "registry.example/$CI_JOB_TOKEN:1"
    with pytest.raises(PublishError):
        write_gitlab_ci(pipeline_of(document, version, {}))
    with pytest.raises(PublishError):
        tool(document, version)


# the registry


def served(folder: Path, audiences: dict[str, list[Document]]) -> dict[str, bytes]:
    """The files of a registry that is written, by their places."""
    files = {name: registry_files(found, name, "") for name, found in audiences.items()}
    write_audiences(folder, files, TOPS)
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_module_that_is_private_now_is_not_left_where_others_read(tmp_path: Path) -> None:
    noise, other = make_entry().document(), make_entry(name="other").document()
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.json").write_text("of somebody else")
    before = served(tmp_path, {"public": [noise, other]})
    assert any("vision~add-noise" in place for place in before)
    after = served(tmp_path, {"public": [other], "private/vision": [noise]})
    public = {place: text for place, text in after.items() if place.startswith("public/")}
    assert not any("add-noise" in place for place in public)
    assert b"vision~add-noise" not in public[f"public/{ROOT}/tools/index.json"]
    assert "public/index.json" in after
    closed = tmp_path / "private/vision" / ROOT / "service-info"
    assert closed.stat().st_mode & 0o777 == 0o640
    assert served(tmp_path, {}) == {"public/index.json": b"of somebody else"}


def test_no_module_stands_in_the_place_of_another() -> None:
    names = [("a", "b"), ("a/b", "versions"), ("a/b/versions", "1.2.0")]
    documents = [make_entry(namespace=space, name=name).document() for space, name in names]
    files = registry_files(documents, "public", "https://tools.example")
    tools = json.loads(files[f"{ROOT}/tools/index.json"])
    assert [each["id"] for each in tools] == ["a~b", "a~b~versions", "a~b~versions~1.2.0"]
    for each in tools:
        assert json.loads(files[f"{ROOT}/tools/{each['id']}/index.json"]) == each
        assert each["url"] == f"https://tools.example/{ROOT}/tools/{each['id']}"


def test_a_yanked_version_and_a_candidate_are_not_for_production() -> None:
    document = make_entry(version="2.0rc1").document()
    (tool_,) = json.loads(registry_files([document], "public", "")[f"{ROOT}/tools/index.json"])
    assert tool_["versions"][0]["is_production"] is False

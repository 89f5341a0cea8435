"""docs/index.md: every field of every document with its type, every label, true examples."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from packaging.version import Version

from mlreef_hooks.config import Config
from mlreef_hooks.image import BuiltImage, Dependencies
from mlreef_hooks.image_plan import image_labels
from mlreef_hooks.index import IndexEntry
from mlreef_hooks.push import PublishRequest, RepositoryName
from mlreef_hooks.validation import validate
from tests.support.pages import SOURCES, TEXTS, blocks, code, sections, table
from tests.support.trees import memory_tree

SECTIONS = {
    "index": ("index.json",),
    "listing": ("Listing",),
    "module": ("Module", "A version", "A channel", "A parameter"),
}
TYPE_WORDS = {
    "array": "list", "boolean": "true or false", "integer": "whole number", "null": "null",
    "object": "object", "string": "text", "any": "anything",
}  # fmt: skip


def schema_of(name: str) -> Any:
    """A JSON Schema of the index."""
    return json.loads(resources.files("mlreef_hooks").joinpath(f"schemas/{name}.json").read_bytes())


def schema_fields(schema: Any, node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a document, dotted, with its type in words."""
    for name, value in node.get("properties", {}).items():
        field = resolved(schema, value)
        yield f"{prefix}{name}", type_words(field)
        inner = {".": field, "[].": field.get("items"), ".*.": field.get("additionalProperties")}
        for mark, below in inner.items():
            yield from schema_fields(schema, resolved(schema, below), f"{prefix}{name}{mark}")


def resolved(schema: Any, node: Any) -> Any:
    """The node that a reference stands for; an empty one where there is none."""
    if not isinstance(node, dict):
        return {}
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def type_words(field: Any) -> str:
    """The type of a field in words."""
    if "const" in field:
        return str(field["const"])
    said = field.get("type", "string" if "enum" in field else "any")
    return " or ".join(TYPE_WORDS[each] for each in ([said] if isinstance(said, str) else said))


def documented_fields(name: str) -> dict[str, str]:
    """The fields that the page documents for a schema, with their types."""
    texts = [sections("docs/index.md")[each] for each in SECTIONS[name]]
    rows = [row for text in texts for row in table(text, "field")]
    assert all(meaning for _, _, meaning in rows)
    return {code(field)[0]: words for field, words, _ in rows}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_field_is_documented_with_its_type(name: str) -> None:
    schema = schema_of(name)
    assert documented_fields(name) == dict(schema_fields(schema, schema))


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_of_a_document_fits_its_schema(name: str) -> None:
    text = sections("docs/index.md")[SECTIONS[name][0]]
    (example,) = [block.text for block in blocks(text) if block.language == "json"]
    Draft202012Validator(schema_of(name)).validate(json.loads(example))


def test_every_word_is_named() -> None:
    texts = "".join(json.dumps(schema_of(name)) for name in SECTIONS)
    enums = [json.loads(enum) for enum in re.findall(r'"enum": (\[[^\]]*\])', texts)]
    words = {word for enum in enums for word in enum}
    assert words
    assert words - set(code(TEXTS["docs/index.md"])) == set()


def complete_entry() -> IndexEntry:
    """An entry that says everything."""
    script = next(each for each in blocks(TEXTS["docs/authors.md"]) if each.file == "turn.py")
    tree = memory_tree({"turn.py": script.text, "requirements.txt": ""})
    (manifest,) = validate(tree, name="turn", config=Config()).manifests
    image = BuiltImage(
        reference="r:1",
        digest="sha256:3",
        id="sha256:" + "d" * 64,
        size=1,
        code_size=1,
        platform="linux/a",
    )
    return IndexEntry(
        request=PublishRequest(
            repository=RepositoryName(key="vision/turn", namespace="vision", name="turn"),
            tag="publish/1.0", module=None, version=Version("1.0"), commit="1" * 40, pusher="ada",
            notes="",
        ),
        manifest=replace(manifest, author="Ada", licenses="MIT", description="Turns pictures"),
        dependencies=Dependencies(
            id="sha256:1", layers=(), environment=(), architecture="amd64", locked=(),
            base_name="default", base_image="python:3.11", base_digest="sha256:2", reused=True,
        ),
        visibility="public",
        source="https://git.example/vision/turn.git",
        image=image,
    )  # fmt: skip


def test_every_field_that_is_written_is_documented() -> None:
    document = complete_entry().document()
    (version,) = document["versions"]
    written = {*document, *(f"versions[].{name}" for name in version)}
    written |= {f"versions[].parameters[].{name}" for name in version["parameters"][0]}
    for name in ("image", "base", "resources"):
        written |= {f"versions[].{name}.{inner}" for inner in version[name]}
    assert written - documented_fields("module").keys() == set()


def test_every_label_of_an_image_is_documented() -> None:
    rows = table(sections("docs/index.md")["Labels of an image"], "label")
    assert {code(row[0])[0] for row in rows} == set(image_labels(complete_entry(), 0))


def test_every_label_of_ours_is_named_somewhere() -> None:
    ours = set(re.findall(r'"(io\.mlreef\.\w+)"', SOURCES))
    assert ours
    assert ours - {name for text in TEXTS.values() for name in code(text)} == set()

"""What the documents of the index say, against their schemas and the contract's fields."""

import json
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import validator_for

from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_plan import MODULE_LABEL, image_labels, plan_image
from mlreef_hooks.index import (
    LIMIT,
    LISTING_FIELDS,
    Document,
    add_version,
    change_listing,
    find_version,
    listing_line,
    newest,
    set_yanked,
)
from mlreef_hooks.index_audience import SCHEMAS
from mlreef_hooks.index_claims import check_namespace
from mlreef_hooks.manifest import DATA_TYPES, KINDS, PARAMETER_TYPES, VISIBILITIES, Parameter
from mlreef_hooks.parameters_schema import parameters_schema
from mlreef_hooks.tree import ReadObjects, SourceTree
from tests.index_entries import IMAGE, PARAMETERS, make_entry

# The fields of the contract, by the path to the object that holds them.
CONTRACT: dict[str, str] = {
    "": "v name namespace kind title description visibility source versions",
    "versions": "version commit tag published_at published_by notes yanked yank_reason image"
    " entry_point command inputs outputs parameters parameters_schema requirements locked"
    " environment base resources",
    "versions image": "reference digest size platform",
    "versions parameters": "name type required default description choices",
    "versions base": "name digest",
    "versions resources": "gpu",
}


def schema(name: str) -> Document:
    """One of the schemas that the index carries along."""
    path = resources.files("mlreef_hooks").joinpath(f"schemas/{name}.json")
    found: Document = json.loads(path.read_text())
    return found


FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    """True for RFC 3339 in UTC; jsonschema itself looks at it only with a further package."""
    return not isinstance(value, str) or bool(datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z"))


@cache
def validator(name: str) -> Draft202012Validator:
    """A validator that checks formats too."""
    return Draft202012Validator(schema(name), format_checker=FORMATS)


def publish(*entries: Any) -> Document:
    """The document of entries published one after the other."""
    document = None
    for entry in entries:
        document = add_version(document, entry.document())
    assert document is not None
    return document


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert validator_for(schema(name)) is Draft202012Validator
    assert schema(name)["$id"].endswith(f"/{name}.json")


def test_schemas_know_the_words_of_the_manifest() -> None:
    module = schema("module")
    line = schema("listing")["properties"]["modules"]["items"]
    assert module["$defs"]["dataTypes"]["items"]["enum"] == [*DATA_TYPES]
    assert module["$defs"]["parameter"]["properties"]["type"]["enum"] == [*PARAMETER_TYPES]
    for properties in (module["properties"], line["properties"]):
        assert {*properties["kind"]["enum"]} == {*KINDS.values()}
        assert {*properties["visibility"]["enum"]} == {*VISIBILITIES}
    assert line["required"] == [*LISTING_FIELDS]


def test_a_document_fits_its_schema_and_holds_every_field_of_the_contract() -> None:
    document = publish(make_entry("1.0"), make_entry("1.1rc1", commit="5" * 64))
    validator("module").validate(document)
    for path, fields in CONTRACT.items():
        found: Any = document
        for step in path.split():
            found = found[step]
            found = found[0] if isinstance(found, list) else found
        assert not {*fields.split()} - {*found}, path
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("v", 2), ("name", "Add Noise"), ("kind", "operation"), ("visibility", "secret"),
        ("versions", []), ("versions 0 commit", "4f1c9ab"), ("versions 0 published_at", "today"),
        ("versions 0 published_at", None), ("versions 0 image", None),
        ("versions 0 inputs 0", "PIXEL"), ("versions 0 image digest", "latest"),
        ("versions 0 parameters 0 type", "str"),
        ("versions 0 environment OMP_NUM_THREADS", 1), ("versions 0 command", []),
    ],
)  # fmt: skip
def test_a_document_of_another_form_is_refused(path: str, value: Any) -> None:
    document: Any = json.loads(json.dumps(publish(make_entry())))
    *steps, last = (int(step) if step.isdigit() else step for step in path.split())
    place = document
    for step in steps:
        place = place[step]
    assert place[last] != value
    place[last] = value
    with pytest.raises(ValidationError):
        validator("module").validate(document)


def test_facts_of_a_version() -> None:
    (version,) = make_entry("1.02").document()["versions"]
    assert version["version"] == "1.2"
    assert version["tag"] == "publish/1.02"
    assert version["command"] == ["python", "/module/src/add_noise.py"]
    assert version["image"] == IMAGE.to_json()
    assert (version["yanked"], version["yank_reason"]) == (False, None)
    assert version["metrics"] == [
        {"name": "RECALL", "ground_truth": "truth", "prediction": "guess"}
    ]


VALUES = {"input-path": "/in", "output-path": "/out"}


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        ({}, True), ({"mode": "salt"}, True), ({"mode": "pepper"}, False), ({"mode": 1}, False),
        ({"size": [1, 2]}, True), ({"size": [1]}, False), ({"size": [1, 2, 3]}, False),
        ({"pair": [[1, 2], [3, 4], [5, 6]]}, True), ({"colours": ["red", "red"]}, True),
        ({"colours": ["green"]}, False), ({"colours": "red"}, False), ({"shuffle": False}, True),
        ({"shuffle": "no"}, False), ({"unknown": 1}, False), ({"input-path": None}, False),
    ],
)  # fmt: skip
def test_values_of_a_run_fit_the_schema_of_its_parameters(
    values: dict[str, Any], fits: bool
) -> None:
    made = parameters_schema(PARAMETERS)
    Draft202012Validator.check_schema(made)
    assert Draft202012Validator(made).is_valid({**VALUES, **values}) == fits
    assert not Draft202012Validator(made).is_valid(values)  # the two paths are required


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("string", "x", 1), ("integer", 1, 1.5), ("float", 1.5, "1.5"), ("complex", "(1+2j)", 1),
        ("boolean", True, 1), ("list", [1], 1), ("tuple", [1], "x"), ("dictionary", {"a": 1}, [1]),
    ],
)  # fmt: skip
def test_each_type_has_values(type_: str, good: Any, bad: Any) -> None:
    parameter = Parameter(name="x", type=type_, required=True, default=None, description="")
    made = Draft202012Validator(parameters_schema([parameter]))
    assert made.is_valid({"x": good})
    assert not made.is_valid({"x": bad})


@pytest.mark.parametrize("type_", ["object", "undefined"])
def test_types_that_take_any_value(type_: str) -> None:
    parameter = Parameter(name="x", type=type_, required=True, default=None, description="")
    made = Draft202012Validator(parameters_schema([parameter]))
    assert all(made.is_valid({"x": value}) for value in (1, "x", None, [1], {"a": 1}))


@pytest.mark.parametrize(
    ("versions", "yanked", "expected"),
    [
        ("1.0 2.0 1.5", "", "2.0"), ("1.0 2.0rc1", "", "1.0"), ("1.0 2.0.dev1", "", "1.0"),
        ("1.0 2.0", "2.0", "1.0"), ("1.0 2.0 3.0rc1", "2.0", "1.0"),
        ("1.0rc1 1.0rc2", "", "1.0rc2"),
        ("1.0 2.0rc1", "1.0", "2.0rc1"), ("1.0 2.0", "1.0 2.0", "2.0"), ("9 10", "", "10"),
        ("1.0 1!0.1", "", "1!0.1"), ("1.0 1.0.post1", "", "1.0.post1"),
        ("1.0 2.0rc1 3.0", "1.0 3.0", "2.0rc1"),
    ],
)  # fmt: skip
def test_the_version_for_those_who_name_none(versions: str, yanked: str, expected: str) -> None:
    document = publish(*map(make_entry, versions.split()))
    for version in yanked.split():
        document = set_yanked(document, version, yanked=True, reason="broken")
    assert newest(document["versions"])["version"] == expected
    line = listing_line(document)
    assert (line["version"], line["yanked"]) == (expected, expected in yanked.split())


@pytest.mark.parametrize(
    ("order", "title"),
    [
        ("1.0 2.0", "2.0"), ("2.0 1.0", "2.0"), ("2.0 1.0 1.5", "2.0"), ("1.0 2.0rc1", "1.0"),
        ("2.0rc1 1.0", "1.0"), ("1.0rc1 2.0rc1", "2.0rc1"),
    ],
)  # fmt: skip
def test_the_title_is_that_of_the_newest_version(order: str, title: str) -> None:
    document = publish(*(make_entry(version, title=version) for version in order.split()))
    assert document["title"] == title
    assert listing_line(document)["title"] == title


def test_versions_stand_from_high_to_low_and_stay_as_they_were() -> None:
    one, two, ten = (make_entry(version) for version in ("1.0", "2.0", "10.0"))
    document = publish(two, ten, one)
    assert [each["version"] for each in document["versions"]] == ["10.0", "2.0", "1.0"]
    assert document["versions"] == [entry.document()["versions"][0] for entry in (ten, two, one)]


def test_a_yank_changes_nothing_else() -> None:
    document = publish(make_entry("1.0"), make_entry("2.0"))
    yanked = set_yanked(document, "2", yanked=True, reason="broken")
    changed = {**document["versions"][0], "yanked": True, "yank_reason": "broken"}
    assert yanked == {**document, "versions": [changed, document["versions"][1]]}
    assert set_yanked(yanked, "2.0.0", yanked=False, reason=None) == document
    validator("module").validate(yanked)


@pytest.mark.parametrize(
    ("version", "found"), [("1.0", "1.0"), ("1", "1.0"), ("1.0.0", "1.0"), ("1.0rc1", None)]
)
def test_versions_are_found_by_what_they_mean(version: str, found: str | None) -> None:
    entry = find_version(publish(make_entry("1.0"), make_entry("2.0")), version)
    assert (entry and entry["version"]) == found


def test_a_listing_line_is_dated_by_the_last_publish() -> None:
    early, late = "2026-01-01T00:00:00Z", "2026-11-23T00:00:00Z"
    document = publish(make_entry("2.0", published_at=early), make_entry("1.0", published_at=late))
    line = listing_line(document)
    found_by = {"repository": "vision/add-noise", "author": "Ada", "base": "default", "gpu": True}
    assert tuple(line) == (*LISTING_FIELDS, *found_by)
    assert {name: line[name] for name in found_by} == found_by
    tagged = listing_line(publish(make_entry(tags=("noise",), author=None)))
    assert (tagged["tags"], "author" in tagged) == (["noise"], False)
    assert (line["version"], line["updated_at"]) == ("2.0", late)
    assert line["inputs"] == ["IMAGE"]


def test_a_listing_is_kept_in_order() -> None:
    lines = [listing_line(publish(make_entry(name=name))) for name in ("b", "a", "c")]
    listing = None
    for line in lines:
        listing = change_listing(listing, "vision", line["name"], line)
    validator("listing").validate(listing)
    assert listing is not None
    assert [line["name"] for line in listing["modules"]] == ["a", "b", "c"]
    listing = change_listing(listing, "vision", "b", {**lines[0], "title": "other"})
    assert [line["title"] for line in listing["modules"]] == ["Add noise", "other", "Add noise"]
    listing = change_listing(listing, "vision", "b", None)
    assert [line["name"] for line in listing["modules"]] == ["a", "c"]
    assert change_listing(None, "vision", "b", None)["modules"] == []


def test_the_label_holds_the_document_without_what_the_bytes_cannot_know() -> None:
    entry = replace(make_entry("1.2.0"), image=None, published_at=None, published_by=None)
    labels = dict(image_labels(entry, 1_767_225_600))
    document = json.loads(labels.pop(MODULE_LABEL))
    assert document.items() <= {**entry.document(), "visibility": None}.items()
    assert {*entry.document()} - {*document} == {LIMIT}
    assert document["versions"][0]["image"] is None
    prefix = "org.opencontainers.image."
    assert {name.removeprefix(prefix): text for name, text in labels.items()} == {
        "title": "Add noise", "description": "Adds noise to images \N{SNOWMAN}", "version": "1.2.0",
        "revision": "4" * 40, "source": "ssh://git@git.example/vision/add-noise.git",
        "created": "2026-01-01T00:00:00Z", "authors": "Ada", "licenses": "MIT",
        "base.name": "python:3.11", "base.digest": "sha256:" + "b" * 64,
    }  # fmt: skip


def test_labels_of_what_is_not_known_are_left_out() -> None:
    labels = image_labels(make_entry(author=None, licenses=None, description=""), 0)
    assert {name.rpartition(".")[2] for name in labels} == {
        "title", "version", "revision", "source", "created", "name", "digest", "module",
    }  # fmt: skip


def test_the_plan_of_an_image() -> None:
    tree = SourceTree([], ReadObjects(lambda entry: b""))
    spec = plan_image(make_entry("1!2.0"), tree, 7, "registry.example/mlreef")
    assert spec.reference == "registry.example/mlreef/vision/add-noise:1-2.0"
    assert spec.command == ("python", "/module/src/add_noise.py")
    assert (spec.created, spec.tree, spec.environment) == (7, tree, {"OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("vision/a", "vision/b", True),
        ("vision/a/", "vision/b", True),  # folders whose names do not end with .git
        ("vision/a/", "vision/b/", True),
        ("vision/a@0123456789abcdef", "vision/b/@fedcba9876543210", True),  # without a root
        ("vision/a", "Vision/b", False),
        ("vision/a/", "Vision/b/", False),
        ("vision/a/@0123456789abcdef", "Vision/b@0123456789abcdef", False),
        ("vision/x/a", "vision/b", False),
    ],
)
def test_a_namespace_is_that_of_one_folder(first: str, second: str, same: bool) -> None:
    neighbour = {"repository": first, "namespace": "vision", "visibility": "public"}
    if same:
        check_namespace(neighbour, second)
    else:
        with pytest.raises(PublishError, match="belongs to the folder vision"):
            check_namespace(neighbour, second)

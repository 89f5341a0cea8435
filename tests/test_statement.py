"""What statements and bills of materials say of all kinds of versions, and what differs."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement

from mlreef_hooks.image import Dependencies
from mlreef_hooks.index import Document, set_yanked
from mlreef_hooks.provenance import (
    Places,
    Run,
    encode_file,
    entry_digest,
    first_difference,
    make_statement,
    named_files,
)
from mlreef_hooks.provenance_check import Attested, first_fault
from mlreef_hooks.sbom import make_bill
from tests.index_entries import DEPENDENCIES, make_entry

RUN = Run(
    builder="https://git.example/mlreef-hooks", program="0.1.0", invocation="7", base="python:3.11",
    started="2026-11-23T02:32:00Z", source="ssh://git@git.example/x.git",
)  # fmt: skip
WHEELS = [
    {"name": name, "version": version, "file": f"{name}-{version}.whl", "sha256": digit * 64}
    for name, version, digit in (("a-b", "1.0+cu121", "1"), ("c", "1!2.0", "2"))
]
KINDS = {
    "wheels": replace(DEPENDENCIES, locked=("a-b==1.0+cu121", "c==1!2.0"), wheels=tuple(WHEELS)),
    "nothing": replace(DEPENDENCIES, locked=()),
    "by pip": replace(
        DEPENDENCIES,
        locked=("d==3", "e @ https://x.example/e-1.zip", f"f @ git+https://x.example/f@{'5' * 40}"),
    ),
}


def document_of(dependencies: Dependencies, **facts: Any) -> Document:
    """The document of a module with one version, as it is read again."""
    entry = replace(make_entry(**facts), dependencies=dependencies)
    document: Document = json.loads(json.dumps(entry.document()))
    return document


def attested(document: Document, run: Run = RUN) -> Attested:
    """The version of a document with what belongs to it, unsigned."""
    (version,) = document["versions"]
    bill = encode_file(make_bill(document, version))
    files = {
        "statement": encode_file(make_statement(document, version, run, bill)), "sbom": bill,
    }  # fmt: skip
    places = vars(Places.of(document["namespace"], document["name"], version["version"]))
    version["provenance"] = {
        key: {"path": places[key], "sha256": hashlib.sha256(content).hexdigest()}
        for key, content in files.items()
    }
    return Attested(document=document, version=version, files=files)


@pytest.mark.parametrize("commit", ["4" * 40, "4" * 64], ids=["sha1", "sha256"])
@pytest.mark.parametrize("source", [RUN.source, None], ids=["source", "no source"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_version_has_a_statement_and_a_bill(
    kind: str, source: str | None, commit: str
) -> None:
    found = attested(document_of(KINDS[kind], commit=commit), replace(RUN, source=source))
    assert first_fault(found) is None
    statement, bill = json.loads(found.files["statement"]), found.files["sbom"].decode()
    pb = ParseDict(statement, Statement([], "", {}).pb)
    Statement.copy_from_pb(pb).validate()
    provenance = ParseDict(statement["predicate"], Provenance())
    for dependency in provenance.build_definition.resolved_dependencies:
        assert dependency.uri or dependency.digest
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    names = [each["name"] for each in json.loads(bill)["components"]]
    assert names == [
        "default",
        *(each.split("==")[0].split(" @ ")[0] for each in KINDS[kind].locked),
    ]


def test_packages_have_urls_that_hold_what_a_url_may() -> None:
    found = attested(document_of(KINDS["wheels"]))
    purls = [each.get("purl") for each in json.loads(found.files["sbom"])["components"]]
    assert purls == [None, "pkg:pypi/a-b@1.0%2Bcu121", "pkg:pypi/c@1%212.0"]


def test_the_same_version_has_the_same_bill_and_no_other_has_its_number() -> None:
    bills = [
        make_bill(document, document["versions"][0])
        for document in (
            document_of(DEPENDENCIES), document_of(DEPENDENCIES),
            document_of(DEPENDENCIES, version="1.3"), document_of(DEPENDENCIES, name="other"),
        )
    ]  # fmt: skip
    assert encode_file(bills[0]) == encode_file(bills[1])
    assert len({bill["serialNumber"] for bill in bills}) == 3


def test_every_field_but_what_may_change_is_covered() -> None:
    document = document_of(KINDS["wheels"])
    (version,) = document["versions"]
    digest = entry_digest(version)
    for field in version:
        same = entry_digest({**version, field: "other"}) == digest
        assert same == (field in ("yanked", "yank_reason")), field
    yanked = set_yanked(document, "1.2.0", yanked=True, reason="broken")
    assert entry_digest({**yanked["versions"][0], "provenance": {}}) == digest


def test_only_the_own_files_of_a_version_are_named() -> None:
    document = attested(document_of(DEPENDENCIES, namespace="vision/lab")).document
    stem = "provenance/vision/lab/add-noise/add-noise@1.2.0"
    assert named_files(document) == {f"{stem}.intoto.json", f"{stem}.cdx.json"}
    document["versions"][0]["provenance"]["statement"]["path"] = "../../etc/passwd"
    document["versions"][0]["provenance"]["other"] = {"path": "x", "sha256": "y"}
    assert named_files(document) == {f"{stem}.intoto.json", f"{stem}.cdx.json"}


@pytest.mark.parametrize(
    ("said", "due", "expected"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, None),
        ({"a": [1, {"b": 3}]}, {"a": [1, {"b": 2}]}, "a[1].b is 3, not 2"),
        ({"a": 1, "more": 2}, {"a": 1}, "more is 2, not None"),
        ({}, {"a": 1}, "a is None, not 1"),
        ({"a": True}, {"a": 1}, "a is True, not 1"),
        ({"a": [1]}, {"a": [1, 2]}, "a is [1], not [1, 2]"),
        ([], {}, " is [], not {}"),
    ],
)
def test_what_differs_first(said: Any, due: Any, expected: str | None) -> None:
    assert first_difference(said, due) == expected


def change(statement: Any, *path: Any, value: Any) -> Any:
    """A statement with another value at a place."""
    copy = json.loads(json.dumps(statement))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


@pytest.mark.parametrize("value", [None, 3, [], {}, "text", True, [[]], {"x": 1}])
@pytest.mark.parametrize(
    "path",
    [
        ("predicate",), ("predicate", "buildDefinition"), ("predicate", "runDetails"),
        ("predicate", "buildDefinition", "buildType"),
        ("predicate", "buildDefinition", "externalParameters"),
        ("predicate", "buildDefinition", "resolvedDependencies"),
        ("predicate", "buildDefinition", "resolvedDependencies", 1, "name"),
        ("predicate", "runDetails", "builder"), ("predicate", "runDetails", "builder", "version"),
        ("predicate", "runDetails", "metadata"),
        ("predicate", "runDetails", "metadata", "finishedOn"),
        ("predicate", "runDetails", "byproducts"), ("subject",), ("_type",), ("predicateType",),
    ],
)  # fmt: skip
def test_a_statement_of_another_form_is_a_fault(path: tuple[Any, ...], value: Any) -> None:
    found = attested(document_of(KINDS["wheels"]))
    statement = change(json.loads(found.files["statement"]), *path, value=value)
    content = encode_file(statement)
    named = found.version["provenance"]["statement"]
    named["sha256"] = hashlib.sha256(content).hexdigest()
    files = {**found.files, "statement": content}
    fault = first_fault(replace(found, files=files))
    if (
        path == ("predicate", "buildDefinition", "resolvedDependencies", 1, "name")
        and value == "text"
    ):
        assert fault is None  # the index does not tell the reference of the base
    else:
        assert fault is not None
        assert "statement" in fault

"""Files beside the index that say how a version was made, which may have come from anybody."""

import json
from typing import Any

from fuzz.harness import PART, Harness, parts_of
from mlreef_hooks.oci import sha256
from mlreef_hooks.provenance import Places, Run, encode_file, make_statement
from mlreef_hooks.provenance_check import Attested, first_fault
from mlreef_hooks.sbom import make_bill
from tests.index_entries import make_entry

_DOCUMENT = make_entry().document()
_VERSION = _DOCUMENT["versions"][0]
_PLACES = Places.of(_DOCUMENT["namespace"], _DOCUMENT["name"], _VERSION["version"])
_RUN = Run(
    builder="https://git.example", program="1.0", invocation="7", started="2026-01-01T00:00:00Z",
    base="python:3.11", source=None,
)  # fmt: skip
_LETTERS = 1000


def check_provenance(data: bytes) -> bool:
    """A statement and a bill of materials fit the index entry, or one sentence says why not."""
    statement, bill = parts_of(data, 2)
    files = {"statement": statement, "sbom": bill}
    named: Any = {
        key: {"path": getattr(_PLACES, key), "sha256": sha256(content).removeprefix("sha256:")}
        for key, content in files.items()
    }
    attested = Attested(document=_DOCUMENT, version={**_VERSION, "provenance": named}, files=files)
    fault = first_fault(attested)
    assert fault is None or 0 < len(fault) < _LETTERS, len(fault or "")
    return fault is None


def _seed() -> bytes:
    bill = encode_file(make_bill(_DOCUMENT, _VERSION))
    return encode_file(make_statement(_DOCUMENT, _VERSION, _RUN, bill)) + PART + bill


_SEED = _seed()
HARNESSES = {
    "provenance": Harness(
        check_provenance,
        (_SEED, json.dumps({"predicate": {}}).encode() + PART + _SEED.partition(PART)[2]),
        (PART, b"null", b"[]", b"{}", b'"predicate":', b'"components":', b"[" * 99, b"1e999"),
    ),
}

"""Whether the provenance of a version, its index entry and its files say the same."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlreef_hooks.index import Document
from mlreef_hooks.oci import sha256
from mlreef_hooks.provenance import Places, Run, first_difference, make_statement
from mlreef_hooks.sbom import make_bill, materials


@dataclass(frozen=True, kw_only=True)
class Attested:
    """A version of a module's document, and its files that were found: by `statement`, `sbom` and
    `signature`.
    """

    document: Document
    version: Document
    files: Mapping[str, bytes]

    def run(self) -> Run:
        """The run that the statement tells of; ValueError where it tells of none."""
        return Run.read(json.loads(self.files["statement"]))


def first_fault(attested: Attested) -> str | None:
    """What is not as it should be, first; None where all say the same.

    Whether a signature is one is not looked at here.
    """
    try:
        return next(_faults(attested), None)
    except (ValueError, RecursionError) as error:
        return f"the statement or the bill of materials cannot be read: {error}"


def _faults(attested: Attested) -> Iterator[str]:
    document, version, files = attested.document, attested.version, attested.files
    places = Places.of(document["namespace"], document["name"], version["version"])
    for key, named in version["provenance"].items():
        place = getattr(places, key, None)
        if place is None:
            continue  # of a later release
        if named["path"] != place:
            yield f"the path of the {key} is {named['path']!r:.200}, not {place}"
        if key not in files:
            yield f"{place} is not there"
        elif sha256(files[key]) != f"sha256:{named['sha256']}":
            yield f"{place} is not what the index entry says: its hash is another"
    yield from _statement_faults(attested)
    bill = materials(json.loads(files["sbom"]))
    difference = first_difference(bill, materials(make_bill(document, version)))
    if difference:
        yield f"the bill of materials and the index entry differ: {difference}"


def _statement_faults(attested: Attested) -> Iterator[str]:
    said = json.loads(attested.files["statement"])
    due = make_statement(
        attested.document, attested.version, Run.read(said), attested.files["sbom"]
    )
    difference = first_difference(said, due)
    if difference:
        yield f"the statement and the index entry differ: {difference}"

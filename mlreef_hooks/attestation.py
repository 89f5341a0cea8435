"""The provenance of a version that is about to be published: made, signed, sent with its image."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mlreef_hooks import __version__
from mlreef_hooks.index import Document, IndexEntry
from mlreef_hooks.index_document import encode_document
from mlreef_hooks.oci import Artifact, ArtifactFile, sha256
from mlreef_hooks.presentation import README, Presentation
from mlreef_hooks.provenance import (
    BILL_MEDIA,
    PRESENTATION,
    SIGNATURE_MEDIA,
    STATEMENT_MEDIA,
    Places,
    Run,
    encode_file,
    make_statement,
)
from mlreef_hooks.sbom import make_bill
from mlreef_hooks.site import Site

# By how a file's name ends: of which artifact it is part, and of which type itself.
_MEDIA: Mapping[str, tuple[str, str]] = {
    ".intoto.json": (STATEMENT_MEDIA, STATEMENT_MEDIA),
    ".sig": (STATEMENT_MEDIA, SIGNATURE_MEDIA),
    ".cdx.json": (BILL_MEDIA, BILL_MEDIA),
}


@dataclass(frozen=True, kw_only=True)
class AttestedEntry:
    """A module's document with its one version, which names `files` by their places."""

    document: Document
    files: Mapping[str, bytes]


def attest(
    entry: IndexEntry, shown: Presentation, job_id: int, started: str, site: Site
) -> AttestedEntry:
    """The entry with what it brings along and its provenance; PublishError where the site's key
    does not sign.

    `started` is when the publish began, in RFC 3339.
    """
    document: Document = json.loads(encode_document(entry.document()))  # as its readers will see it
    (version,) = document["versions"]
    places = vars(Places.of(document["namespace"], document["name"], version["version"]))
    if shown.files:
        version[PRESENTATION] = _named(shown.files, places)
    if README in shown.files:
        version[PRESENTATION][README]["form"] = shown.form
    bill = encode_file(make_bill(document, version))
    run = describe_run(entry, job_id, started, site)
    statement = encode_file(make_statement(document, version, run, bill))
    contents = {"statement": statement, "sbom": bill}
    if site.sign:
        contents["signature"] = site.sign(statement)
    files = {places[key]: content for key, content in contents.items()}
    if site.attach:
        site.attach(version["image"], list_artifacts(files))
    version["provenance"] = _named(contents, places)
    files |= {places[key]: content for key, content in shown.files.items()}
    return AttestedEntry(document=document, files=files)


def _named(contents: Mapping[str, bytes], places: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """How an entry names files."""
    return {
        key: {"path": places[key], "sha256": sha256(content).partition(":")[2]}
        for key, content in contents.items()
    }


def list_artifacts(files: Mapping[str, bytes]) -> list[Artifact]:
    """What goes with the image: the statement with its signature, and the bill of materials."""
    found: dict[str, list[ArtifactFile]] = {STATEMENT_MEDIA: [], BILL_MEDIA: []}
    for place, content in files.items():
        type_, media_type = next(_MEDIA[end] for end in _MEDIA if place.endswith(end))
        name = place.rpartition("/")[2]
        found[type_].append(ArtifactFile(name=name, media_type=media_type, content=content))
    return [Artifact(type=type_, files=members) for type_, members in found.items()]


def describe_run(entry: IndexEntry, job_id: int, started: str, site: Site) -> Run:
    """The run of a job that makes an entry."""
    builder = site.config.provenance.builder_id
    return Run(
        builder=builder,
        program=__version__,
        invocation=f"{builder}/jobs/{job_id}/{started}",
        started=started,
        base=entry.dependencies.base_image,
        source=entry.source,
    )

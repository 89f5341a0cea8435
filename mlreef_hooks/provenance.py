"""How a published version was made, said as an in-toto statement with SLSA's provenance.

Formats: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://slsa.dev/spec/v1.0/provenance; docs/provenance.md tells what each field holds. A statement
follows from the index entry and from one `Run`, so that whoever has both can make it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from mlreef_hooks.index import LATER_FIELDS, Document
from mlreef_hooks.oci import encode, sha256

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://mlreef-hooks.example/build/v1"  # of another form, another number
STATEMENT_MEDIA = "application/vnd.in-toto+json"
SIGNATURE_MEDIA = "application/vnd.mlreef.ssh-signature"  # nobody has registered one
BILL_MEDIA = "application/vnd.cyclonedx+json"
PROGRAM = "mlreef-hooks"
ENTRY = "index entry"  # what the byproduct is called that covers all other fields of the index
FOLDER = "provenance"  # in each audience
PRESENTATION = "presentation"  # the field of a version that names its README and picture


@dataclass(frozen=True, kw_only=True)
class Run:
    """The run that published a version, as far as the index does not tell.

    `builder` is the site's URI, `program` the release of mlreef-hooks, `invocation` this one run,
    `started` when it began (RFC 3339); `base` is the base image's reference, `source` where the
    code could be fetched then.
    """

    builder: str
    program: str
    invocation: str
    started: str
    base: str
    source: str | None

    @classmethod
    def read(cls, statement: Document) -> Self:
        """The run that a statement tells of; ValueError where it is of another form."""
        try:
            predicate = statement["predicate"]
            definition, details = predicate["buildDefinition"], predicate["runDetails"]
            if definition["buildType"] != BUILD_TYPE:
                raise ValueError("it is of a kind of build that this program does not know")
            run = cls(
                builder=details["builder"]["id"],
                program=details["builder"]["version"][PROGRAM],
                invocation=details["metadata"]["invocationId"],
                started=details["metadata"]["startedOn"],
                base=definition["resolvedDependencies"][1]["name"],
                source=definition["externalParameters"]["source"],
            )
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError("it is no statement of mlreef-hooks") from error
        if not all(
            isinstance(fact, str) for fact in {**vars(run), "source": run.source or ""}.values()
        ):
            raise ValueError("it is no statement of mlreef-hooks")
        return run


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the files of a version are, relative to the folder of its audience.

    No name of a module holds an `@`, so that they never stand in the way of a namespace's folder.
    """

    statement: str
    sbom: str
    signature: str
    readme: str
    picture: str

    @classmethod
    def of(cls, namespace: str, name: str, version: str) -> Self:
        """Those of a version."""
        stem = f"{FOLDER}/{namespace}/{name}/{name}@{version}"
        statement = f"{stem}.intoto.json"
        return cls(
            statement=statement,
            sbom=f"{stem}.cdx.json",
            signature=f"{statement}.sig",
            readme=f"{stem}.readme",
            picture=f"{stem}.picture",
        )


def named_files(document: Document) -> set[str]:
    """The files that the versions of a module's document name, as far as they are its own."""
    found = set()
    for version in document["versions"]:
        places = Places.of(document["namespace"], document["name"], version["version"])
        said = {**version.get("provenance", {}), **version.get(PRESENTATION, {})}
        found |= {getattr(places, key) for key in vars(places) if key in said}
    return found


def make_statement(document: Document, version: Document, run: Run, bill: bytes) -> Document:
    """The statement of a version of a module's document; `bill` is its bill of materials."""
    image = version["image"]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": image["reference"], "digest": _digests(image["digest"])}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": _definition(document, version, run),
            "runDetails": _details(version, run, bill),
        },
    }


def _definition(document: Document, version: Document, run: Run) -> Document:
    """What was built of what."""
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "repository": document["repository"],
            "source": run.source,
            "tag": version["tag"],
            "commit": version["commit"],
            "module": f"{document['namespace']}/{document['name']}",
            "version": version["version"],
            "entryPoint": version["entry_point"],
        },
        "internalParameters": {"base": version["base"]["name"]},
        "resolvedDependencies": [*_dependencies(document, version, run)],
    }


def _details(version: Document, run: Run, bill: bytes) -> Document:
    """Who built it and when, and what came of it beside the image."""
    return {
        "builder": {"id": run.builder, "version": {PROGRAM: run.program}},
        "metadata": {
            "invocationId": run.invocation,
            "startedOn": run.started,
            "finishedOn": version["published_at"],
        },
        "byproducts": [
            {"name": "sbom", "digest": _digests(sha256(bill)), "mediaType": BILL_MEDIA},
            {"name": ENTRY, "digest": _digests(entry_digest(version))},
        ],
    }


def _digests(digest: str) -> Document:
    """A digest as in-toto writes it."""
    algorithm, _, value = digest.partition(":")
    return {algorithm: value}


def entry_digest(version: Document) -> str:
    """The digest of all that an entry says for ever: of what may change later, nothing."""
    return sha256(encode({key: version[key] for key in version if key not in LATER_FIELDS}))


def _dependencies(document: Document, version: Document, run: Run) -> Iterator[Document]:
    code: Document = {"name": document["repository"], "digest": {"gitCommit": version["commit"]}}
    if run.source:
        code["uri"] = f"git+{run.source}@{quote('refs/tags/' + version['tag'])}"
    yield code
    yield {"name": run.base, "digest": _digests(version["base"]["digest"])}
    if not version.get("wheels"):
        yield from map(_installed, version["locked"])
    for wheel in version.get("wheels", ()):
        uri = package_url(wheel["name"], wheel["version"])
        yield {"name": wheel["file"], "uri": uri, "digest": {"sha256": wheel["sha256"]}}


def _installed(locked: str) -> Document:
    """A package that pip installed, of which nobody knows the file."""
    name, version, url = read_locked(locked)
    return {"name": name, "uri": url or package_url(name, version)}


def read_locked(locked: str) -> tuple[str, str, str]:
    """Name, version and URL of a line of `locked`: one of the last two is empty."""
    name, direct, url = locked.partition(" @ ")
    if direct:
        return name, "", url
    name, _, version = locked.partition("==")
    return name, version, ""


def package_url(name: str, version: str) -> str:
    """The purl of a Python package (https://github.com/package-url/purl-spec)."""
    return f"pkg:pypi/{quote(name, safe='')}@{quote(version, safe='')}"


def encode_file(statement: Document) -> bytes:
    """The bytes of a statement or a bill, which depend on nothing but what it says."""
    return encode(statement) + b"\n"


def first_difference(said: Any, due: Any, place: str = "") -> str | None:
    """Where two documents differ first, as `a.b[2] is X, not Y`; None where they are equal."""
    if isinstance(said, dict) and isinstance(due, dict):
        keys = [*due, *(key for key in said if key not in due)]
        pairs = [(said.get(key), due.get(key), f"{place}.{key}") for key in keys]
    elif isinstance(said, list) and isinstance(due, list) and len(said) == len(due):
        pairs = [(*both, f"{place}[{n}]") for n, both in enumerate(zip(said, due, strict=True))]
    else:
        same = said == due and type(said) is type(due)
        return None if same else f"{place.lstrip('.')} is {said!r:.90}, not {due!r:.90}"
    return next(filter(None, (first_difference(*pair) for pair in pairs)), None)

"""What is in an image, as a bill of materials: CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json).

It follows from the index entry alone, its serial number included.
"""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from mlreef_hooks.index import Document
from mlreef_hooks.provenance import package_url, read_locked

_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"


def make_bill(document: Document, version: Document) -> Document:
    """The bill of materials of a version of a module's document."""
    image = _image(document, version)
    parts = [_base(version), *_packages(version)]
    refs = [part["bom-ref"] for part in parts]
    return {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": _serial(document, version),
        "version": 1,
        "metadata": {"timestamp": version["published_at"], "component": image},
        "components": parts,
        "dependencies": [
            {"ref": image["bom-ref"], "dependsOn": refs},
            *({"ref": ref} for ref in refs),
        ],
    }


def _serial(document: Document, version: Document) -> str:
    """A UUID (RFC 9562, version 8: of a hash of one's own) that the same version always has."""
    place = f"{document['namespace']}/{document['name']}@{version['version']}"
    digits = hashlib.sha256(f"{place} {version['image']['digest']}".encode()).hexdigest()
    parts = (digits[:8], digits[8:12], f"8{digits[12:15]}", f"8{digits[15:18]}", digits[18:30])
    return f"urn:uuid:{'-'.join(parts)}"


def _image(document: Document, version: Document) -> Document:
    reference, digest = version["image"]["reference"], version["image"]["digest"]
    place = reference.rpartition(":")[0]
    image: Document = {
        "bom-ref": "image",
        "type": "container",
        "name": f"{document['namespace']}/{document['name']}",
        "version": version["version"],
        "purl": f"pkg:oci/{document['name']}@{quote(digest, safe='')}"
        f"?repository_url={quote(place, safe='/')}",
        **_hashes(digest.partition(":")[2]),
    }
    if version.get("licenses"):
        image["licenses"] = [{"license": {"name": version["licenses"]}}]
    return image


def _base(version: Document) -> Document:
    base = version["base"]
    name, digest = base["name"], base["digest"]
    hashes = _hashes(digest.partition(":")[2])
    return {"bom-ref": "base", "type": "container", "name": name, "version": digest, **hashes}


def _packages(version: Document) -> Iterator[Document]:
    if version.get("wheels"):
        for wheel in version["wheels"]:
            yield {**_package(wheel["name"], wheel["version"]), **_hashes(wheel["sha256"])}
        return
    for locked in version["locked"]:
        name, number, url = read_locked(locked)
        yield (
            {"bom-ref": locked, "type": "library", "name": name, **_from(url)}
            if url
            else (_package(name, number))
        )


def _package(name: str, version: str) -> Document:
    purl = package_url(name, version)
    return {"bom-ref": purl, "type": "library", "name": name, "version": version, "purl": purl}


def _hashes(sha256: str) -> dict[str, Any]:
    return {"hashes": [{"alg": "SHA-256", "content": sha256}]}


def _from(url: str) -> dict[str, Any]:
    return {"externalReferences": [{"type": "distribution", "url": url}]}


def materials(bill: Document) -> list[Document]:
    """What a bill says is in the image, as far as it can be compared; ValueError for no bill."""
    try:
        facts = ("name", "version", "hashes")
        parts = [bill["metadata"]["component"], *bill["components"]]
        return [{fact: part.get(fact) for fact in facts} for part in parts]
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("it is no bill of materials") from error

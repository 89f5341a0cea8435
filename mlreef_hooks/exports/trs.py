"""GA4GH TRS v2 (https://ga4gh.github.io/tool-registry-service-schemas/): an index as static files.

A tool's id is its module's name with `~` for each `/`: a server reads `%2F` as `/`, and then
one module's files could stand in the place of another's.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.version import Version

from mlreef_hooks.exports.cwl import write_tool
from mlreef_hooks.index import named, newest

Document = Mapping[str, Any]
ROOT = "ga4gh/trs/v2"
CWLTOOL_ROOT = "api/ga4gh/v2"  # where cwltool looks, which is older than the standard's place
_ROOTS = (ROOT, CWLTOOL_ROOT)
PAGE = "index.json"  # of what is a document and has others below it
_CLASS = {"id": "0", "name": "CommandLineTool", "description": "a program in a container"}


def tool_id(document: Document) -> str:
    """What a module is called in a registry of tools."""
    return f"{document['namespace']}/{document['name']}".replace("/", "~")


def registry_files(documents: Sequence[Document], audience: str, url: str) -> dict[str, bytes]:
    """All files of one audience's registry by their places; `url` is where they will be served."""
    tools = [_tool(each, url) for each in documents]
    files: dict[str, Any] = {f"{ROOT}/service-info": _service(audience, url)}
    files[f"{ROOT}/tools/{PAGE}"] = tools
    texts: dict[str, str] = {}
    for document, each in zip(documents, tools, strict=True):
        place = f"tools/{each['id']}"
        files[f"{ROOT}/{place}/{PAGE}"] = each
        files[f"{ROOT}/{place}/versions/{PAGE}"] = each["versions"]
        for version, said in zip(document["versions"], each["versions"], strict=True):
            at = f"{place}/versions/{version['version']}"
            files[f"{ROOT}/{at}/{PAGE}"] = said
            text = write_tool(dict(document), version)
            name = f"{document['name']}.cwl"
            files |= _descriptor(at, name, text, said["url"])
            texts |= {f"{root}/{at}/plain-CWL/descriptor/{name}": text for root in _ROOTS}
    written = {place: _json(value) for place, value in files.items()}
    return written | {place: text.encode() for place, text in texts.items()}


def _descriptor(at: str, name: str, text: str, url: str) -> dict[str, Any]:
    checksum = {"checksum": hashlib.sha256(text.encode()).hexdigest(), "type": "sha-256"}
    listed = [{"path": name, "file_type": "PRIMARY_DESCRIPTOR", "checksum": checksum}]
    plain = f"{url}/plain-CWL/descriptor/{name}"
    wrapped = {"content": text, "checksum": [checksum], "url": plain}
    return {
        f"{ROOT}/{at}/CWL/descriptor": wrapped,
        f"{ROOT}/{at}/CWL/tests": [],
        **{f"{root}/{at}/CWL/files": listed for root in _ROOTS},
    }


def _service(audience: str, url: str) -> Document:
    return {
        "id": f"mlreef-hooks.{audience.replace('/', '.')}",
        "name": f"mlreef-hooks, {audience} modules",
        "type": {"group": "org.ga4gh", "artifact": "trs", "version": "2.0.1"},
        "organization": {"name": "mlreef-hooks", "url": url or "/"},
        "version": "1",
    }


def _tool(document: Document, url: str) -> Document:
    called = tool_id(document)
    place = f"{url}/{ROOT}/tools/{called}"
    return {
        "id": called,
        "url": place,
        "aliases": [f"{document['namespace']}/{document['name']}"],
        "organization": document["namespace"],
        "name": document["name"],
        "description": document["description"] or document["title"],
        "toolclass": _CLASS,
        "meta_version": newest(document["versions"])["version"],
        "has_checker": False,
        "versions": list(_versions(document, place)),
    }


def _versions(document: Document, place: str) -> Iterator[Document]:
    for version in document["versions"]:
        number, author = version["version"], version.get("author")
        yield {
            "id": number,
            "url": f"{place}/versions/{number}",
            "name": named(dict(document), number),
            "author": [author] if author else [],
            "is_production": not version["yanked"] and not Version(number).is_prerelease,
            "images": [_image(version)],
            "descriptor_type": ["CWL"],
            "containerfile": False,
            "included_apps": [],
            "meta_version": version["published_at"],
            "signed": False,
            "verified": False,
            "verified_source": [],
        }


def _image(version: Document) -> Document:
    image = version["image"]
    kind, _, digest = image["digest"].partition(":")
    return {
        "image_name": f"{image['reference'].rpartition(':')[0]}@{image['digest']}",
        "image_type": "Docker",
        "size": image["size"],
        "updated": version["published_at"],
        "checksum": [{"checksum": digest, "type": kind.replace("sha256", "sha-256")}],
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()

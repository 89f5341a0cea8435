"""Documents of an index, which may have come from anybody, held to the schemas before use."""

import json
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, V
from mlreef_hooks.problems import printable

_SHOWN = 200  # characters of what is wrong


def check_document(kind: str, document: Document, path: str) -> Document:
    """The document, which is a `module`, `listing` or `index` as its schema says.

    PublishError where it is not, or is of a format that this program is too old for; `path` is
    where it stands.
    """
    if isinstance(document.get("v"), int) and document["v"] > V:
        raise PublishError(
            f"{path} is of a newer format than this program knows ({V})",
            "install a newer mlreef-hooks",
        )
    if fault := _fault(kind, document):
        hint = "the administrator runs mlreef-hooks reindex"
        raise PublishError(f"{path} is no {kind} document: {fault}", hint)
    return document


def _fault(kind: str, document: Document) -> str:
    """What is wrong first, empty where nothing is."""
    try:
        for error in _validator(kind).iter_errors(document):
            place = "/".join(map(str, error.instance_path)) or "the document"
            return printable(f"{place}: {error.message}")[:_SHOWN]
    except ValueError:  # of what is half a character, or too deep, the validator says no more
        return "it is nested too deeply, or holds what is no text"
    return ""


@cache
def _validator(kind: str) -> Any:
    return jsonschema_rs.Draft202012Validator(_schema(kind))


def _schema(kind: str) -> dict[str, Any]:
    content = resources.files("mlreef_hooks").joinpath(f"schemas/{kind}.json").read_bytes()
    schema: dict[str, Any] = json.loads(content)
    return schema

"""What an image says of the module in it. Anybody may have written it: it is a claim, no more."""

import json
from collections.abc import Mapping
from typing import Any

from packaging.version import InvalidVersion, Version

from mlreef_hooks.image_plan import MODULE_LABEL
from mlreef_hooks.index import Document

_LONGEST = 8 << 20  # characters of a label
_TEXTS = ("namespace", "name", "repository")
_VERSION_TEXTS = ("version", "tag", "commit")


def labels_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labels of an image's configuration, whatever it holds."""
    inner = config.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    return labels if isinstance(labels, dict) else {}


def read_label(labels: Mapping[str, Any]) -> Document | None:
    """The module's document with its one version, None where the labels hold no such thing."""
    text = labels.get(MODULE_LABEL)
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if _is_sound(document) else None


def _is_sound(document: Any) -> bool:
    """True where it names a module and one version of it; its schema is another question."""
    versions = document.get("versions") if isinstance(document, dict) else None
    if not isinstance(versions, list) or len(versions) != 1 or not isinstance(versions[0], dict):
        return False
    texts = [document.get(each) for each in _TEXTS]
    texts += [versions[0].get(each) for each in _VERSION_TEXTS]
    if not all(isinstance(text, str) and text for text in texts):
        return False
    try:
        Version(versions[0]["version"])
    except InvalidVersion:
        return False
    return True

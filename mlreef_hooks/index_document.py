"""One JSON file of the index: read, or the bytes that are written."""

import json
import math
from pathlib import Path
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document


def read_document(path: Path) -> Document | None:
    """A document, None where it is not there; PublishError where it is broken, or else OSError."""
    try:
        document: Any = json.loads(path.read_bytes(), parse_constant=_finite, parse_float=_finite)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:
        raise PublishError(
            f"{path} is not JSON: {error}", "the administrator runs mlreef-hooks reindex"
        ) from None
    if not isinstance(document, dict):
        raise PublishError(
            f"{path} is not a document of the index", "the administrator runs mlreef-hooks reindex"
        )
    return document


def _finite(text: str) -> float:
    """The number; ValueError for NaN and one without an end, which JSON does not have."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


def read_checked(kind: str, path: Path) -> Document | None:
    """The same, where it is an `index` or `listing` as its schema says; PublishError where not.

    For what is seldom read: the schemas take longer to load than most changes of an index.
    """
    document = read_document(path)
    if document is None:
        return None
    from mlreef_hooks.index_check import check_document

    return check_document(kind, document, str(path))


def read_if_allowed(path: Path) -> Document | None:
    """A document, None where it is not there or not for this process; PublishError else."""
    try:
        return read_document(path)
    except PermissionError:
        return None
    except OSError as error:
        hint = "the administrator looks after the disk"
        raise PublishError(f"{path} cannot be read: {error}", hint, passing=True) from error


def encode_document(document: Document) -> bytes:
    """The bytes of a document."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")

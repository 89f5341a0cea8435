"""The files beside the index that versions of a module name: they are where its document is."""

import os
from pathlib import Path

from mlreef_hooks.durable_files import remove_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.provenance import FOLDER, named_files

_LARGEST = 32 << 20  # bytes; a bill of 1,000 packages has half a megabyte


def read_attachments(audience: Path, document: Document) -> dict[str, bytes]:
    """The files that a document's versions name, by their places below its audience's folder.

    One that is not there is left out.
    """
    found = {}
    for place in named_files(document):
        try:
            found[place] = (audience / place).read_bytes()
        except FileNotFoundError:
            continue
    return found


def read_attached(path: Path) -> bytes | None:
    """One such file, None where it is not there; PublishError where it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PublishError(f"{path} cannot be read: {error}", "correct its permissions") from error
    if len(content) > _LARGEST:
        raise PublishError(f"{path} has more than {_LARGEST} bytes", "it is nothing of ours")
    return content


def remove_attachments(audience: Path, namespace: str, name: str, but: set[str]) -> None:
    """Remove the files of a module below an audience's folder, those that are half written too."""
    place = f"{FOLDER}/{namespace}/{name}"
    try:
        names = os.listdir(audience / place)
    except (FileNotFoundError, NotADirectoryError):
        return
    for each in names:
        # What has no `@` is the folder of a module whose namespace ends with this module's name.
        if "@" in each and f"{place}/{each}" not in but:
            remove_file(audience / place / each, audience)

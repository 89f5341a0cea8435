"""What changed with a published version of a module."""

from packaging.version import Version

from mlreef_hooks.change import Change
from mlreef_hooks.contract import compare
from mlreef_hooks.index import Document, newest
from mlreef_hooks.version_changes import changes_between


def published_changes(
    document: Document, version: Document
) -> tuple[str, tuple[Change, ...]] | None:
    """The version before, and what changed since; None for a first one.

    As the index says it, or where it was published before that was written, made of both. A channel
    is compared with the version that a user gets who names none.
    """
    if "changes" in version:
        return version["since"], tuple(map(Change.from_json, version["changes"]))
    if "version" in version:
        found = compare(document, Version(version["version"]), document["kind"], version)
        return None if found is None else (str(found.since), found.changes)
    if not document["versions"]:
        return None
    before = newest(document["versions"])
    return before["version"], changes_between(before, version)

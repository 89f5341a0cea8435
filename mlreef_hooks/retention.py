"""Which versions of a module a site no longer keeps."""

from collections.abc import Collection

from packaging.version import Version

from mlreef_hooks.index import Document, newest


def outlived(document: Document, *, keep: int, yanked: Collection[str]) -> list[str]:
    """The versions that may go: those below the highest `keep` that are not yanked (0: none), and
    those of `yanked`, which have been so for long enough.

    Never the version that a user gets who names none.
    """
    versions = document["versions"]
    if not versions:  # it has a channel alone
        return []
    usable = [each["version"] for each in versions if not each["yanked"]]
    usable.sort(key=Version, reverse=True)
    gone = {*(usable[keep:] if keep else ()), *yanked} - {newest(versions)["version"]}
    return [each["version"] for each in versions if each["version"] in gone]

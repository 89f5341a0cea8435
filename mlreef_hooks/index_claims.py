"""Whose a name, a namespace and a version of the index are: what was published first stays."""

import posixpath
import re

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document

_END = r"(?:/?@[0-9a-f]{16}|/)$"  # of a key: see `servers.plain`


def check_owner(document: Document | None, repository: str, name: str) -> None:
    """PublishError where the module was published by another repository."""
    if document is not None and document["repository"] != repository:
        raise PublishError(
            f"the name {name} belongs to the repository {document['repository']}",
            "write another name below [module] in mlreef.toml [module-taken]",
        )


def check_namespace(neighbour: Document | None, repository: str) -> None:
    """PublishError where the namespace belongs to another folder of repositories.

    Folders may differ only in what a namespace cannot hold, such as capital letters; those who may
    read the one must not read the other.
    """
    if neighbour is None:
        return
    taken, ours = (_folder_of(each) for each in (neighbour["repository"], repository))
    if taken != ours:
        raise PublishError(
            f"the namespace {neighbour['namespace']} belongs to the folder {taken or '.'}",
            f"the administrator renames one of the folders {taken or '.'} and {ours or '.'}",
        )


def _folder_of(repository: str) -> str:
    """The folder that a repository is in, by its key, which ends with a slash where its name does
    not end with `.git`, and may have a mark.
    """
    return posixpath.dirname(re.sub(_END, "", repository))


def check_same(published: Document, tag: str, commit: str) -> None:
    """PublishError where a published version is not what `tag` and `commit` ask for."""
    version = published["version"]
    if published["commit"] != commit:
        rule = "tag-moved" if published["tag"] == tag else "version-taken"
        raise PublishError(
            f"{version} is published from {published['commit'][:7]} and stays as it is",
            f"raise the version: tag this commit as one after {version} [{rule}]",
        )

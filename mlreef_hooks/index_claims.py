"""Whose a name, a namespace and a version of the index are: what was published first stays."""

import posixpath

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document


def check_owner(document: Document | None, repository: str, name: str) -> None:
    """PublishError where the module was published by another repository, which is not named where
    it is private: whoever pushes here may not know of it.
    """
    if document is not None and document["repository"] != repository:
        private = document["visibility"] == "private"
        owner = "another repository" if private else f"the repository {document['repository']}"
        raise PublishError(
            f"the name {name} belongs to {owner}",
            "write another name below [module] in mlreef.toml [module-taken]",
        )


def check_namespace(neighbour: Document | None, repository: str) -> None:
    """PublishError where the namespace belongs to another folder of repositories.

    Folders may differ only in what a namespace cannot hold, such as capital letters; those who may
    read the one must not read the other.
    """
    if neighbour is None:
        return
    taken, ours = (posixpath.dirname(each) for each in (neighbour["repository"], repository))
    if taken != ours:
        private = neighbour["visibility"] == "private"
        owner = "another folder" if private else f"the folder {taken or '.'}"
        raise PublishError(
            f"the namespace {neighbour['namespace']} belongs to {owner}",
            f"the administrator renames one of them: {ours or '.'} is taken for it too",
        )


def check_same(published: Document, tag: str, commit: str) -> None:
    """PublishError where a published version is not what `tag` and `commit` ask for."""
    version = published["version"]
    if published["commit"] != commit:
        rule = "tag-moved" if published["tag"] == tag else "version-taken"
        raise PublishError(
            f"{version} is published from {published['commit'][:7]} and stays as it is",
            f"raise the version: tag this commit as one after {version} [{rule}]",
        )

"""Whose a name, a namespace and a version of the index are: what was published first stays."""

import posixpath
import re
from collections.abc import Callable, Iterable

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, find_version
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.visibility import PRIVATE

_END = r"(?:/?@[0-9a-f]{16}|/)$"  # of a key: see `servers.folders`


def check_claims(
    request: PublishRequest,
    name: str,
    document: Document | None,
    neighbour: Callable[[], Document | None],
) -> None:
    """PublishError where a module of this name, or its namespace, is another repository's.

    `document` is the module's, and `neighbour` finds that of some module of its namespace.
    """
    check_owner(document, request.repository.key, name)
    if document is None:
        check_namespace(neighbour(), request.repository.key)


def is_listed(request: PublishRequest, document: Document | None) -> bool:
    """True where the module has the version; PublishError where it is of another commit."""
    published = document and find_version(document, str(request.version))
    if published:
        check_same(published, request.tag, request.commit)
    return bool(published)


def check_tag(request: PublishRequest, published: Iterable[str]) -> None:
    """PublishError where the tag has published another commit, under whatever name; `published` are
    all that it has published.
    """
    for commit in published:
        version = {"version": str(request.version), "commit": commit, "tag": request.tag}
        check_same(version, request.tag, request.commit)


def check_owner(document: Document | None, repository: str, name: str) -> None:
    """PublishError where the module was published by another repository, which is not named where
    it is private: whoever pushes here may not know of it.
    """
    if document is not None and document["repository"] != repository:
        private = document["visibility"] == PRIVATE
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
    taken, ours = (_folder_of(each) for each in (neighbour["repository"], repository))
    if taken != ours:
        private = neighbour["visibility"] == PRIVATE
        owner = "another folder" if private else f"the folder {taken or '.'}"
        raise PublishError(
            f"the namespace {neighbour['namespace']} belongs to {owner}",
            f"the administrator renames one of them: {ours or '.'} is taken for it too",
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

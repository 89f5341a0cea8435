"""What `check` does and says."""

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from mlreef_hooks.checking import check_commit, check_folder
from mlreef_hooks.cli.configuration import user_caches
from mlreef_hooks.config import Config, Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_working_tree import Changes, origin_of
from mlreef_hooks.module_keys import PATH
from mlreef_hooks.plain_text import plain
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.requirements import REQUIREMENTS
from mlreef_hooks.servers.plain import PlainServer
from mlreef_hooks.servers.table import open_server
from mlreef_hooks.source.wrapped_script import WRAPPER
from mlreef_hooks.validation import Validation

_OF_PROJECTS = (PATH, WRAPPER, REQUIREMENTS)


def validate_folder(
    folder: Path, changes: Callable[[], Changes | None], config: Config
) -> Validation:
    """What is found in a folder; `changes` answers what changed in it."""
    return check_folder(folder, changes(), _name_of(folder), config, user_caches())


def project_above(folder: Path) -> str | None:
    """The folder above in the same clone that looks like the project, as a shell takes it; None
    where there is none, or this folder looks so itself.
    """
    folder = folder.resolve()
    folders = [folder, *folder.parents]
    top = next((at for at, each in enumerate(folders) if (each / ".git").exists()), -1)
    found = next((each for each in folders[: top + 1] if _is_project(each)), folder)
    return None if found == folder else shlex.quote(plain(os.path.relpath(found)))


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _OF_PROJECTS)


def _name_of(folder: Path) -> str:
    """The name of a module that does not say its own, as the server makes it: of what the clone
    was cloned from, for that is what the server knows it by; else of the folder.
    """
    origin = origin_of(folder) if (folder / ".git").exists() else None
    return _name_at(origin) if origin else _name_as(folder)


def _name_at(url: str) -> str:
    return _name_as(Path("/", *url.rstrip("/").replace(":", "/").split("/")[-2:]))


def _name_as(repository: Path) -> str:
    server = PlainServer(settings=Server(), user_id=os.getuid())
    return server.repository_name(repository, {}).name


def _name_on_server(place: Path, git_dir: Path, config: Config) -> str:
    """The name of a repository that a git server keeps here; of a clone, as of its folder."""
    if (place / ".git").exists():
        return _name_of(place)
    if git_dir.name == ".git":
        return _name_of(git_dir.parent)
    anywhere = replace(config, server=replace(config.server, root=""))
    try:
        return open_server(anywhere, os.getuid()).repository_name(git_dir, {}).name
    except PublishError:
        return _name_of(git_dir)


def validate_revision(
    place: Path, rev: str, config: Config, *, url: str | None = None
) -> Validation:
    """What is found at a revision of a repository; UsageError where there is none.

    `url` is that of the server's repository which it is for, where that is known.
    """
    try:
        repository = GitRepository(place)
    except PublishError as error:
        raise click.UsageError(f"{error.message}: {error.hint}") from None
    try:
        commit = repository.commit_of(rev)
        if commit is None:
            raise click.UsageError(f"{place} has no revision {rev}: name a branch, tag or commit")
        name = _name_at(url) if url else _name_on_server(place, repository.git_dir, config)
        return check_commit(repository, commit, name, config, user_caches())
    finally:
        repository.close()

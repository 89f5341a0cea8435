"""What `install --service` and `uninstall --service` do besides the hooks."""

import grp
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.service_files import (
    forget_service,
    make_account,
    remove_service_files,
    service_files,
    stop_service,
    write_service_files,
)


def group_of_repositories(git_dirs: Sequence[Path]) -> str:
    """The name of the group that all repositories have; PublishError where a service cannot join
    it.
    """
    groups = {git_dir.stat().st_gid for git_dir in git_dirs}
    if len(groups) != 1 or 0 in groups:
        raise PublishError(
            "a service reads repositories by their group, and they have several or root's",
            "give all of them to the group of the account that git runs as: chgrp -R git ...",
        )
    try:
        return grp.getgrgid(groups.pop()).gr_name
    except KeyError:
        raise PublishError("the group of the repositories has no name", "groupadd it") from None


def owner_of(git_dirs: Sequence[Path]) -> str:
    """The account of the repositories, by its number: it may be in a directory that comes and goes.

    PublishError where there are none.
    """
    if not git_dirs:
        raise PublishError("there are no repositories", "make the first one, then install again")
    return str(git_dirs[0].stat().st_uid)


def install_service(config: Config, config_file: Path, owner: str, *, dry_run: bool) -> None:
    """Write the files of the service, and make its account. `owner` has the repositories."""
    _check_root()
    program = Path(sys.prefix) / "bin" / "mlreef-hooks"
    files = service_files(config, config_file, program, owner)
    for said in write_service_files(files, dry_run=dry_run):
        click.echo(said)
    if not dry_run:
        make_account()


def uninstall_service(*, dry_run: bool) -> None:
    """Stop the service and remove its files; the account keeps what it has."""
    _check_root()
    if not dry_run:
        stop_service()
    for said in remove_service_files(dry_run=dry_run):
        click.echo(said)
    if not dry_run:
        forget_service()


def _check_root() -> None:
    if os.geteuid() != 0:
        raise PublishError("only root can install a service", "sudo ./install.sh --service ...")

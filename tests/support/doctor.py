"""What `mlreef-hooks doctor` finds at a site of the tests."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlreef_hooks.account import owner_of_most
from mlreef_hooks.cli.apart import examine
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.doctor.checks import CHECKS
from mlreef_hooks.doctor.finding import Finding, Visit
from mlreef_hooks.placement import code_repositories
from tests.support.site import GitSite

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


def visit_of(site: GitSite, *, now: float | None = None) -> Visit:
    """What the doctor looks at: the whole site."""
    config = load_config(str(site.config))
    git_dirs = list(code_repositories(site.repositories))
    return Visit(
        config=config,
        config_file=site.config,
        git_dirs=git_dirs,
        account=owner_of_most([*git_dirs, config.state_path]),
        now=time.time() if now is None else now,
    )


def look(site: GitSite, *names: str, now: float | None = None) -> list[Finding]:
    """What the checks of these names find."""
    return [*examine(visit_of(site, now=now), {name: CHECKS[name] for name in names}, seconds=60)]


def faults(site: GitSite, *names: str, now: float | None = None) -> dict[str, str]:
    """The messages of the faults that they find, by id."""
    return {each.id: each.message for each in look(site, *names, now=now) if each.id}


def give_to(user: int, *paths: Path) -> None:
    """Let files, and folders with all in them, belong to an account; folders above let it pass."""
    for path in paths:
        for each in (path, *path.rglob("*")):
            os.chown(each, user, user, follow_symlinks=False)
        for folder in path.parents[:-2]:
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(folder.stat().st_mode | 0o011)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """The folder with a file system of its own in it, in memory; needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)

"""`mlreef-hooks doctor`: what would keep a push from being published."""

import json
import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlreef_hooks.cli.configuration import config_path, load_config
from mlreef_hooks.cli.options import form_option
from mlreef_hooks.cli.repositories import all_option, find_git_dirs, repo_option
from mlreef_hooks.plain_text import plain

if TYPE_CHECKING:
    from mlreef_hooks.doctor.finding import Finding, Visit


@click.command("doctor")
@repo_option
@all_option
@form_option
@click.pass_obj
def doctor(config_file: str | None, repos: tuple[Path, ...], root: Path | None, form: str) -> int:
    """Look for everything that would keep a push from being published.

    Nothing is changed. Exit status 1 where something is wrong.
    """
    from mlreef_hooks.account import owner_of_most
    from mlreef_hooks.doctor.finding import Visit

    config = load_config(config_file)
    if root is None and not repos and config.server.root:
        root = Path(config.server.root)
    git_dirs = find_git_dirs(repos, root) if repos or root else []
    visit = Visit(
        config=config, config_file=config_path(config_file), git_dirs=git_dirs,
        account=owner_of_most([*git_dirs, config.state_path]), now=time.time(),
    )  # fmt: skip
    found = []
    for each in _examine(visit):
        finding = each.but(hint=_for_this_site(each.hint, config_file))
        found.append(finding)
        if form == "text":
            click.echo(plain(str(finding)))
    if form == "json":
        click.echo(json.dumps([vars(each) for each in found], indent=2))
    return int(any(each.state == "error" for each in found))


def _for_this_site(hint: str, config_file: str | None) -> str:
    """A hint whose commands can be copied; a path that is named in it stays as it is."""
    if not config_file:
        return hint
    command = f"mlreef-hooks --config {shlex.quote(config_file)} "
    quoted_or_command = r"(?<!\S)(?:('[^']*')|mlreef-hooks (?=[a-z]))"
    return re.sub(quoted_or_command, lambda found: found[1] or command, hint)


def _examine(visit: "Visit") -> Iterator["Finding"]:
    """All that was looked at: of a service's site by two accounts, one after the other."""
    from mlreef_hooks.account import Account, user_of
    from mlreef_hooks.cli.apart import examine
    from mlreef_hooks.doctor.checks import CHECK_SECONDS, CHECKS, OF_THE_HOOK

    service, seconds = visit.config.worker.service, CHECK_SECONDS + len(visit.git_dirs) / 10
    if not service:
        yield from examine(visit, CHECKS, seconds=seconds)
        return
    theirs = {name: CHECKS[name] for name in OF_THE_HOOK}
    yield from examine(visit, theirs, seconds=seconds)
    own = {name: check for name, check in CHECKS.items() if name not in theirs}
    visit = replace(visit, account=Account.of(user_of(service)))
    yield from examine(visit, own, seconds=seconds)

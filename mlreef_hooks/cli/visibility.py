"""`visibility`: who may read a repository's modules, asked and set; and the same for a sweep."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click

from mlreef_hooks.audience import Move, left_open, modules_by_repository, rewrite, rewrite_all
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.relay import asker, is_others, may_see, relay
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_dirs import git_dir_of
from mlreef_hooks.git_settings import set_own
from mlreef_hooks.index import limit_of
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.plain_text import plain
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.visibility import SETTING
from mlreef_hooks.site import Site
from mlreef_hooks.visibility import Visibility

_SHOW, _APPLY = "show", "apply"


@click.command("visibility")
@click.argument("repo", type=click.Path(readable=False, path_type=Path))
@click.argument("what", type=click.Choice([*VISIBILITIES, _APPLY, _SHOW]), default=_SHOW)
@click.pass_obj
def visibility(config_file: str | None, repo: Path, what: str) -> int:
    """Say who may read a repository (show), or let the index say so at once (apply).

    private, internal and public set mlreef.visibility in the repository first.
    """
    config, git_dir = load_config(config_file), repo.resolve()
    if what in VISIBILITIES:
        if asker() is not None:
            raise PublishError("the service changes no repository", "change it yourself")
        set_own(git_dir_of(git_dir), SETTING, what)
    changes = what != _SHOW
    if is_others(config):
        words = ("visibility", str(git_dir), _APPLY if changes else _SHOW)
        return relay(config, config_file, words)
    _check_readable(git_dir, git_dir)
    _check_readable(git_dir, led_to := git_dir_of(git_dir))
    site = open_site(config, click.echo)
    with closing(GitRepository(led_to)) as repository:
        # What leads there may be changed at any moment; this is what git has opened.
        _check_readable(git_dir, repository.git_dir, repository.common_dir)
        key = site.server.repository_name(repository.git_dir, {}).key
        return _look(key, repository, site, changes=changes)


def _check_readable(named: Path, *git_dirs: Path) -> None:
    """PublishError where who asks may not read what the `named` repository leads to."""
    if not all(map(may_see, git_dirs)):
        raise PublishError(f"{named} is not yours to read", "name a repository of yours")


def _look(key: str, repository: GitRepository, site: Site, *, changes: bool) -> int:
    modules = modules_by_repository(site).get(key, [])
    if changes:
        found, moves = rewrite(modules, repository, site)
    else:
        found = site.visibility(repository.git_dir, repository.settings(anew=True))
        moves = []
    click.echo(plain(f"the repository {key} is {found.word}"))
    _tell(_lines(key, found, moves, site))
    after = {(move.namespace, move.name): move.after for move in moves}
    for document in modules:
        place = (document["namespace"], document["name"])
        said = after.get(place, document["visibility"])
        limit = limit_of(document)
        why = f", and its author allows {limit}" if limit != VISIBILITIES[-1] else ""
        click.echo(plain(f"the module {'/'.join(place)} is {said}{why}"))
    return int(bool(found.why))


def sweep_audiences(site: Site, chosen: Sequence[Path] | None) -> bool:
    """Let the index say of all modules who may read them now (None), or of those of the chosen
    repositories; True where that could not be told of all.
    """
    failed = False
    folders = None if chosen is None else {path.resolve() for path in chosen}
    for each in rewrite_all(site, folders):
        if isinstance(each, PublishError):
            click.echo(f"error: {plain(each.message)}")
            failed = True
        else:
            _tell(_lines(*each, site))
            failed |= bool(each[1].why)
    return failed


def _lines(key: str, found: Visibility, moves: Sequence[Move], site: Site) -> Iterator[str]:
    if found.why:
        kept = "its modules stay where they are" if found.away else "it counts as private"
        yield f"warning: {key}: {found.why}; {kept}"
    for move in moves:
        if move.before != move.after:
            yield f"{move.namespace}/{move.name} was {move.before} and is {move.after}"
    for name in left_open(moves, site):
        yield (
            f"warning: images of {name} that were published before stay in the registry, where"
            " they could be fetched: delete them there, or close them"
        )


def _tell(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(plain(line))

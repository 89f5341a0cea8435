"""Commands for administrators that keep index and disk in order."""

import contextlib
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import click

from mlreef_hooks.cli.building import open_pool, open_registry
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.options import dry_run_option, form_option
from mlreef_hooks.cli.own_index import open_own_index
from mlreef_hooks.cli.relay import check_own
from mlreef_hooks.cli.repositories import repo_option
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.collection import Collector
from mlreef_hooks.collection_memory import CollectionMemory
from mlreef_hooks.columns import size
from mlreef_hooks.config import Config
from mlreef_hooks.engine import Engine
from mlreef_hooks.git_dirs import git_dir_of
from mlreef_hooks.image_collection import Collected, ImageCollector
from mlreef_hooks.image_copies import ImageCopies
from mlreef_hooks.image_search import ImageSearch
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.placement import code_repositories
from mlreef_hooks.plain_text import counted, plain
from mlreef_hooks.reindexing import Reindexer
from mlreef_hooks.site import Site

_NAMED = ("versions", "images", "registry", "engine")  # kinds whose things have names for people


@click.command("reindex")
@repo_option
@dry_run_option
@form_option
@click.pass_obj
def reindex(config_file: str | None, repos: tuple[Path, ...], dry_run: bool, form: str) -> int:
    """Make an index again that was lost or damaged, of publish tags, images and the job table.

    What stands in it stays as it is. Exit status 1 where a version was lost or a claim refused.
    """
    config = load_config(config_file)
    check_own(config)
    if not repos and not config.server.root:
        raise click.UsageError("name repositories with --repo PATH, or set server.root")
    site = open_site(config, click.echo)
    with _index_to_change(config, dry_run=dry_run) as root:
        reindexer = _open_reindexer(site, root, record=not dry_run)
        with reindexer.index.together():
            found = list(reindexer.reindex(_repositories(config, repos)))
    if form == "json":
        click.echo(json.dumps([vars(each) for each in found], indent=2))
    else:
        for each in found:
            click.echo(plain(f"{each.kind}: {each.name}" + (f": {each.note}" if each.note else "")))
        if dry_run:
            click.echo("nothing was changed: --dry-run")
    return int(any(each.kind in ("lost", "refused") for each in found))


@contextlib.contextmanager
def _index_to_change(config: Config, *, dry_run: bool) -> Iterator[Path]:
    """The folder of the index, or a copy where nothing is to be changed."""
    if not dry_run:
        yield config.index_path
        return
    with tempfile.TemporaryDirectory(prefix="mlreef-reindex-") as folder:
        copy = Path(folder, "index")
        if config.index_path.is_dir():
            shutil.copytree(config.index_path, copy)
        yield copy


def _repositories(config: Config, repos: tuple[Path, ...]) -> Iterator[Path]:
    if repos:
        yield from map(git_dir_of, repos)
    else:
        yield from code_repositories(Path(config.server.root).resolve())


def _engine(config: Config) -> Engine | None:
    """The first engine of the site that answers."""
    pool = open_pool(config, click.echo)
    return next(filter(None, map(pool.reach, pool.addresses)), None)


def _open_reindexer(site: Site, root: Path, *, record: bool) -> Reindexer:
    config = site.config
    host = config.registry.host
    search = ImageSearch(
        prefixes=config.registry.prefixes,
        layouts=OciLayouts(config.images_path),
        engine=_engine(config),
        open_registry=partial(open_registry, config, host) if config.registry.remote else None,
    )
    own = root == config.index_path
    index = (
        open_own_index(config, click.echo, check_document)
        if own
        else IndexFiles(root, check_document)
    )
    return Reindexer(site=site, index=index, search=search, record=record)


@click.command("gc")
@click.option("--delete", is_flag=True, help="Delete it; without this, nothing is changed.")
@form_option
@click.pass_obj
def gc(config_file: str | None, delete: bool, form: str) -> int:
    """Say what nothing needs any more, and delete it where that is wanted.

    What the index names stays, and what a publish that runs may need. Exit status 1 where a
    registry keeps what should go.
    """
    config = load_config(config_file)
    check_own(config)
    collector = _open_collector(config, delete=delete)
    with collector.images.index.together():
        found = list(collector.collect())
    if form == "json":
        click.echo(json.dumps([vars(each) for each in found], indent=2))
    else:
        for line in _lines(found):
            click.echo(plain(line))
        if not delete:
            click.echo("nothing was deleted: --delete does it")
    return int(any(each.kind == "failed" for each in found))


def _open_collector(config: Config, *, delete: bool) -> Collector:
    site = open_site(config, click.echo)
    host = config.registry.host
    in_registry = config.registry.remote and config.gc.registry
    copies = ImageCopies(
        engine=_engine(config),
        open_registry=partial(open_registry, config, host) if in_registry else None,
    )
    images = ImageCollector(
        site=site,
        index=open_own_index(config, click.echo, check_document),
        layouts=OciLayouts(config.images_path),
        copies=copies,
        memory=CollectionMemory(config.state_folder.collection),
        delete=delete,
    )
    return Collector(images=images, cache=site.cache, settings=config.gc, now=time.time())


def _lines(found: Iterable[Collected]) -> Iterable[str]:
    by_kind: dict[str, list[Collected]] = defaultdict(list)
    for each in found:
        by_kind[each.kind].append(each)
    for kind in ("kept", "failed"):
        yield from (f"{kind}: {each.name}: {each.note}" for each in by_kind.pop(kind, []))
    for kind, things in by_kind.items():
        total = sum(each.bytes for each in things)
        yield f"{kind}: {counted(len(things), 'item')}, {size(total)}"
        yield from (f"  {each.name}" for each in things if kind in _NAMED)

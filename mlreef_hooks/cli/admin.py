"""Commands for administrators of the git server."""

import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from mlreef_hooks.cli.as_service import (
    group_of_repositories,
    install_service,
    owner_of,
    uninstall_service,
)
from mlreef_hooks.cli.configuration import SITE_CONFIG, config_path, load_config, state_for
from mlreef_hooks.cli.cover import cover_all, placements
from mlreef_hooks.cli.options import dry_run_option
from mlreef_hooks.cli.repositories import all_option, find_git_dirs, repo_option
from mlreef_hooks.config import Server, ServerKind
from mlreef_hooks.errors import PublishError
from mlreef_hooks.gate_placement import GatePlacement, take_gate
from mlreef_hooks.git_settings import set_own
from mlreef_hooks.installation import Settings, prepare_state, write_config
from mlreef_hooks.oci import ARCHITECTURES
from mlreef_hooks.placement import Placement, take, take_shared
from mlreef_hooks.plain_text import plain
from mlreef_hooks.service_files import check_readable, start_service

if TYPE_CHECKING:
    from mlreef_hooks.engine import Engine
    from mlreef_hooks.oci import Descriptor
    from mlreef_hooks.oci_layout import OciLayouts


@click.command("install")
@repo_option
@all_option
@dry_run_option
@click.option("--registry", default="", help="Prefix of image references, such as HOST/PATH.")
@click.option("--engine", default="", help="The Docker engine's URL.")
@click.option("--main-branch", default="", help="The branch that published commits are on.")
@click.option(
    "--publish-on", type=click.Choice(["tag", "push"]), default=None,
    help="Publish each push of the main branch of these repositories too, or tags alone.",
)  # fmt: skip
@click.option(
    "--server", "kind", type=click.Choice(get_args(ServerKind)), default="auto",
    help="What keeps the repositories; told by what is on disk without it.",
)  # fmt: skip
@click.option(
    "--hooks-dir", type=click.Path(path_type=Path),
    help="The server's folder of hooks for all repositories: GitLab's custom_hooks_dir.",
)  # fmt: skip
@click.option("--config-hook", is_flag=True, help="By git's configuration (git 2.54 and later).")
@click.option("--service", is_flag=True, help="Publish as an account of its own, by systemd.")
@click.option("--new", is_flag=True, help="Only repositories that lack the hook, as configured.")
@click.option(
    "--gate/--no-gate", "gate", default=None,
    help="Refuse pushes to these repositories with a publish tag that can never be published.",
)  # fmt: skip
@click.pass_obj
def install(
    config_file: str | None,
    repos: tuple[Path, ...],
    root: Path | None,
    dry_run: bool,
    registry: str,
    engine: str,
    main_branch: str,
    publish_on: str | None,
    kind: str,
    hooks_dir: Path | None,
    config_hook: bool,
    service: bool,
    new: bool,
    gate: bool | None,
) -> int:
    """Put the post-receive hook into repositories, and write a configuration where there is none.

    It goes where the git server keeps such hooks. A hook that is there already is kept and runs.
    Doing it again changes nothing.
    """
    git_dirs = find_git_dirs(repos, root)
    if new:
        return cover_all(config_file, git_dirs)
    settings = Settings(
        root=root.resolve() if root else _common_root(git_dirs),
        registry=registry, engine=engine, main_branch=main_branch,
        group=group_of_repositories(git_dirs) if service else "",
        kind=kind, hooks_dir=str(hooks_dir.resolve()) if hooks_dir else "",
        config_hook=config_hook, cover_new=bool(root),
    )  # fmt: skip
    # Root installs for the server's accounts, who may not read a configuration in root's home.
    path = SITE_CONFIG if os.geteuid() == 0 and not config_file else config_path(config_file)
    users = set() if service else {git_dir.stat().st_uid for git_dir in git_dirs}
    config, said = write_config(path, settings, state=state_for(users), dry_run=dry_run)
    click.echo(f"{said}: {path}")
    settings.check_kept(config)
    if service:
        install_service(config, path.resolve(), owner_of(git_dirs), dry_run=dry_run)
    if not dry_run:
        prepare_state(config, git_dirs)
    status = _put_all(git_dirs, publish_on, *placements(config, path, gate=gate, dry_run=dry_run))
    if service and not dry_run:
        click.echo(start_service())
    return status


def _put_all(
    git_dirs: list[Path], publish_on: str | None, placement: Placement, gates: GatePlacement
) -> int:
    """The exit status of putting hook and gate into repositories."""
    for said in placement.put_shared(git_dirs):
        click.echo(said)

    def put(git_dir: Path) -> str:
        return _put(git_dir, placement, publish_on) + gates.put(git_dir)

    return _each(git_dirs, put, placement.dry_run)


def _put(git_dir: Path, placement: Placement, publish_on: str | None) -> str:
    """Put the hook into a repository; what is to be published there may be changed first."""
    if placement.dry_run:
        return placement.put(git_dir)
    if placement.config.worker.service:
        check_readable(git_dir, placement.config)
    if publish_on:
        set_own(git_dir, "mlreef.publishOn", publish_on)
    return placement.put(git_dir)


def _each(git_dirs: list[Path], change: Callable[[Path], str], dry_run: bool) -> int:
    """The exit status of changing each repository; one that cannot be does not stop the others."""
    failed = False
    for git_dir in git_dirs:
        try:
            click.echo(f"{change(git_dir)}: {git_dir}")
        except PublishError as error:
            failed = True
            click.echo(f"error: {plain(error.message)}\nhint: {plain(error.hint)}", err=True)
    if dry_run:
        click.echo("nothing was changed: --dry-run")
    return int(failed)


def _common_root(git_dirs: list[Path]) -> Path:
    """The folder of namespaces: what the folders around the repositories have in common."""
    folders = {path.parent.parent for path in git_dirs}
    return Path(os.path.commonpath(folders))


@click.command("uninstall")
@repo_option
@all_option
@dry_run_option
@click.option("--service", is_flag=True, help="Stop the service, and take its files away.")
@click.pass_obj
def uninstall(
    config_file: str | None,
    repos: tuple[Path, ...],
    root: Path | None,
    dry_run: bool,
    service: bool,
) -> int:
    """Take the hook out of repositories; what was there before comes back.

    Index, images and configuration stay as they are.
    """
    git_dirs = find_git_dirs(repos, root) if repos or root or not service else []
    settings = _server_settings(config_file)
    if service:
        uninstall_service(dry_run=dry_run)
    for said in take_shared(git_dirs, settings, dry_run=dry_run) if root else ():
        click.echo(said)

    def remove(git_dir: Path) -> str:
        said = take(git_dir, settings, dry_run=dry_run)
        return said + take_gate(git_dir, settings, dry_run=dry_run)

    status = _each(git_dirs, remove, dry_run)
    if settings.cover_new:
        click.echo("hint: take cover_new out of the configuration, or the next sweep covers them")
    return status


def _server_settings(config_file: str | None) -> Server:
    """What the configuration says of the server; one that is broken keeps no hook in place."""
    try:
        return load_config(config_file).server
    except PublishError:
        return Server()


@click.command("base")
@click.option(
    "--image", default="mlreef-base:bookworm", show_default=True, help="The image's name."
)
@click.option("--mirror", default=None, help="A Debian mirror's URL.")
@click.option("--package", "packages", multiple=True, help="A Debian package more; repeatable.")
@click.option("--pull", is_flag=True, help="Fetch it from its registry or engine again instead.")
@click.option(
    "--layout",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take it from an OCI layout in this folder instead.",
)
@click.pass_obj
def base(
    config_file: str | None,
    image: str,
    mirror: str | None,
    packages: Sequence[str],
    pull: bool,
    layout: Path | None,
) -> None:
    """Make a base image out of Debian packages, where no registry can be reached.

    It is stored beside the site's images, and brought to every engine that answers.
    """
    from mlreef_hooks.cli.building import open_bases, open_pool
    from mlreef_hooks.oci_layout import OciLayouts

    if sum((pull, layout is not None, bool(mirror or packages))) > 1:
        raise click.UsageError("--pull and --layout go with no other option but --image")
    config = load_config(config_file)
    layouts = OciLayouts(config.images_path)
    if pull:
        open_bases(config, layouts, click.echo).fetch(image)
        click.echo(f"fetched {image}")
        return
    if layout is not None:
        manifest = _take_base(layouts, layout, image)
    else:
        manifest = _make_base(layouts, image, mirror, packages)
    pool = open_pool(config, click.echo)
    for address in pool.addresses:
        _load_base(layouts, pool.reach(address), image, manifest)
    made = "made" if layout is None else "took"
    named = any(image == base.image for base in config.base.values())
    then = f'name it in the configuration: [base.default] image = "{image}"'
    click.echo(f"{made} {image}; {'the configuration names it already' if named else then}")


def _take_base(layouts: "OciLayouts", folder: Path, image: str) -> "Descriptor":
    from mlreef_hooks.base_sources import LayoutSource
    from mlreef_hooks.bases import store_base

    return store_base(layouts, image, LayoutSource(folder=folder).fetch(image, layouts))


def _load_base(
    layouts: "OciLayouts", engine: "Engine | None", image: str, manifest: "Descriptor"
) -> None:
    from mlreef_hooks.bases import read_image
    from mlreef_hooks.builders.into_engine import load_image

    if engine is not None:
        load_image(engine, layouts, read_image(layouts, manifest), image)


def _make_base(
    layouts: "OciLayouts", image: str, mirror: str | None, packages: Sequence[str]
) -> "Descriptor":
    from mlreef_hooks.base_image import BASE_PATH, PACKAGES, make_base_tar
    from mlreef_hooks.bases import RootImage, import_root

    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    root = RootImage(environment=(BASE_PATH,), architecture=architecture)
    with tempfile.TemporaryDirectory() as folder:
        tar = make_base_tar(
            Path(folder) / "base.tar", packages=(*PACKAGES, *packages), mirror=mirror
        )
        with tar.open("rb") as content:
            return import_root(layouts, content, image, root)

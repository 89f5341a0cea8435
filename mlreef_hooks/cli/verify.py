"""`verify`: the command that makes a published version again and compares."""

import contextlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from mlreef_hooks.bases import BASES, read_image
from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.cli.building import open_layers_builder
from mlreef_hooks.cli.completion import modules
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.cli.user import find_module
from mlreef_hooks.config import Config
from mlreef_hooks.config_images import LayersBuilder
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_dirs import git_dir_of
from mlreef_hooks.index import Document
from mlreef_hooks.oci import MANIFEST, Descriptor
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.folders import folder_of
from mlreef_hooks.state_folder import StateFolder
from mlreef_hooks.verification import PublishedVersion, first_difference, make_again


@click.command("verify")
@click.argument("module", metavar="NAMESPACE/NAME[@VERSION]", shell_complete=modules)
@click.option(
    "--repo", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The repository, or a clone of it (default: the server's).",
)  # fmt: skip
@click.option(
    "--index", "index_path", type=click.Path(file_okay=False, path_type=Path),
    help="The index's folder (default: the configuration's).",
)  # fmt: skip
@click.option(
    "--provenance", is_flag=True,
    help="Only check what the index says of how it was made; offline, and nothing is made again.",
)  # fmt: skip
@click.option(
    "--allowed-signers", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Whose signatures count (default: the configuration's).",
)  # fmt: skip
@click.pass_obj
def verify(
    config_file: str | None,
    module: str,
    repo: Path | None,
    index_path: Path | None,
    provenance: bool,
    allowed_signers: Path | None,
) -> int:
    """Make a published version again from its commit, and compare it bit for bit.

    All is made anew but the base image, and wheels that an engine built. Exit status 1 where
    something differs.
    """
    if allowed_signers and not provenance:
        raise click.UsageError("--allowed-signers goes with --provenance")
    config = load_config(config_file)
    document, version = find_module(config, index_path, module)
    if provenance:
        from mlreef_hooks.cli.provenance import verify_provenance

        allowed = allowed_signers or config.provenance.allowed_signers
        index = index_path or config.index_path
        return verify_provenance(index, document, version, str(allowed or ""))
    return _verify_image(config, document, version, repo)


def _verify_image(config: Config, document: Document, version: Document, repo: Path | None) -> int:
    published = PublishedVersion(document=document, version=version)
    wanted = version["image"]["digest"]
    with tempfile.TemporaryDirectory(prefix="mlreef-verify-") as folder:
        apart = _apart(config, Path(folder))
        builder = open_layers_builder(apart, BuildCache(apart.state_folder.cache), click.echo)
        with contextlib.closing(GitRepository(repo or _repository(config, document))) as found:
            made = make_again(published, found, open_site(apart, click.echo), builder)
        if made.digest == wanted:
            click.echo(f"the same: {wanted}")
            return 0
        click.echo(f"not the same: {wanted} was published, and {made.digest} comes out")
        _explain(OciLayouts(config.images_path), wanted, builder.layouts, made.digest)
    return 1


def _apart(config: Config, folder: Path) -> Config:
    """The configuration of a site that has the base images, the locks and what was built for
    them, and nothing else.
    """
    own, apart = config.state_folder, StateFolder(folder)
    source = OciLayouts(config.images_path)
    target = OciLayouts(apart.images)
    target.put(b"{}")  # makes its folders
    for base in config.base.values():
        manifest = source.find(BASES, base.image)
        if manifest is None:
            continue
        image = read_image(source, manifest)
        blobs = [manifest.digest, image.config.digest, *(each.blob.digest for each in image.layers)]
        for digest in blobs:
            _share(source.blob_path(digest), target.blob_path(digest))
        target.tag(BASES, base.image, manifest)
    if own.locked.is_dir():
        shutil.copytree(own.locked, apart.locked)
    apart.built.symlink_to(own.built)  # only ever read here
    layers = LayersBuilder(start="never")
    return replace(
        config,
        state=str(folder),
        images=replace(config.images, path=str(apart.images)),
        builder=replace(config.builder, use="layers", layers=layers),
    )


def _share(source: Path, target: Path) -> None:
    if not target.exists():
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copyfile(source, target)


def _repository(config: Config, document: dict[str, str]) -> Path:
    with contextlib.suppress(PublishError):
        if config.server.root:
            return git_dir_of(folder_of(document["repository"], Path(config.server.root)))
    raise PublishError("its repository is not on this machine", "name a clone of it with --repo")


def _explain(published: OciLayouts, wanted: str, made: OciLayouts, found: str) -> None:
    size = published.size_of(wanted)
    if size is None:
        click.echo("what was published is not in the folder of images, to compare its layers")
        return
    images = []
    for layouts, digest in ((published, wanted), (made, found)):
        blob = Descriptor(media_type=MANIFEST, digest=digest, size=layouts.size_of(digest) or 0)
        images.append(read_image(layouts, blob))
    click.echo(first_difference(*images) or "the manifests differ")

"""A published version made again from its commit, and compared with what was published."""

from dataclasses import dataclass

from packaging.version import Version

from mlreef_hooks.bases import ImageBlobs
from mlreef_hooks.config_images import Base
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import Builder, BuiltImage, Dependencies
from mlreef_hooks.image_plan import plan_image
from mlreef_hooks.index import Document, IndexEntry
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.module_choice import choose_manifest
from mlreef_hooks.problems import Problem
from mlreef_hooks.push import HEADS, PublishRequest, RepositoryName
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.validation import validate
from mlreef_hooks.wheels.lock import SourceNeeded


@dataclass(frozen=True, kw_only=True)
class PublishedVersion:
    """A version or edge of the index, and the module that it is of."""

    document: Document
    version: Document

    @property
    def request(self) -> PublishRequest:
        """What asked for it, as far as the image knows."""
        namespace, name = self.document["namespace"], self.document["name"]
        key = RepositoryName(key=self.document["repository"], namespace=namespace, name=name)
        number, branch = self.version.get("version"), self.version.get("branch")
        return PublishRequest(
            repository=key,
            tag=self.version["tag"] if number else f"{HEADS}{branch}",
            module=name,
            version=Version(number) if number else None,
            commit=self.version["commit"],
            pusher="",
            notes=self.version["notes"] if number else "",
        )


def make_again(
    published: PublishedVersion, repository: GitRepository, site: Site, builder: Builder
) -> BuiltImage:
    """The image of a published version, made anew from its commit; it is not delivered.

    PublishError where it cannot be made any more.
    """
    if not published.version.get("wheels") and published.version["locked"]:
        raise PublishError(
            "a Docker engine built it, and pip does not give the same bytes twice",
            "publish a version whose requirements all have wheels",
        )
    request = published.request
    lfs = site.config.server.lfs
    tree = repository.read_tree(request.commit, site.config.limits, lfs=lfs)
    manifest = _manifest(request, tree, site)
    base = site.config.base[manifest.base]
    dependencies = _dependencies(manifest, base, builder)
    entry = IndexEntry(
        request=request,
        manifest=manifest,
        dependencies=dependencies,
        visibility="private",  # no part of the image
        source=published.document["source"],
    )
    created = repository.commit_time(request.commit)
    return builder.assemble(plan_image(entry, tree, created, site.config.registry.prefix))


def _dependencies(manifest: ModuleManifest, base: Base, builder: Builder) -> Dependencies:
    try:
        return builder.dependencies(manifest.base, base, manifest.requirements_files)
    except SourceNeeded as error:
        raise PublishError(
            f"{error.why}, and the wheel that was built is not kept any more",
            "publish another version; what has been built since may be other bytes",
        ) from error


def _manifest(request: PublishRequest, tree: SourceTree, site: Site) -> ModuleManifest:
    name = request.repository.name
    validation = validate(tree, name=name, config=site.config, module=request.module)
    by_name = {manifest.name: manifest for manifest in validation.manifests}
    chosen = by_name.get(name) or choose_manifest(validation, request)
    if chosen is None or isinstance(chosen, Problem) or not validation.publishable:
        raise PublishError(
            "its commit does not pass the rules of this configuration",
            "see what mlreef-hooks check --rev says of it",
        )
    return chosen


def first_difference(published: ImageBlobs, made: ImageBlobs) -> str | None:
    """What differs first, from the bottom; None where both are the same image."""
    pairs = zip(published.layers, made.layers, strict=False)
    for number, (one, other) in enumerate(pairs, start=1):
        if one.diff_id != other.diff_id:
            return f"layer {number} is {one.diff_id} and comes out as {other.diff_id}"
    if len(published.layers) != len(made.layers):
        return f"it has {len(published.layers)} layers and comes out with {len(made.layers)}"
    if published.config.digest != made.config.digest:
        return "the layers are the same, and the configuration or its labels differ"
    return None

"""One publish, from a commit to an index entry: a stage a line."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from time import monotonic
from typing import NamedTuple

from mlreef_hooks import report
from mlreef_hooks.attestation import attest
from mlreef_hooks.audience import ModuleAudience
from mlreef_hooks.columns import size
from mlreef_hooks.contract_check import check_contract, with_changes
from mlreef_hooks.edge import NAMES, check_moves, edge_of
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import Builder, BuiltImage, Dependencies, ImageSpec, timestamp
from mlreef_hooks.image_place import ImagePlace, place_images
from mlreef_hooks.image_plan import plan_image
from mlreef_hooks.index import IndexEntry
from mlreef_hooks.interruption import go_through
from mlreef_hooks.job import Job
from mlreef_hooks.missing_imports import missing_imports
from mlreef_hooks.module_turn import module_turn
from mlreef_hooks.plain_text import plain
from mlreef_hooks.presentation import read_presentation
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.request_check import check, is_published, refusal
from mlreef_hooks.site import Site
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_summary import recall_from
from mlreef_hooks.visibility import PRIVATE

_Ask = Callable[[], str]  # who may read the module, asked while nobody else can write the index


class _Start(NamedTuple):
    """When a publish began, by the clock and by one that does not jump (seconds)."""

    at: datetime
    ticks: float


def publish(job: Job, repository: GitRepository, site: Site) -> str:
    """The name of the module that the job's commit was published as; of an edge those of all.

    PublishError where it cannot be published; the pusher was told of every finding by then.
    Overtaken where edge is to be elsewhere.
    """
    start = _Start(site.clock(), monotonic())
    recall = recall_from(site.cache.folders)
    lfs = site.config.server.lfs
    tree = repository.read_tree(job.request.commit, site.config.limits, recall, lfs=lfs)
    manifests = check(job.request, tree, site)
    for manifest in manifests:
        audience = ModuleAudience(
            request=job.request, manifest=manifest, repository=repository, site=site
        )
        _publish_module(job, audience, tree, start)
    return NAMES.join(manifest.name for manifest in manifests)


def _publish_module(job: Job, audience: ModuleAudience, tree: SourceTree, start: _Start) -> None:
    request, manifest, site = audience.request, audience.manifest, audience.site
    with _turn(audience):
        document = site.index.find(request.repository.namespace, manifest.name)
        if is_published(request, manifest, document, audience.repository, site):
            site.tell(report.already_published(request, manifest.name))
            return
        check_contract(request, manifest, document, site)
        place = place_images(audience)
        made, image = _make(audience, tree, place)
        entry = with_changes(_complete(made, image, site), document, site)
        ask = partial(_visibility, audience, place, image)
        if request.version is None:
            _move_edge(entry, audience, ask)
        else:
            _add_version(entry, tree, site, ask, job.id, start.at)
    site.tell(report.published(request, manifest, image, monotonic() - start.ticks))


def _turn(audience: ModuleAudience) -> AbstractContextManager[None]:
    site, name = audience.site, audience.manifest.name
    namespace = audience.request.repository.namespace
    locks = site.config.state_folder.locks
    return module_turn(locks, namespace, name, lambda: site.tell(report.waiting(name)))


# the image


def _make(
    audience: ModuleAudience, tree: SourceTree, place: ImagePlace
) -> tuple[IndexEntry, BuiltImage]:
    """The image, delivered, and its entry as the image's own label has it."""
    created = audience.repository.commit_time(audience.request.commit)

    def build(builder: Builder) -> tuple[IndexEntry, BuiltImage]:
        entry = _describe(audience, _prepare(audience, builder), place)
        spec = plan_image(entry, tree, created, place.prefix)
        assembled = _assemble(spec, audience, builder)
        if place.visibility != PRIVATE:
            place.check(audience.ask().word, audience.site)
        return entry, builder.deliver(assembled)

    return audience.site.build(audience.site.output, audience.manifest, build)


def _prepare(audience: ModuleAudience, builder: Builder) -> Dependencies:
    manifest, site = audience.manifest, audience.site
    base = site.config.base[manifest.base]
    dependencies = builder.dependencies(manifest.base, base, manifest.requirements_files)
    _tell_step(audience, report.prepared(dependencies))
    if dependencies.modules is not None:
        missing = [*missing_imports(manifest, dependencies.modules)]
        if missing:
            site.tell(report.findings(missing))
            raise refusal(missing, audience.request)
    return dependencies


def _describe(
    audience: ModuleAudience, dependencies: Dependencies, place: ImagePlace
) -> IndexEntry:
    return IndexEntry(
        request=audience.request,
        manifest=audience.manifest,
        dependencies=dependencies,
        visibility=place.visibility,
        source=audience.site.server.source(audience.request.repository),
    )


def _assemble(spec: ImageSpec, audience: ModuleAudience, builder: Builder) -> BuiltImage:
    image = builder.assemble(spec)
    _tell_step(audience, report.assembled(image))
    try:
        _check_size(image, audience.site.config.limits.image_bytes)
        builder.check_start(image, audience.manifest)
    except PublishError:
        builder.discard(image)
        raise
    return image


def _tell_step(audience: ModuleAudience, lines: Sequence[str]) -> None:
    """Tell how far it is; who pushes a branch only wants to know how it ends."""
    if audience.request.version is not None:
        audience.site.tell(lines)


def _check_size(image: BuiltImage, most: int) -> None:
    if image.size > most:
        raise PublishError(
            f"the image has {size(image.size)} and {size(most)} are allowed",
            "require less, or ask the administrator for a larger limits.image_bytes",
        )


# the index


def _complete(entry: IndexEntry, image: BuiltImage, site: Site) -> IndexEntry:
    """The whole entry."""
    return replace(
        entry,
        image=image,
        published_at=timestamp(int(site.clock().timestamp())),
        published_by=plain(entry.request.pusher),
    )


def _add_version(
    entry: IndexEntry, tree: SourceTree, site: Site, ask: _Ask, job_id: int, began: datetime
) -> None:
    shown = read_presentation(tree, entry.manifest)
    attested = attest(entry, shown, job_id, timestamp(int(began.timestamp())), site)
    go_through()
    site.index.add(attested.document, attested.files, ask)


def _move_edge(entry: IndexEntry, audience: ModuleAudience, ask: _Ask) -> None:
    """Let edge be an entry, unless it is to be elsewhere by now."""
    site = audience.site
    document = site.index.find(entry.request.repository.namespace, entry.manifest.name)
    check_moves(entry.request, edge_of(document), audience.repository)
    go_through()
    site.index.set_channels(entry.document(), ask)


def _visibility(audience: ModuleAudience, place: ImagePlace, image: BuiltImage) -> str:
    """Who may read a module now: it may have changed while its image was made and sent."""
    found = audience.ask()
    place.check(found.word, audience.site, image)
    audience.site.tell(report.untold(found))
    return found.word

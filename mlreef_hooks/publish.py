"""One publish, from a commit to an index entry: a stage a line."""

import hashlib
from collections.abc import Sequence
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
from mlreef_hooks.durable_files import turn_taken
from mlreef_hooks.edge import NAMES, check_moves, edge_of
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import Builder, BuiltImage, Dependencies, ImageSpec, timestamp
from mlreef_hooks.image_place import ImagePlace, place_images
from mlreef_hooks.image_plan import plan_image
from mlreef_hooks.index import Document, IndexEntry
from mlreef_hooks.index_claims import check_claims, check_tag, is_listed
from mlreef_hooks.interruption import go_through
from mlreef_hooks.job import PUBLISHED, Job
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.missing_imports import missing_imports
from mlreef_hooks.plain_text import plain
from mlreef_hooks.presentation import read_presentation
from mlreef_hooks.problems import Problem, did_you_mean
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_summary import key_of, recall_from, summarise
from mlreef_hooks.validation import Validation, validate
from mlreef_hooks.visibility import PRIVATE


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
        _publish_module(job, manifest, tree, repository, site, start)
    return NAMES.join(manifest.name for manifest in manifests)


def _publish_module(
    job: Job,
    manifest: ModuleManifest,
    tree: SourceTree,
    repository: GitRepository,
    site: Site,
    start: _Start,
) -> None:
    audience = ModuleAudience(
        request=job.request, manifest=manifest, repository=repository, site=site
    )
    with _turn(job.request, manifest, site):
        document = site.index.find(job.request.repository.namespace, manifest.name)
        if is_published(job.request, manifest, document, repository, site):
            site.tell(report.already_published(job.request, manifest.name))
            return
        check_contract(job.request, manifest, document, site)
        image = _publish_new(job, audience, document, tree, site, start.at)
    site.tell(report.published(job.request, manifest, image, monotonic() - start.ticks))


def _publish_new(
    job: Job,
    audience: ModuleAudience,
    document: Document | None,
    tree: SourceTree,
    site: Site,
    began: datetime,
) -> BuiltImage:
    manifest = audience.manifest
    created = audience.repository.commit_time(job.request.commit)
    place = place_images(audience)

    def build(builder: Builder) -> tuple[IndexEntry, BuiltImage]:
        dependencies = _prepare(job.request, manifest, builder, site)
        entry = _describe(job.request, manifest, dependencies, place, site)
        spec = plan_image(entry, tree, created, place.prefix)
        assembled = _build(job.request, spec, manifest, builder, site)
        if place.visibility != PRIVATE:
            place.check(audience.ask().word, site)
        return entry, builder.deliver(assembled)

    entry, image = site.build(site.output, manifest, build)
    complete = with_changes(_complete(entry, image, site), document, site)
    if complete.request.version is None:
        _move_edge(complete, audience, place, image)
    else:
        shown = read_presentation(tree, manifest)
        attested = attest(complete, shown, job.id, timestamp(int(began.timestamp())), site)
        go_through()
        ask = partial(_visibility, audience, place, image)
        site.index.add(attested.document, attested.files, ask)
    return image


def _visibility(audience: ModuleAudience, place: ImagePlace, image: BuiltImage) -> str:
    """Who may read a module now: it may have changed while its image was made and sent."""
    found = audience.ask()
    place.check(found.word, audience.site, image)
    audience.site.tell(report.untold(found))
    return found.word


def _move_edge(
    entry: IndexEntry, audience: ModuleAudience, place: ImagePlace, image: BuiltImage
) -> None:
    """Let edge be an entry, unless it is to be elsewhere by now."""
    site = audience.site
    document = site.index.find(entry.request.repository.namespace, entry.manifest.name)
    check_moves(entry.request, edge_of(document), audience.repository)
    go_through()
    site.index.set_channels(entry.document(), partial(_visibility, audience, place, image))


def _turn(
    request: PublishRequest, manifest: ModuleManifest, site: Site
) -> AbstractContextManager[None]:
    """The turn to publish this module: of two pushes of one version, only one gives it an image."""
    turn = turn_of(request.repository.namespace, manifest.name)
    locks = site.config.state_path / "locks"
    return turn_taken(locks, turn, lambda: site.tell(report.waiting(manifest.name)))


def turn_of(namespace: str, name: str) -> str:
    """The name of the lock of who publishes a module."""
    return hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:32]


def check(request: PublishRequest, tree: SourceTree, site: Site) -> Sequence[ModuleManifest]:
    """The module that a tag asks for, or all that a branch has.

    PublishError where there are errors, all of which are told.
    """
    name = request.repository.name
    validation = validate(tree, name=name, config=site.config, module=request.module)
    manifests, unknown = _choose_manifests(validation, request)
    problems = [*validation.problems, *unknown]
    names = NAMES.join(manifest.name for manifest in manifests)
    site.tell(report.beginning(request, names or name))
    if request.version is None:
        site.tell(report.checked_branch(problems))
    else:
        site.tell(report.checked(validation.files, next(iter(manifests), None), problems))
    known = summarise(tree, problems)
    site.cache.add_folders({key_of(id_): each.to_json() for id_, each in known.items()})
    if not manifests or any(problem.severity == "error" for problem in problems):
        raise _refusal(problems, request)
    return manifests


def _refusal(problems: Sequence[Problem], request: PublishRequest) -> PublishError:
    if request.version is None:
        return report.refusal_of_branch(problems, request.asked_by)
    return report.refusal(problems, request.tag)


def _tell_step(request: PublishRequest, lines: Sequence[str], site: Site) -> None:
    """Tell how far it is; who pushes a branch only wants to know how it ends."""
    if request.version is not None:
        site.tell(lines)


def _choose_manifests(
    validation: Validation, request: PublishRequest
) -> tuple[Sequence[ModuleManifest], Sequence[Problem]]:
    """The modules that are asked for, and what is wrong with asking for them."""
    if request.version is None:
        return validation.manifests, ()
    chosen = choose_manifest(validation, request)
    if isinstance(chosen, Problem):
        return (), (chosen,)
    return (chosen,) if chosen else (), ()


def choose_manifest(
    validation: Validation, request: PublishRequest
) -> ModuleManifest | Problem | None:
    """The module that the tag asks for, a finding where the tag names another or none of several,
    None where the tree has no module that could be read.
    """
    by_name = {manifest.name: manifest for manifest in validation.manifests}
    if request.module is None and len(by_name) < 2:
        return next(iter(by_name.values()), None)
    if request.module in by_name or not by_name:
        return by_name.get(request.module or "")
    said = f"there is no module {request.module!a}" if request.module else "the tag names no module"
    return Problem(
        rule="module-unknown", severity="error", path=plain(request.tag), line=None,
        message=said, hint=did_you_mean(request.module or "", list(by_name)),
    )  # fmt: skip


def is_published(
    request: PublishRequest,
    manifest: ModuleManifest,
    document: Document | None,
    repository: GitRepository,
    site: Site,
) -> bool:
    """True where this is in the index, whose document of the module is given; PublishError or
    Overtaken where it may not be published.
    """
    if request.version is not None:
        _check_tag(request, site)
    neighbour = partial(site.index.neighbour, request.repository.namespace)
    check_claims(request, manifest.name, document, neighbour)
    if request.version is None:
        check_moves(request, edge := edge_of(document), repository)
        return edge is not None and edge["commit"] == request.commit
    return is_listed(request, document)


def _check_tag(request: PublishRequest, site: Site) -> None:
    """PublishError where the tag has published another commit, under whatever name."""
    jobs = site.jobs.of_repository(request.repository.key, PUBLISHED)
    check_tag(request, [job.request.commit for job in jobs if job.request.tag == request.tag])


def _prepare(
    request: PublishRequest, manifest: ModuleManifest, builder: Builder, site: Site
) -> Dependencies:
    base = site.config.base[manifest.base]
    dependencies = builder.dependencies(manifest.base, base, manifest.requirements_files)
    _tell_step(request, report.prepared(dependencies), site)
    if dependencies.modules is not None:
        missing = [*missing_imports(manifest, dependencies.modules)]
        if missing:
            site.tell(report.findings(missing))
            raise _refusal(missing, request)
    return dependencies


def _describe(
    request: PublishRequest,
    manifest: ModuleManifest,
    dependencies: Dependencies,
    place: ImagePlace,
    site: Site,
) -> IndexEntry:
    return IndexEntry(
        request=request,
        manifest=manifest,
        dependencies=dependencies,
        visibility=place.visibility,
        source=site.server.source(request.repository),
    )


def _build(
    request: PublishRequest,
    spec: ImageSpec,
    manifest: ModuleManifest,
    builder: Builder,
    site: Site,
) -> BuiltImage:
    image = builder.assemble(spec)
    _tell_step(request, report.assembled(image), site)
    try:
        _check_size(image, site.config.limits.image_bytes)
        builder.check_start(image, manifest)
    except PublishError:
        builder.discard(image)
        raise
    return image


def _check_size(image: BuiltImage, most: int) -> None:
    if image.size > most:
        raise PublishError(
            f"the image has {size(image.size)} and {size(most)} are allowed",
            "require less, or ask the administrator for a larger limits.image_bytes",
        )


def _complete(entry: IndexEntry, image: BuiltImage, site: Site) -> IndexEntry:
    """The whole entry."""
    return replace(
        entry,
        image=image,
        published_at=timestamp(int(site.clock().timestamp())),
        published_by=plain(entry.request.pusher),
    )

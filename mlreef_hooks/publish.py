"""One publish, from a commit to an index entry: a stage a line."""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from time import monotonic

from mlreef_hooks import report
from mlreef_hooks.durable_files import turn_taken
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import Builder, BuiltImage, Dependencies, ImageSpec, timestamp
from mlreef_hooks.image_plan import plan_image
from mlreef_hooks.index import IndexEntry, find_version
from mlreef_hooks.index_claims import check_namespace, check_owner, check_same
from mlreef_hooks.interruption import go_through
from mlreef_hooks.jobs import PUBLISHED, Job
from mlreef_hooks.manifest import VISIBILITIES, ModuleManifest
from mlreef_hooks.missing_imports import missing_imports
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import Problem, did_you_mean
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_summary import key_of, recall_from, summarise
from mlreef_hooks.validation import Validation, validate


def publish(job: Job, repository: GitRepository, site: Site) -> str:
    """The name of the module that the job's commit was published as.

    PublishError where it cannot be published; the pusher was told of every finding by then.
    """
    began = monotonic()
    recall = recall_from(site.cache.folders)
    tree = repository.read_tree(job.request.commit, site.config.limits, recall)
    manifest = _validate(job.request, tree, site)
    with _turn(job.request, manifest, site):
        if _is_published(job.request, manifest, site):
            site.tell(report.already_published(job.request, manifest.name))
            return manifest.name
        image = _publish_new(job, manifest, tree, repository, site)
    site.tell(report.published(job.request, manifest, image, monotonic() - began))
    return manifest.name


def _publish_new(
    job: Job, manifest: ModuleManifest, tree: SourceTree, repository: GitRepository, site: Site
) -> BuiltImage:
    builder = site.builder(site.output)
    dependencies = _prepare(job.request, manifest, builder, site)
    entry = _describe(job.request, manifest, dependencies, repository, site)
    created = repository.commit_time(job.request.commit)
    spec = plan_image(entry, tree, created, site.config.registry.prefix)
    image = _build(spec, manifest, builder, site)
    _write(entry, image, repository, site)
    return image


def _turn(
    request: PublishRequest, manifest: ModuleManifest, site: Site
) -> AbstractContextManager[None]:
    """The turn to publish this module: of two pushes of one version, only one gives it an image."""
    module = f"{request.repository.namespace}/{manifest.name}"
    name = hashlib.sha256(module.encode()).hexdigest()[:32]
    locks = site.config.state_path / "locks"
    return turn_taken(locks, name, lambda: site.tell(report.waiting(manifest.name)))


def _validate(request: PublishRequest, tree: SourceTree, site: Site) -> ModuleManifest:
    name = request.repository.name
    validation = validate(tree, name=name, config=site.config, module=request.module)
    chosen = choose_manifest(validation, request)
    unknown = [chosen] if isinstance(chosen, Problem) else []
    problems = [*validation.problems, *unknown]
    manifest = None if isinstance(chosen, Problem) else chosen
    site.tell(report.beginning(request, manifest.name if manifest else name))
    site.tell(report.checked(validation.files, manifest, problems))
    known = summarise(tree, problems)
    site.cache.add_folders({key_of(id_): each.to_json() for id_, each in known.items()})
    if manifest is None or any(problem.severity == "error" for problem in problems):
        raise report.refusal(problems, request.tag)
    return manifest


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


def _is_published(request: PublishRequest, manifest: ModuleManifest, site: Site) -> bool:
    _check_tag(request, site)
    document = site.index.find(request.repository.namespace, manifest.name)
    check_owner(document, request.repository.key, manifest.name)
    if document is None:
        neighbour = site.index.neighbour(request.repository.namespace)
        check_namespace(neighbour, request.repository.key)
    published = document and find_version(document, str(request.version))
    if published:
        check_same(published, request.tag, request.commit)
    return bool(published)


def _check_tag(request: PublishRequest, site: Site) -> None:
    """PublishError where the tag has published another commit, under whatever name."""
    for job in site.jobs.of_repository(request.repository.key, PUBLISHED):
        if job.request.tag == request.tag and job.request.commit != request.commit:
            published = {"version": str(request.version), "commit": job.request.commit}
            check_same({**published, "tag": request.tag}, request.tag, request.commit)


def _prepare(
    request: PublishRequest, manifest: ModuleManifest, builder: Builder, site: Site
) -> Dependencies:
    base = site.config.base[manifest.base]
    dependencies = builder.dependencies(manifest.base, base, manifest.requirements_files)
    site.tell(report.prepared(dependencies))
    if dependencies.modules is not None:
        missing = [*missing_imports(manifest, dependencies.modules)]
        if missing:
            site.tell(report.findings(missing))
            raise report.refusal(missing, request.tag)
    return dependencies


def _describe(
    request: PublishRequest,
    manifest: ModuleManifest,
    dependencies: Dependencies,
    repository: GitRepository,
    site: Site,
) -> IndexEntry:
    return IndexEntry(
        request=request,
        manifest=manifest,
        dependencies=dependencies,
        visibility=_visibility(manifest, repository.settings(), site),
        source=site.server.source(request.repository),
    )


def _visibility(manifest: ModuleManifest, settings: Mapping[str, str], site: Site) -> str:
    """The repository's, which the author may narrow and never widen."""
    widest = site.server.visibility(settings)
    return min(widest, manifest.visibility or widest, key=VISIBILITIES.index)


def _build(spec: ImageSpec, manifest: ModuleManifest, builder: Builder, site: Site) -> BuiltImage:
    image = builder.assemble(spec)
    site.tell(report.assembled(image))
    try:
        builder.check_start(image, manifest)
    except PublishError:
        builder.discard(image)
        raise
    return builder.deliver(image)


def _write(entry: IndexEntry, image: BuiltImage, repository: GitRepository, site: Site) -> None:
    """Add the entry. Visibility is asked anew: it may have changed while the image was built."""
    complete = replace(
        entry,
        visibility=_visibility(entry.manifest, repository.settings(anew=True), site),
        image=image,
        published_at=timestamp(int(site.clock().timestamp())),
        published_by=plain(entry.request.pusher),
    )
    go_through()
    site.index.add(complete.document())

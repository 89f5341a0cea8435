"""What a publish would do, without doing it (`git push -o mlreef.plan`)."""

from mlreef_hooks import report
from mlreef_hooks.audience import ModuleAudience
from mlreef_hooks.contract_check import check_contract
from mlreef_hooks.image import image_reference
from mlreef_hooks.image_place import place_images
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.request_check import check, is_published
from mlreef_hooks.site import Site


def plan(request: PublishRequest, repository: GitRepository, site: Site) -> None:
    """Tell what would become of a tag or branch; PublishError where it would not be published."""
    lfs = site.config.server.lfs
    tree = repository.read_tree(request.commit, site.config.limits, lfs=lfs)
    for manifest in check(request, tree, site):
        _plan_module(request, manifest, repository, site)


def _plan_module(
    request: PublishRequest, manifest: ModuleManifest, repository: GitRepository, site: Site
) -> None:
    document = site.index.find(request.repository.namespace, manifest.name)
    if is_published(request, manifest, document, repository, site):
        site.tell(report.already_published(request, manifest.name))
        return
    check_contract(request, manifest, document, site)
    base = site.config.base[manifest.base]
    required = manifest.requirements_files
    known = site.build(site.output, manifest, lambda builder: builder.knows(base, required))
    audience = ModuleAudience(request=request, manifest=manifest, repository=repository, site=site)
    place = (place_images(audience).prefix, request.repository.namespace, manifest.name)
    reference = image_reference(*place, request.release)
    site.tell(report.planned(request, manifest, reference, known=known))

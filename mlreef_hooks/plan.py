"""What a publish would do, without doing it (`git push -o mlreef.plan`)."""

from mlreef_hooks import report
from mlreef_hooks.image import image_reference
from mlreef_hooks.publish import check, is_published
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site


def plan(request: PublishRequest, repository: GitRepository, site: Site) -> None:
    """Tell what would become of a tag; PublishError where it would not be published."""
    tree = repository.read_tree(request.commit, site.config.limits)
    manifest = check(request, tree, site)
    if is_published(request, manifest, site):
        site.tell(report.already_published(request, manifest.name))
        return
    base = site.config.base[manifest.base]
    required = manifest.requirements_files
    known = site.build(site.output, manifest, lambda builder: builder.knows(base, required))
    place = (site.config.registry.prefix, request.repository.namespace, manifest.name)
    reference = image_reference(*place, request.version)
    site.tell(report.planned(request, manifest, reference, known=known))

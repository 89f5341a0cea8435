"""Whether what is asked for may be published: its tree, its tag, and what the index has already.

The pusher is told what is found.
"""

from collections.abc import Sequence
from functools import partial

from mlreef_hooks import report
from mlreef_hooks.edge import NAMES, check_moves, edge_of
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.index_claims import check_claims, check_tag, is_listed
from mlreef_hooks.job import PUBLISHED
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.module_choice import choose_manifests
from mlreef_hooks.problems import Problem
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_summary import key_of, summarise
from mlreef_hooks.validation import validate


def check(request: PublishRequest, tree: SourceTree, site: Site) -> Sequence[ModuleManifest]:
    """The module that a tag asks for, or all that a branch has.

    PublishError where there are errors, all of which are told.
    """
    name = request.repository.name
    validation = validate(tree, name=name, config=site.config, module=request.module)
    manifests, unknown = choose_manifests(validation, request)
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
        raise refusal(problems, request)
    return manifests


def refusal(problems: Sequence[Problem], request: PublishRequest) -> PublishError:
    """The end of a request that has errors, all of which were told."""
    if request.version is None:
        return report.refusal_of_branch(problems, request.asked_by)
    return report.refusal(problems, request.tag)


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

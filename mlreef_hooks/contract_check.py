"""The contract between versions where a version is published: told, kept to, written down."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from mlreef_hooks import report
from mlreef_hooks.contract import Comparison, compare
from mlreef_hooks.index import Document, IndexEntry, manifest_facts
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.site import Site

_Result = TypeVar("_Result")


def check_contract(
    request: PublishRequest, manifest: ModuleManifest, document: Document | None, site: Site
) -> None:
    """Tell what changed since the version before, of what the commit tells. PublishError where it
    breaks what the version promises and the site does not want that.
    """
    found = _unless_mistaken(lambda: _compared(request, manifest, document), site)
    if found is None:
        return
    site.tell(report.changed(found))
    problem = found.problem(request.tag, site.config.rules)
    if problem is not None:
        site.tell(report.findings([problem]))
        if problem.severity == "error":
            raise report.refusal([problem], request.tag)


def _compared(
    request: PublishRequest, manifest: ModuleManifest, document: Document | None
) -> Comparison | None:
    if request.version is None:
        return None  # edge promises nothing
    return compare(document, request.version, manifest.kind, manifest_facts(manifest))


def with_changes(entry: IndexEntry, document: Document | None, site: Site) -> IndexEntry:
    """The entry with all that changed since the version before, where there is one."""

    def add() -> IndexEntry:
        version = entry.request.version
        if version is None or document is None:
            return entry
        (after,) = entry.document()["versions"]
        found = compare(document, version, entry.manifest.kind, after)
        return entry if found is None else replace(entry, compared=found.to_json())

    return _unless_mistaken(add, site) or entry


def _unless_mistaken(work: Callable[[], _Result], site: Site) -> _Result | None:
    """What `work` gives; None where it fails: no version stays unpublished for a mistake here."""
    try:
        return work()
    except Exception as error:
        site.keep_mistake(error)
        return None

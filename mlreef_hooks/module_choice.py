"""Which of a tree's modules a tag or a branch means."""

from collections.abc import Sequence

from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import Problem, did_you_mean
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.validation import Validation


def choose_manifests(
    validation: Validation, request: PublishRequest
) -> tuple[Sequence[ModuleManifest], Sequence[Problem]]:
    """The module that a tag asks for, or all of a branch; and what is wrong with asking so."""
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

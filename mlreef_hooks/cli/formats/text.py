"""Text for people: a finding a line."""

from mlreef_hooks.cli.formats.found import Found
from mlreef_hooks.plain_text import counted, plain


def as_text(found: Found) -> str:
    """The findings, and then whether the project is publishable."""
    return "\n".join([*(plain(str(problem)) for problem in found.problems), *summary(found)])


def summary(found: Found) -> list[str]:
    """Whether the project is publishable: a line for each module, or one that counts the errors."""
    if not found.validation.publishable:
        errors = sum(problem.severity == "error" for problem in found.problems)
        return [f"not publishable: {counted(errors, 'error')}"]
    lines = []
    for manifest in found.manifests:
        parameters = counted(len(manifest.parameters), "parameter")
        requirements = counted(len(manifest.requirements), "requirement")
        said = f"{manifest.name} ({manifest.kind}) is publishable"
        lines.append(f"ok: {said}: {parameters}, {requirements}")
    return lines

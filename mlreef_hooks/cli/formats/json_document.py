"""JSON with all that is known of modules and findings."""

import json

from mlreef_hooks.cli.formats.found import Found


def as_json(found: Found) -> str:
    """The JSON document of what was found."""
    modules = [manifest.to_json() for manifest in found.manifests]
    document = {
        "ok": found.validation.publishable,
        "module": modules[0] if modules else None,
        "modules": modules,
        "problems": [problem.to_json() for problem in found.problems],
    }
    return json.dumps(document, indent=2)

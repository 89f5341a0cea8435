"""From an index entry to the image that it describes: reference, command, labels.

Labels are those of the OCI annotations
(https://github.com/opencontainers/image-spec/blob/main/annotations.md) and `io.mlreef.module`.
"""

import json
from collections.abc import Mapping

from mlreef_hooks.image import ImageSpec, entry_command, image_reference, timestamp
from mlreef_hooks.index import LIMIT, IndexEntry
from mlreef_hooks.tree import SourceTree

MODULE_LABEL = "io.mlreef.module"
_OCI = "org.opencontainers.image"


def plan_image(entry: IndexEntry, tree: SourceTree, created: int, prefix: str) -> ImageSpec:
    """The image of an entry; `created` is the commit's time in seconds since 1970 (UTC)."""
    request, manifest = entry.request, entry.manifest
    namespace = request.repository.namespace
    return ImageSpec(
        reference=image_reference(prefix, namespace, manifest.name, request.release),
        dependencies=entry.dependencies,
        tree=tree,
        created=created,
        command=entry_command(manifest.entry_point),
        environment=manifest.environment,
        labels=image_labels(entry, created),
    )


def image_labels(entry: IndexEntry, created: int) -> Mapping[str, str]:
    """The labels; what is not known is left out."""
    base = entry.dependencies
    # Who may read it is the repository's affair and may change; the image's bytes must not.
    module = {**entry.document(), "visibility": None}
    del module[LIMIT]
    (release,) = module["versions"] or module["channels"].values()
    labels = {
        f"{_OCI}.title": module["title"],
        f"{_OCI}.description": module["description"],
        f"{_OCI}.version": entry.request.release,
        f"{_OCI}.revision": entry.request.commit,
        f"{_OCI}.source": entry.source,
        f"{_OCI}.created": timestamp(created),
        f"{_OCI}.authors": release["author"],
        f"{_OCI}.licenses": release["licenses"],
        f"{_OCI}.base.name": base.base_image,
        f"{_OCI}.base.digest": base.base_digest,
        MODULE_LABEL: json.dumps(module, sort_keys=True, separators=(",", ":")),
    }
    return {name: value for name, value in labels.items() if value}

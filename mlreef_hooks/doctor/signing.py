"""Whether the site's key signs what is published."""

import os
from collections.abc import Iterator
from pathlib import Path

from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.ssh_signature import sign


def look_at_key(visit: Visit) -> Iterator[Finding]:
    """Whether the key that the configuration names signs; one that is away is told of already."""
    key = Path(visit.config.provenance.key)
    if not visit.config.provenance.key or not os.access(key, os.R_OK):
        return
    try:
        sign(key, b"")
    except PublishError as error:
        yield fault("key-unusable", "provenance.key", error.message)
    else:
        yield fine("provenance.key", "signs")

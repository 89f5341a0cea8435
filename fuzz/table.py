"""All harnesses, by the name of what they read."""

from collections.abc import Mapping

from fuzz import attestations, documents, packages, projects, pushes, wrappers
from fuzz.harness import Harness

HARNESSES: Mapping[str, Harness] = {
    **pushes.HARNESSES,
    **projects.HARNESSES,
    **packages.HARNESSES,
    **documents.HARNESSES,
    **attestations.HARNESSES,
    **wrappers.HARNESSES,
}

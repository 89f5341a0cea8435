"""The contract between versions: what changed since the one before, and whether it may break."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from mlreef_hooks.change import Change
from mlreef_hooks.index import Document, newest
from mlreef_hooks.problems import RULES, Problem, Severity
from mlreef_hooks.version_changes import changes_between
from mlreef_hooks.version_promise import last_before, may_break, needed_part, next_version

RULE = "version-breaking"
_KEPT = 200  # changes in the index; those that break come first


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A version beside the one before it: `since` that one; `next` what it may be called where it
    breaks.
    """

    version: Version
    since: Version
    changes: tuple[Change, ...]
    next: Version

    @property
    def breaking(self) -> tuple[Change, ...]:
        """The changes that break."""
        return tuple(change for change in self.changes if change.breaking)

    @property
    def broken(self) -> bool:
        """True where something breaks under a version that promises that nothing does."""
        return bool(self.breaking) and not may_break(self.since, self.version)

    def to_json(self) -> dict[str, Any]:
        """What the index says of it."""
        changes = [change.to_json() for change in self.changes[:_KEPT]]
        return {"since": str(self.since), "changes": changes}

    def problem(self, tag: str, severities: Mapping[str, Severity]) -> Problem | None:
        """The finding about a tag whose version promises more than it keeps."""
        if not self.broken:
            return None
        first, *more = [change.line().removeprefix("breaking: ") for change in self.breaking]
        others = f" and {len(more)} more" if more else ""
        said = f"{self.version} breaks what worked with {self.since}: {first}{others}"
        return Problem(
            rule=RULE, severity=severities.get(RULE, RULES[RULE].severity), path=tag, line=None,
            message=said, hint=f"call it {self.next}, or let what worked work on",
        )  # fmt: skip


def with_comparison(entry: Document, document: Document | None) -> Document:
    """A module's document with its one version, and what changed since the one before it."""
    (version,) = entry["versions"]
    found = compare(document, Version(version["version"]), entry["kind"], version)
    return entry if found is None else {**entry, "versions": [{**version, **found.to_json()}]}


def compare(
    document: Document | None, version: Version, kind: str, after: Document
) -> Comparison | None:
    """The comparison of a version that is not in its module's document yet; None for a first one.

    `after` is a version object, or the part of it that a manifest tells. Yanked versions do not
    count: nobody should have them.
    """
    published = [] if document is None else document["versions"]
    numbered = {Version(each["version"]): each for each in published}
    numbers = [number for number, each in numbered.items() if not each["yanked"]]
    since = last_before(version, numbers)
    if document is None or since is None:
        return None
    before, kinds = numbered[since], None
    # Only of the version that a user gets who names none the kind is known.
    if document["kind"] != kind and newest(published) is before:
        kinds = (document["kind"], kind)
    part = needed_part(max(numbers), breaking=True, adding=False)
    return Comparison(
        version=version,
        since=since,
        changes=changes_between(before, after, kinds),
        next=next_version(numbered, part),
    )

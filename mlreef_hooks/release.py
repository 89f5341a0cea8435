"""A release that an author is about to make: which tag, which version, which notes."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from mlreef_hooks.change import Change
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.push import VERSION_LENGTH, TagPattern
from mlreef_hooks.version_promise import Part, needed_part, next_version

# What sites use that do not use the forms of the configuration.
USUAL_FORMS = ("v{version}", "{module}@v{version}", "{module}-v{version}", "{version}")
_QUOTED = 60  # characters of a mistaken version
_SUBJECTS = 50  # lines of notes
_NOTES = 60 << 10  # bytes; a server takes 64 KiB, with what else stands in a tag
_URL = re.compile(r"[a-z+]+://(?:[^/@]+@)?[^/]*/(?P<path>.+)|(?:[^/:]+:)?(?P<place>.+)")
_HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9\[][A-Za-z0-9.\]-]*"  # never an option of ssh
_SSH_URL = re.compile(
    rf"ssh://(?P<host>{_HOST}(?::[0-9]+)?)/.*|(?P<other>{_HOST}):(?!//).*", re.DOTALL
)
# Changes by which a version can do more than the one before.
_ADDING = frozenset({
    "parameter-added", "parameter-optional", "parameter-type-widened", "parameter-choices-widened",
    "parameter-choices-lifted", "parameter-nargs-widened", "parameter-negative-added",
    "inputs-widened", "metric-added",
})  # fmt: skip
Outcome = Literal["published", "failed", "parked", "waits", "silent"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """The tags of a remote that have published a module: by version, the tag and its commit."""

    pattern: TagPattern
    tags: Mapping[Version, tuple[str, str]]


def find_published(
    tags: Mapping[str, str], patterns: Sequence[TagPattern], module: str, *, several: bool
) -> Published:
    """The tags of one module among all (name to commit), and the form that a new one gets.

    Where no tag has one of the `patterns`, a usual form that some have counts.
    """
    usual = [TagPattern.parse(text) for text in USUAL_FORMS]
    fitting = [
        [each for each in some if _fits(each, several=several)] for some in (patterns, usual)
    ]
    for pattern in (each for some in fitting for each in some):
        if found := _read(tags, pattern, module):
            return Published(pattern=pattern, tags=found)
    if not fitting[0]:
        form = "{module}/{version}" if several else "{version}"
        raise PublishError(
            "none of the site's forms of publish tags fits", f"give --tag-pattern publish/{form}"
        )
    return Published(pattern=fitting[0][0], tags={})


def _fits(pattern: TagPattern, *, several: bool) -> bool:
    return ("module" in pattern.names) == several


def _read(
    tags: Mapping[str, str], pattern: TagPattern, module: str
) -> dict[Version, tuple[str, str]]:
    read = ((pattern.read(tag), commit) for tag, commit in tags.items())
    return {
        tag.version: (tag.tag, commit)
        for tag, commit in read
        if tag and tag.version and tag.module in (None, module)
    }


def tag_of(pattern: TagPattern, module: str, version: Version) -> str:
    """The tag that publishes a version."""
    return pattern.text.replace("{module}", module).replace("{version}", str(version))


def read_version(text: str, published: Collection[Version]) -> Version:
    """The version that an author wrote; PublishError where it is none, or was published."""
    try:
        version = Version(text)
    except ValueError:  # InvalidVersion, or a number of thousands of digits
        version = None
    if version is None or version.local or len(str(version)) > VERSION_LENGTH:
        hint = "write one as 1.2.0: https://peps.python.org/pep-0440, without a + part"
        raise PublishError(f"{plain(text)[:_QUOTED]!r} is no version", hint)
    if version in published:
        raise PublishError(
            f"{version} has a tag on the server already",
            "raise the version; if it was not published, move its tag: git tag -f -a, git push -f",
        )
    return version


def propose(
    published: Collection[Version], changes: Sequence[Change] | None, part: Part | None
) -> Version:
    """The version after those published: as much higher as its changes want, or as was wished.

    `changes` are None where they are not known.
    """
    if part is None:
        words = [change.what for change in changes or ()]
        adding = changes is None or any(word in _ADDING for word in words)
        breaking = any(change.breaking for change in changes or ())
        before = max(published, default=Version("1"))
        part = needed_part(before, breaking=breaking, adding=adding)
    return next_version(published, part)


def write_notes(module: str, version: Version, subjects: Iterable[str]) -> str:
    """Notes made of the first lines of commits, the newest first."""
    lines = [line for line in map(plain, subjects) if line]
    more = len(lines) - _SUBJECTS
    shown = [f"- {line}" for line in lines[:_SUBJECTS]] + ([f"- and {more} more"] * (more > 0))
    return "\n".join([f"{module} {version}", *([""] if shown else []), *shown])


def refuse_long(notes: str) -> None:
    """PublishError for notes that no server takes."""
    size = len(notes.encode(errors="surrogateescape"))
    if size > _NOTES:
        raise PublishError(
            f"the notes have {size} bytes and {_NOTES} are allowed",
            "write shorter ones, and where the rest can be read",
        )


def places_of(url: str, module: str) -> list[str]:
    """What a module of the repository at a URL may be called in an index, the shortest first."""
    match = _URL.fullmatch(url)
    path = (match["path"] or match["place"]) if match else ""
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part]
    names = [*parts[:-1], module]
    return ["/".join(names[-count:]).lower() for count in range(2, len(names) + 1)]


def ssh_place(url: str) -> str | None:
    """The place of the index that the host of an ssh remote may have; None where it is no such."""
    match = _SSH_URL.fullmatch(url)
    return f"ssh://{match['host'] or match['other']}" if match else None


def read_outcome(lines: Iterable[str], module: str, version: Version) -> Outcome:
    """What became of a version by the lines that the server said, without `remote: `: it `waits`
    where it goes on without the push, is `parked` until the main branch has its commit, and a
    server is `silent` that publishes nothing.
    """
    said = "\n".join(lines).replace("\n  ", " ")
    ends = (f"success: {module} {version} is published", f"{module} {version} is already published")
    waits = ("on in the background", "is kept and tried again", "being published")
    if any(end in said for end in ends):
        return "published"
    if "is parked" in said:
        return "parked"
    if any(word in said for word in waits):
        return "waits"
    return "failed" if "mlreef: " in said or "error: " in said else "silent"

"""A release that is made: the tag, the push, and what the server makes of it."""

import shlex
import time
from dataclasses import dataclass

import click
from packaging.version import Version

from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.release import Outcome, read_outcome
from mlreef_hooks.releasing import Draft, is_published, refspecs

_EVERY = 0.5  # seconds between two looks at the index


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release that only has to be made."""

    draft: Draft
    version: Version
    tag: str
    notes: str


def make_release(release: Release, *, sign: bool, seconds: int) -> int:
    """Tag, push and follow for so many seconds; the exit status.

    What the server did not take leaves no tag behind.
    """
    draft, said = release.draft, list[str]()

    def show(line: str) -> None:
        said.append(line)
        click.echo(line)

    draft.clone.tag(release.tag, draft.head, release.notes, sign=sign)
    went_in = draft.clone.push(draft.remote, refspecs(draft.branch, draft.head, release.tag), show)
    if not went_in and not _has_tag(release):
        draft.clone.delete_tag(release.tag)
        raise PublishError(
            "the server did not take the push; nothing was published, and the tag is gone again",
            "see above; git pull first where the branch has moved on",
        )
    lines = [line.removeprefix("remote: ") for line in said if line.startswith("remote: ")]
    state = read_outcome(lines, draft.manifest.name, release.version)
    return _follow(release, state if went_in or state != "silent" else "waits", seconds)


def _has_tag(release: Release) -> bool:
    """True where the remote has the tag: a connection may break once everything is in."""
    try:
        return release.tag in release.draft.clone.ask_remote(release.draft.remote).tags
    except PublishError:
        return False


def _follow(release: Release, state: Outcome, seconds: int) -> int:
    """The exit status of a push that went in; where it goes on without us, the index is looked at
    until the version is there.
    """
    draft = release.draft
    name = f"{draft.manifest.name} {release.version}"
    if state == "failed":
        raise PublishError(
            f"{name} was not published; its tag is on the server",
            f"correct it, and take the next version, or delete the tag there: {_deletion(release)}",
        )
    if state == "silent":
        raise PublishError(
            f"the server took {plain(release.tag)} and said nothing of a publish",
            "ask its administrator for the hook and the form of publish tags, see --tag-pattern;"
            f" or take it back: {_deletion(release)}",
        )
    if state == "waits" and not _appears(release, seconds):
        raise PublishError(
            f"{name} is not published yet", "mlreef-hooks show tells once it is, or the next push"
        )
    click.echo(f"{name} is published")
    return 0


def _deletion(release: Release) -> str:
    tag = shlex.quote(plain(release.tag))
    return f"git push {shlex.quote(plain(release.draft.remote))} :{tag}; git tag --delete {tag}"


def _appears(release: Release, seconds: int) -> bool:
    """True once the index has the version, within so many seconds."""
    draft, end = release.draft, time.monotonic() + seconds
    if draft.index is None:
        return False
    click.echo(f"waiting for the index, at most {seconds} s; Ctrl-C does not stop the server")
    while not is_published(draft.look(), release.version, draft.head):
        if time.monotonic() >= end:
            return False
        time.sleep(_EVERY)
    return True

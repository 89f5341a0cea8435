"""A release that is made: the tag, the push, and what the server makes of it."""

import shlex
import time
from collections.abc import Callable
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
    went_in = _push(release, show)
    if not went_in and _take_back(release):
        raise PublishError(
            "the server did not take the push; nothing was published, and the tag is gone again",
            "see above; git pull first where the branch has moved on",
        )
    lines = [line.removeprefix("remote: ") for line in said if line.startswith("remote: ")]
    state = read_outcome(lines, draft.manifest.name, release.version)
    return _follow(release, state if went_in or state != "silent" else "waits", seconds)


def _push(release: Release, show: Callable[[str], None]) -> bool:
    """True where all went in; where the author interrupts it, the tag is gone again."""
    draft = release.draft
    try:
        specs = refspecs(draft.branch, draft.head, release.tag)
        return draft.clone.push(draft.remote, specs, show)
    except KeyboardInterrupt:
        _take_back(release)
        raise


def _take_back(release: Release) -> bool:
    """True where the remote has not got the tag: then it is gone from the clone, too.

    A connection may break once everything is in. PublishError where the remote does not answer.
    """
    draft, tag = release.draft, shlex.quote(plain(release.tag))
    try:
        tags = draft.clone.ask_remote(draft.remote).tags
    except PublishError as error:
        raise PublishError(
            f"whether the server took the push cannot be told; {tag} stays here: {error.message}",
            f"look once it answers: git ls-remote {shlex.quote(plain(draft.remote))} {tag};"
            f" where it is not there: git tag --delete {tag}, and publish again",
        ) from None
    if release.tag in tags:
        return False
    draft.clone.delete_tag(release.tag)
    return True


def _follow(release: Release, state: Outcome, seconds: int) -> int:
    """The exit status of a push that went in; where it goes on without us, the index is looked at
    until the version is there.
    """
    name = f"{release.draft.manifest.name} {release.version}"
    _refuse(release, state, name)
    if state == "waits" and not _appears(release, seconds):
        raise PublishError(
            f"{name} is not published yet", "mlreef-hooks show tells once it is, or the next push"
        )
    click.echo(f"{name} is published")
    return 0


def _refuse(release: Release, state: Outcome, name: str) -> None:
    """PublishError where nothing is to be waited for."""
    if state == "failed":
        raise PublishError(
            f"{name} was not published; its tag is on the server",
            f"correct it, commit, and publish the next version; or this one: {_again(release)}",
        )
    if state == "parked":
        raise PublishError(
            f"{name} is not published yet; its tag is on the server",
            "it is once the server's main branch has the commit: push or merge it there",
        )
    if state == "silent":
        raise PublishError(
            f"the server took {plain(release.tag)} and said nothing of a publish",
            "ask its administrator for the hook and the form of publish tags, see --tag-pattern;"
            f" or take it back: {_deletion(release)}",
        )


def _again(release: Release) -> str:
    """How the tag is moved to the commit that is checked out then, with its notes."""
    remote, branch, tag = (
        shlex.quote(plain(each))
        for each in (release.draft.remote, f"HEAD:{release.draft.branch}", release.tag)
    )
    return f"git tag -f -a {tag} (keeps its notes), git push {remote} {branch} +{tag}"


def _deletion(release: Release) -> str:
    tag = shlex.quote(plain(release.tag))
    return f"git push {shlex.quote(plain(release.draft.remote))} :{tag}; git tag --delete {tag}"


def _appears(release: Release, seconds: int) -> bool:
    """True once the index has the version, within so many seconds."""
    draft, end = release.draft, time.monotonic() + seconds
    if draft.index is None:
        return False
    click.echo(f"waiting for the index, at most {seconds} s; Ctrl-C does not stop the server")
    while not _is_there(release):
        if time.monotonic() >= end:
            return False
        time.sleep(_EVERY)
    return True


def _is_there(release: Release) -> bool:
    """True where the index has the version; False where it does not answer just now, too."""
    try:
        return is_published(release.draft.look(), release.version, release.draft.head)
    except PublishError:
        return False

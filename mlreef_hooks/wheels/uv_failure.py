"""Why uv found no wheels for the requirements, read from what it printed."""

import re
from collections.abc import Callable, Sequence

from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.wheels.access import INDEX_HINT
from mlreef_hooks.wheels.lock import SourceNeeded
from mlreef_hooks.wheels.platform import Platform

_MESSAGE_LETTERS = 400
_UNSOLVED = "No solution found when resolving"
_UNKNOWN = re.compile(
    r"there is no version of (\S+)"
    r"|(\S+) was not found in the package registry(?: and you require (\S+))?"
)
_NO_WHEEL = re.compile(r"(\S+) has no (?:usable wheels|wheels with a matching)")
_NO_SUCH_WHEELS = re.compile(r"versions of (\S+) have no (?:usable wheels|wheels with a matching)")
_SOURCE = re.compile(r"Building source distributions for `([^`]+)` is disabled")
_BY_URL = re.compile(r"Package `([^`]+)` was included as a URL dependency|"
                     r"Failed to download and build `(\S+)")  # fmt: skip
_STATUS = re.compile(r"Failed to download `(\S+).*HTTP status client error \((4\d\d)")
_AWAY = re.compile(r"Failed to (?:fetch|download)|Request failed|error sending request")
_FULL = re.compile(r"No space left on device|Disk quota exceeded|os error (?:28|122)\b")
_CONCLUSION = re.compile(r",? we can conclude that .*?(?:\. And because |$)")
_HINT = "correct the versions that contradict each other: uv pip compile requirements.txt"


def in_one_line(printed: str) -> str:
    """What uv printed, without its frames and line breaks."""
    return " ".join(plain(re.sub(r"[^\x00-\x7f]", " ", printed).replace("\n", " ")).split())


def is_unsolved(said: str) -> bool:
    """True where uv had all answers that it asked for, and no solution with them."""
    return _UNSOLVED in said


def unknown_requirement(said: str) -> str | None:
    """The requirement that no index has, such as `numpy==99`."""
    found = _UNKNOWN.search(said)
    return (found[1] or found[3] or found[2]).rstrip(",") if found else None


def explain_uv(said: str, status: int, platform: Platform) -> PublishError | SourceNeeded:
    """What went wrong where uv said that."""
    for explanation in _EXPLANATIONS:
        found = explanation(said, platform)
        if found is not None:
            return found
    return _say_first_words(said, status)


def _full(said: str, _: Platform) -> PublishError | None:
    if not _FULL.search(said):
        return None
    return PublishError("the server's disk is full", "the administrator makes room", passing=True)


def _no_wheel(said: str, platform: Platform) -> SourceNeeded | None:
    found = _NO_WHEEL.findall(said) or _NO_SUCH_WHEELS.findall(said)
    if not found:
        return None
    packages = tuple(dict.fromkeys(found))
    why = f"{', '.join(packages)} has no wheel for {platform}"
    return SourceNeeded(packages, why, sources=packages)


def _source(said: str, _: Platform) -> SourceNeeded | None:
    found = _SOURCE.search(said) or _BY_URL.search(said)
    if found is None:
        return None
    name = next(filter(None, found.groups()))
    return SourceNeeded((name,), f"{name} is required by a URL that is no wheel")


def _refused(said: str, _: Platform) -> PublishError | None:
    found = _STATUS.search(said)
    if found is None:
        return None
    message = f"the URL of {found[1]} answers with status {found[2]}"
    return PublishError(message, "correct the URL, or require another version")


def _away(said: str, _: Platform) -> PublishError | None:
    if not _AWAY.search(said):
        return None
    return PublishError("the package index cannot be reached", INDEX_HINT, passing=True)


def _contradiction(said: str, _: Platform) -> PublishError | None:
    if not is_unsolved(said):
        return None
    reason = said.partition(" Because ")[2].partition(" hint: ")[0]
    reason = ", and ".join(filter(None, _CONCLUSION.split(reason)))
    return PublishError(f"the requirements cannot be met: {reason}"[:_MESSAGE_LETTERS], _HINT)


_EXPLANATIONS: Sequence[Callable[[str, Platform], PublishError | SourceNeeded | None]] = (
    _full, _no_wheel, _source, _refused, _away, _contradiction,
)  # fmt: skip


def _say_first_words(said: str, status: int) -> PublishError:
    words = said.partition("error: ")[2] or said or f"exit status {status}"
    return PublishError(
        f"the requirements could not be resolved: {words}"[:_MESSAGE_LETTERS],
        "try the same: uv pip compile requirements.txt",
    )

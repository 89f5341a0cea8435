"""Why pip failed, in words for the pusher, read from what it printed."""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlreef_hooks.builders.pip_install import BASE_UNFIT, INDEX_SAID, WHEELS_ONLY
from mlreef_hooks.config_images import DockerEngine
from mlreef_hooks.container import KILLED, NOT_FOUND, TIMED_OUT, Ended
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain

_LINES_KEPT = 200
_MESSAGE_LETTERS = 400
_VERSIONS_SHOWN = 3

# What a package prints while it is built stands indented; only pip writes at the margin.
_COLLECTING = re.compile(r"Collecting (\S+)")
_UNKNOWN = re.compile(
    r"ERROR: Could not find a version that satisfies the requirement (.+?) \(from versions: (.*)\)"
)
_AWAY = re.compile(
    rf"WARNING: Retrying \(|{INDEX_SAID}(?:429|5\d\d) |(?:ERROR: |pip\._vendor\.|{INDEX_SAID}).*"
    r"(?:max retries exceeded|timed out|http error (?:429|5\d\d)|5\d\d server error"
    r"|connection (?:refused|reset|aborted))",
    re.IGNORECASE,
)
_DENIED = re.compile(rf"(?:{INDEX_SAID}|ERROR: HTTP error )(401|403)\b")
_OTHER_HASH = "DO NOT MATCH THE HASHES"
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_OUTPUT = re.compile(r"\s+.*\[\d+ lines of output\]")
_OUTPUT_END = re.compile(r"\s+\[end of output\]")
_BASE_HINT = "the administrator corrects [base] in the configuration"
_NOT_INSTALLED = "pip could not install the requirements"
_TRY_HINT = "try the same in a new virtual environment: pip install -r requirements.txt"


class PipOutput:
    """What pip printed: the last lines, and the package that it was at.

    `building` is the package whose wheel is all that pip makes, empty where it installs.
    """

    def __init__(self, building: str = "") -> None:
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._building = building
        self._package = building or "a package"

    def add(self, line: str) -> None:
        """Take the next line."""
        self._lines.append(line)
        found = None if self._building else _COLLECTING.match(line)
        self._package = found[1] if found else self._package

    def explain(self, ended: Ended, settings: DockerEngine, *, wheels_only: bool) -> PublishError:
        """What went wrong with an installation that ended so."""
        failure = _Failure(
            ended=ended,
            lines=list(self._lines),
            package=self._package,
            building=self._building,
            settings=settings,
            wheels_only=wheels_only,
        )
        errors = (explanation(failure) for explanation in _EXPLANATIONS)
        return next(filter(None, errors), _say_last_words(failure))


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """An installation or a build that failed: how it ended, what it printed, what bounded it."""

    ended: Ended
    lines: Sequence[str]
    package: str
    building: str
    settings: DockerEngine
    wheels_only: bool


def _beyond_bounds(failure: _Failure) -> PublishError | None:
    ended, building = failure.ended, failure.building
    doing = f"building {building}" if building else "installing the requirements"
    if ended.out_of_memory:
        return PublishError(
            f"{doing} took more than {failure.settings.memory} of memory",
            "require wheels instead of source distributions",
        )
    if ended.out_of_disk:
        return PublishError(
            f"{doing} took more than {failure.settings.disk} of disk",
            "require fewer packages, or smaller ones",
        )
    # timeout(1) kills what does not end when it is asked to.
    if ended.late or ended.status in (TIMED_OUT, KILLED):
        undone = f"{building} was not built" if building else "the requirements were not installed"
        return PublishError(
            f"{undone} within {failure.settings.build_seconds} s",
            "require wheels instead of source distributions, or fewer packages",
        )
    return None


def _base_unfit(failure: _Failure) -> PublishError | None:
    last = failure.lines[-1] if failure.lines else ""
    unfit = failure.ended.status in (BASE_UNFIT, NOT_FOUND)
    if not unfit and not last.endswith("No module named pip"):
        return None
    message = f"the base image cannot be used: {plain(last.removeprefix('mlreef: '))}"
    return PublishError(message, _BASE_HINT, passing=True)


def _denied(failure: _Failure) -> PublishError | None:
    found = next(filter(None, map(_DENIED.match, failure.lines)), None)
    if found is None:
        return None
    message = f"the package index does not let this server in (HTTP {found[1]})"
    hint = "the administrator corrects index_url or netrc below [pip] in the configuration"
    return PublishError(message, hint, passing=True)


def _unknown(failure: _Failure) -> PublishError | None:
    """A requirement that the index does not have; where pip retried, only if others it does."""
    found = next(filter(None, map(_UNKNOWN.match, failure.lines)), None)
    away = any(map(_AWAY.match, failure.lines))
    if found is None or (away and found[2] == "none"):
        return None
    requirement = plain(found[1])[:_MESSAGE_LETTERS]
    if found[2] != "none":
        newest = ", ".join(found[2].split(", ")[-_VERSIONS_SHOWN:])
        return PublishError(f"the package index does not have {requirement}", f"it has {newest}")
    if failure.wheels_only:
        return PublishError(f"the package index has no wheel of {requirement}", WHEELS_ONLY)
    hint = "correct its name, or its version"
    return PublishError(f"the package index does not have {requirement}", hint)


def _other_hash(failure: _Failure) -> PublishError | None:
    for line, following in pairwise(failure.lines):
        if line.startswith("ERROR: ") and _OTHER_HASH in line:
            requirement = plain(following).partition(" from ")[0]
            return PublishError(
                f"{requirement} has another hash than the one written",
                "find out why; `pip-compile --generate-hashes` writes them",
            )
    return None


def _full(failure: _Failure) -> PublishError | None:
    if not any(map(_FULL.search, failure.lines)):
        return None
    return PublishError("the engine's disk is full", "the administrator makes room", passing=True)


def _away(failure: _Failure) -> PublishError | None:
    if not any(map(_AWAY.match, failure.lines)):
        return None
    hint = "the administrator looks at [pip] in the configuration, and at the network"
    return PublishError("the package index cannot be reached", hint, passing=True)


def _unbuilt(failure: _Failure) -> PublishError | None:
    """A package that failed while it was built; pip shows what it printed."""
    for line, following in reversed(list(pairwise(failure.lines))):
        if _OUTPUT_END.fullmatch(following):
            said = "it says nothing" if _OUTPUT.fullmatch(line) else line.strip()
            message = plain(f"{failure.package} cannot be built: {said}")
            return PublishError(message[:_MESSAGE_LETTERS], _TRY_HINT)
    return None


_EXPLANATIONS: Sequence[Callable[[_Failure], PublishError | None]] = (
    _beyond_bounds, _base_unfit, _denied, _unknown, _other_hash, _full, _away, _unbuilt,
)  # fmt: skip


def _say_last_words(failure: _Failure) -> PublishError:
    """The first error of pip, which the others follow from, else the last line."""
    last = failure.lines[-1] if failure.lines else f"exit status {failure.ended.status}"
    errors = (line.removeprefix("ERROR: ") for line in failure.lines if line.startswith("ERROR: "))
    undone = f"{failure.building} cannot be built" if failure.building else _NOT_INSTALLED
    message = plain(f"{undone}: {next(errors, last)}")
    return PublishError(message[:_MESSAGE_LETTERS], _TRY_HINT)

"""Why pip failed, in words for the pusher, read from what it printed."""

import re
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise

from mlreef_hooks.builders.pip_install import BASE_UNFIT, WHEELS_ONLY
from mlreef_hooks.config import DockerEngine
from mlreef_hooks.container import NOT_FOUND, Ended
from mlreef_hooks.errors import PublishError

TIMED_OUT = 124  # the exit status of timeout(1)
_LINES_KEPT = 200
_VERSIONS_SHOWN = 3

# What a package prints while it is built stands indented; only pip writes at the margin.
_COLLECTING = re.compile(r"Collecting (\S+)")
_UNKNOWN = re.compile(
    r"ERROR: Could not find a version that satisfies the requirement (.+?) \(from versions: (.*)\)"
)
_AWAY = re.compile(
    r"WARNING: Retrying \(|(?:ERROR: |pip\._vendor\.).*(?:max retries exceeded|timed out"
    r"|http error 5\d\d|5\d\d server error|connection (?:refused|reset|aborted))",
    re.IGNORECASE,
)
_OTHER_HASH = "DO NOT MATCH THE HASHES"
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_OUTPUT, _OUTPUT_END = (
    re.compile(r"\s+.*\[\d+ lines of output\]"),
    re.compile(r"\s+\[end of output\]"),
)
_BASE_HINT = "the administrator corrects [base] in the configuration"
_TRY_HINT = "try the same in a new virtual environment: pip install -r requirements.txt"

Explanation = Callable[[Ended, Sequence[str], DockerEngine, bool], PublishError | None]


class PipOutput:
    """What pip printed: the last lines, and the package that it was at."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._package = ""

    def add(self, line: str) -> None:
        """Take the next line."""
        self._lines.append(line)
        found = _COLLECTING.match(line)
        self._package = found[1] if found else self._package

    def explain(self, ended: Ended, settings: DockerEngine, *, wheels_only: bool) -> PublishError:
        """What went wrong with an installation that ended so."""
        lines = list(self._lines)
        for explanation in _EXPLANATIONS:
            error = explanation(ended, lines, settings, wheels_only)
            if error is not None:
                return error
        built = _built(lines)
        if built:
            return PublishError(
                f"{self._package or 'a package'} cannot be built: {built}", _TRY_HINT
            )
        said = _last_words(lines) or f"exit status {ended.status}"
        return PublishError(f"pip could not install the requirements: {said}", _TRY_HINT)


def _beyond_bounds(
    ended: Ended, _lines: Sequence[str], settings: DockerEngine, _wheels_only: bool
) -> PublishError | None:
    if ended.late or ended.status == TIMED_OUT:
        return PublishError(
            f"the requirements were not installed within {settings.build_seconds} s",
            "require wheels instead of source distributions, or fewer packages",
        )
    if ended.out_of_memory:
        return PublishError(
            f"installing the requirements took more than {settings.memory} of memory",
            "require wheels instead of source distributions",
        )
    return None


def _base_unfit(
    ended: Ended, lines: Sequence[str], _settings: DockerEngine, _wheels_only: bool
) -> PublishError | None:
    last = lines[-1] if lines else ""
    if ended.status in (BASE_UNFIT, NOT_FOUND) or last.endswith("No module named pip"):
        said = last.removeprefix("mlreef: ")
        return PublishError(f"the base image cannot be used: {said}", _BASE_HINT, passing=True)
    return None


def _unknown(
    _ended: Ended, lines: Sequence[str], _settings: DockerEngine, wheels_only: bool
) -> PublishError | None:
    """A requirement that the index does not have; where pip retried, only if others it does."""
    found = next((match for match in map(_UNKNOWN.match, lines) if match), None)
    away = any(map(_AWAY.match, lines))
    if found is None or (away and found[2] == "none"):
        return None
    if found[2] != "none":
        newest = ", ".join(found[2].split(", ")[-_VERSIONS_SHOWN:])
        message, hint = f"the package index does not have {found[1]}", f"it offers {newest}"
    elif wheels_only:
        message, hint = f"the package index has no wheel of {found[1]}", WHEELS_ONLY
    else:
        message = f"the package index does not have {found[1]}"
        hint = "correct its name, or its version"
    return PublishError(message, hint)


def _other_hash(
    _ended: Ended, lines: Sequence[str], _settings: DockerEngine, _wheels_only: bool
) -> PublishError | None:
    for line, following in pairwise(lines):
        if line.startswith("ERROR: ") and _OTHER_HASH in line:
            return PublishError(
                f"{following.strip().partition(' from ')[0]} has another hash than the one written",
                "find out why; `pip-compile --generate-hashes` writes them",
            )
    return None


def _away_or_full(
    _ended: Ended, lines: Sequence[str], _settings: DockerEngine, _wheels_only: bool
) -> PublishError | None:
    if any(map(_FULL.search, lines)):
        return PublishError(
            "the engine's disk is full", "the administrator makes room", passing=True
        )
    if any(map(_AWAY.match, lines)):
        return PublishError(
            "the package index cannot be reached",
            "the administrator looks at [pip] and the network",
            passing=True,
        )
    return None


_EXPLANATIONS: Sequence[Explanation] = (
    _beyond_bounds,
    _base_unfit,
    _unknown,
    _other_hash,
    _away_or_full,
)


def _built(lines: Sequence[str]) -> str:
    """The last line that the build of a package printed; empty where none failed."""
    for line, following in reversed(list(pairwise(lines))):
        if _OUTPUT_END.fullmatch(following):
            return "it says nothing" if _OUTPUT.fullmatch(line) else line.strip()
    return ""


def _last_words(lines: Sequence[str]) -> str:
    """The first error of pip, which the others follow from, else the last line."""
    errors = (line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: "))
    return next(errors, lines[-1] if lines else "")

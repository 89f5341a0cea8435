"""The metrics of a run: what a module wrote into `metrics.json`, which is not trusted."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlreef_hooks.plain_text import plain

FILE = "metrics.json"
MOST_BYTES = 1 << 20
_MOST, _DEPTH, _LONGEST = 200, 5, 100  # metrics, objects in each other, characters of a name
_NAMELESS = "UNDEFINED"  # MLReef's word for a metric that has no name


def read_metrics(content: bytes | None) -> dict[str, float]:
    """The finite numbers of a JSON object by their names; those of an object in it are
    `train/loss`. Everything else in it is no metric; what is no JSON object has none.
    """
    try:
        document = json.loads(content or b"")
    except (ValueError, RecursionError):
        return {}
    found: dict[str, float] = {}
    for name, value in _numbers(document, (), _DEPTH):
        if len(found) == _MOST:
            break
        found[name] = value
    return found


def _numbers(value: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict) and depth:
        for name, each in value.items():
            yield from _numbers(each, (*path, name), depth - 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and path:
        name = plain("/".join(path))
        if name and len(name) <= _LONGEST and _is_finite(value):
            yield name, value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that is too large
        return False


def missing_metrics(
    declared: Sequence[Mapping[str, Any]], metrics: Mapping[str, float]
) -> tuple[str, ...]:
    """The metrics that the module's annotations name and its file does not hold, in any case."""
    held = {_folded(name) for name in metrics}
    names = dict.fromkeys(str(each.get("name")) for each in declared)
    return tuple(name for name in names if name != _NAMELESS and _folded(name) not in held)


def find_metric(metrics: Mapping[str, float], name: str) -> float | None:
    """The metric of a name, written in any case, with `-` or a space for `_`; None without it."""
    if name in metrics:
        return metrics[name]
    return next((each for held, each in metrics.items() if _folded(held) == _folded(name)), None)


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")

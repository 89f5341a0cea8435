"""Which runs are wanted, and how they differ."""

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import python_name
from mlreef_hooks.run_metrics import find_metric
from mlreef_hooks.run_record import RunRecord

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, "==": operator.eq,
    ">": operator.gt, "<": operator.lt, "=": operator.eq,
}  # fmt: skip
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"([0-9]{1,6})([mhdw])")
_BOUND = re.compile(r"(?P<name>[^<>=!]+)(?P<sign>>=|<=|!=|==|>|<|=)(?P<number>[^<>=!]+)")


@dataclass(frozen=True, kw_only=True)
class MetricBound:
    """A metric that a run must have; with a `sign`, on which side of a number."""

    name: str
    sign: str = ""
    number: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `accuracy` or `accuracy>0.9` says; PublishError where that is neither."""
        found = _BOUND.fullmatch(text)
        if not found and not re.search("[<>=!]", text) and text.strip():
            return cls(name=text.strip())
        try:
            name, sign, number = found.groups() if found else ("", "", "")
            return cls(name=name.strip(), sign=sign, number=float(number))
        except ValueError:
            raise PublishError(
                f"{text}: no metric and bound", "write it as in accuracy, or 'accuracy>0.9'"
            ) from None

    def holds(self, record: RunRecord) -> bool:
        """True where the run has the metric, and on that side."""
        value = find_metric(record.metrics, self.name)
        return value is not None and (not self.sign or _COMPARISONS[self.sign](value, self.number))


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs are wanted: those of a module (`vision/add-noise`, `add-noise`, either with
    `@1.2.0`), begun since a moment, with these values (as texts) and metrics.
    """

    module: str = ""
    since: datetime | None = None
    values: tuple[tuple[str, str], ...] = ()
    metrics: tuple[MetricBound, ...] = ()

    def __call__(self, record: RunRecord) -> bool:
        """True for a run that is wanted."""
        return (
            self._is_of_module(record)
            and (self.since is None or begun(record) >= self.since)
            and all(_has(record.parameters, name, text) for name, text in self.values)
            and all(bound.holds(record) for bound in self.metrics)
        )

    def _is_of_module(self, record: RunRecord) -> bool:
        name, _, version = self.module.partition("@")
        names = ("", record.module, record.module.rpartition("/")[2])
        return name in names and version in ("", record.version)


def begun(record: RunRecord) -> datetime:
    """When a run began."""
    return datetime.fromisoformat(record.started_at)


def _has(parameters: Mapping[str, Any], name: str, text: str) -> bool:
    by_name = {python_name(each): value for each, value in parameters.items()}
    folded = python_name(name)
    return folded in by_name and text in (shown(by_name[folded]), str(by_name[folded]))


def shown(value: Any) -> str:
    """A value of a parameter as it is written on a command line."""
    return value if isinstance(value, str) else json.dumps(value)


def parse_pairs(pairs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The names and texts of `name=value`; PublishError where one is none."""
    for pair in pairs:
        if "=" not in pair:
            raise PublishError(f"{pair}: no value", "write name=value")
    return tuple((name, text) for name, _, text in (pair.partition("=") for pair in pairs))


def parse_since(text: str, now: datetime) -> datetime:
    """The moment that `7d`, `12h`, `2026-11-28` or an RFC 3339 time means, in UTC where no zone is
    named; PublishError where it is none.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise PublishError(f"{text} is no time", "write it as in 7d, 12h, or 2026-11-28") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def differing_parameters(records: Sequence[RunRecord]) -> list[str]:
    """The parameters that not all of the runs have with the same value, in their order."""
    names = dict.fromkeys(name for record in records for name in record.parameters)
    return [name for name in names if len({_text_of(record, name) for record in records}) > 1]


def _text_of(record: RunRecord, name: str) -> str | None:
    known = record.parameters
    return shown(known[name]) if name in known else None


def metric_names(records: Sequence[RunRecord]) -> list[str]:
    """The metrics of the runs, in their order."""
    return list(dict.fromkeys(name for record in records for name in record.metrics))

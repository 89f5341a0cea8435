"""From single values to rows: medians, spread, and how often ours fits into each."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.scenarios import OURS

Times = Mapping[str, Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """The seconds of one peer in one scenario; `ratio` is None where ours has none."""

    scenario: str
    peer: str
    median: float
    least: float
    most: float
    count: int
    ratio: float | None


def rows(scenario: str, times: Times) -> list[Row]:
    """A row for each peer that published at least once."""
    ours = times.get(OURS)
    return [
        Row(
            scenario=scenario,
            peer=peer,
            median=statistics.median(each),
            least=min(each),
            most=max(each),
            count=len(each),
            ratio=statistics.median(each) / statistics.median(ours) if ours else None,
        )
        for peer, each in times.items()
        if each
    ]


def lines(table: Sequence[Row]) -> Iterator[str]:
    """The text of a table, with its head."""
    head = ("scenario", "peer", "median s", "least", "most", "runs", "ratio")
    yield "{:<15}{:<14}{:>9}{:>9}{:>9}{:>6}{:>9}".format(*head)
    for row in table:
        ratio = f"{row.ratio:.2f}x" if row.ratio else "-"
        yield (
            f"{row.scenario:<15}{row.peer:<14}{row.median:>9.3f}{row.least:>9.3f}{row.most:>9.3f}"
            f"{row.count:>6}{ratio:>9}"
        )


def part_lines(parts: Mapping[str, Times]) -> Iterator[str]:
    """Where the time of each peer goes: medians in milliseconds, a line for each part."""
    yield f"{'milliseconds':<24}" + "".join(f"{peer:>14}" for peer in parts)
    for part in dict.fromkeys(part for times in parts.values() for part in times):
        cells = (times.get(part) for times in parts.values())
        words = (f"{statistics.median(each) * 1000:.1f}" if each else "-" for each in cells)
        yield f"{part:<24}" + "".join(f"{word:>14}" for word in words)

"""A picture of the figures of `benchmarks.publish`, and of `benchmarks.publish_growth` below it.

    .cache/test-venv/bin/python -m benchmarks.plot FIGURES.json OUT.svg [--growth GROWTH.json]

Needs matplotlib: `.cache/test-venv/bin/pip install --editable '.[bench]'`. Dots are medians, lines
go from the least to the most. The background is painted, so that it is read in dark pages too.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Row, Times, rows
from benchmarks.scenarios import FLOOR, LOADING, OURS, PLAIN, SCENARIOS

NAMES = {
    OURS: "mlreef-hooks",
    LOADING: "mlreef-hooks, first in a while",
    "docker": "clone + docker build",
    "buildkit": "clone + BuildKit",
    "mlreef": "docker build, MLReef's order",
    "repo2docker": "repo2docker, same Dockerfile",
    FLOOR: "least that a publish must do",
    PLAIN: "git push without a hook",
}
PAPER, INK, PALE, GRID, ACCENT = "#fcfcfa", "#24292f", "#6b7178", "#dfe2e5", "#0b62c4"
ROW, PANEL, WIDTH = 0.22, 2.3, 8.6  # inches: a line of the chart, growth, the whole
GAP = 1.5  # lines between scenarios
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.labelcolor": INK,
    "xtick.color": PALE, "ytick.color": INK, "axes.edgecolor": GRID, "grid.color": GRID,
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
    "svg.hashsalt": "mlreef-hooks",
}  # fmt: skip


def main() -> int:
    """Write the picture; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("figures", type=Path)
    parser.add_argument("out", type=Path, help="its ending says what it is: .svg or .png")
    parser.add_argument("--growth", type=Path, help="the figures of publish_growth")
    options = parser.parse_args()
    table = placed_rows(json.loads(options.figures.read_text())["seconds"])
    growth = json.loads(options.growth.read_text())["seconds"] if options.growth else None
    draw(table, growth, options.out)
    return 0


def placed_rows(seconds: Mapping[str, Times]) -> list[tuple[str, list[Row]]]:
    """The title and rows of each scenario, the fastest first."""
    return [
        (SCENARIOS[name].title, sorted(rows(name, times), key=lambda row: row.median))
        for name, times in seconds.items()
    ]


def draw(
    table: Sequence[tuple[str, Sequence[Row]]],
    growth: Mapping[str, Times] | None,
    out: Path,
) -> None:
    """Write the picture of both."""
    import matplotlib as mpl
    from matplotlib import pyplot

    height = ROW * sum(len(group) + GAP for _, group in table)
    heights = [height, PANEL] if growth else [height]
    with mpl.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            len(heights), squeeze=False, layout="constrained", height_ratios=heights,
            figsize=(WIDTH, sum(heights) + 0.7 * len(heights)),
        )  # fmt: skip
        figure.get_layout_engine().set(hspace=0.08, w_pad=0.15, h_pad=0.15)
        draw_pushes(axes[0][0], table)
        if growth:
            draw_growth(axes[1][0], growth)
        metadata = {"Date": None} if out.suffix == ".svg" else None
        figure.savefig(out, dpi=160, metadata=metadata)


def draw_pushes(axes: Any, table: Sequence[tuple[str, Sequence[Row]]]) -> None:
    """Dots on a logarithmic scale, a line for each peer, under the title of each scenario."""
    places = [*_places(table)]
    for place, row in places:
        if isinstance(row, str):
            axes.annotate(row, (0, place), xycoords=axes.get_yaxis_transform(), va="center",
                          xytext=(4, 0), textcoords="offset points", weight="bold",
                          bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1})  # fmt: skip
            continue
        draw_row(axes, place, row)
    axes.set_xscale("log")
    named = [(place, row) for place, row in places if isinstance(row, Row)]
    axes.set_yticks([place for place, _ in named], [NAMES[row.peer] for _, row in named])
    for label, (_, row) in zip(axes.get_yticklabels(), named, strict=True):
        label.set(color=_colour(row.peer), weight="bold" if row.peer == OURS else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(places[-1][0] + 0.8, -0.8)
    axes.set_xlim(min(row.least for _, row in named) / 1.5, max(r.most for _, r in named) * 4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel("seconds from git push to a published image (logarithmic); x: times ours")


def draw_row(axes: Any, place: float, row: Row) -> None:
    """The median, least and most of one peer, and what it is of ours."""
    colour = _colour(row.peer)
    axes.plot([row.least, row.most], [place, place], color=colour, linewidth=1.6, alpha=0.45)
    hollow = row.peer in (FLOOR, PLAIN)
    axes.plot(row.median, place, "o", color=colour, markersize=6.5 if row.peer == OURS else 5.5,
              markerfacecolor=PAPER if hollow else colour)  # fmt: skip
    ratio = f"   {_ratio(row.ratio)}" if row.ratio and row.peer != OURS else ""
    axes.annotate(f"{_seconds(row.median)}{ratio}", (row.most, place), xytext=(7, 0), va="center",
                  textcoords="offset points", color=colour, fontsize=8.5,
                  weight="bold" if row.peer == OURS else "normal")  # fmt: skip


def draw_growth(axes: Any, growth: Mapping[str, Times]) -> None:
    """Seconds against the number of files, for a publish and for a push without a hook."""
    sizes = [int(size) for size in growth]
    for way, name in ((OURS, "publish"), (PLAIN, NAMES[PLAIN])):
        times = [ways[way] for ways in growth.values()]
        medians = [statistics.median(each) for each in times]
        colour = _colour(way)
        axes.fill_between(sizes, [min(t) for t in times], [max(t) for t in times], color=colour,
                          alpha=0.12, linewidth=0)  # fmt: skip
        axes.plot(sizes, medians, "o-", color=colour, markerfacecolor=colour, linewidth=1.8)
        axes.annotate(f"{name}: {_seconds(medians[-1])}\n{_ratio(medians[-1] / medians[0])} of"
                      f" {sizes[0]:,} files", (sizes[-1], medians[-1]), xytext=(9, 0), va="center",
                      textcoords="offset points", color=colour, fontsize=8.5,
                      bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1})  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(sizes[0] / 1.3, sizes[-1] * 11)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} s")
    axes.grid(axis="y")
    axes.set_ylabel("seconds of the whole push")
    axes.set_xlabel("files in the repository (logarithmic)")
    axes.set_title("The same change in ever larger repositories", loc="left", weight="bold",
                   fontsize=9)  # fmt: skip


def _places(table: Sequence[tuple[str, Sequence[Row]]]) -> Iterator[tuple[float, Row | str]]:
    """The lines of the chart from top to bottom, each with its height in lines."""
    place = 0.0
    for title, group in table:
        yield place, title
        for row in group:
            place += 1
            yield place, row
        place += GAP


def _colour(peer: str) -> str:
    return ACCENT if peer in (OURS, LOADING) else PALE if peer in (FLOOR, PLAIN) else INK


def _ratio(value: float) -> str:
    return f"{value:.0f}x" if value >= 10 else f"{value:.1f}x" if value >= 1 else f"{value:.2f}x"


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 10 else f"{value:.2f} s"


if __name__ == "__main__":
    sys.exit(main())

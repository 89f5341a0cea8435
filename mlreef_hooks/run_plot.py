"""A picture of a metric over runs, by matplotlib, which is imported when it is asked for only."""

import io
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlreef_hooks.durable_files import replace_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.run_filters import begun, shown
from mlreef_hooks.run_metrics import find_metric
from mlreef_hooks.run_record import RunRecord, is_number

FORMATS = (".svg", ".png")
STARTED = "begin of the run"
_INCHES = (7.0, 4.2)
_LONGEST = 40  # characters of a label
_FARTHEST = 1e300  # from zero; no axis has room for what is beyond
# What modules call themselves and their metrics is text, and no formula.
_STYLE = {"text.parse_math": False, "text.usetex": False, "svg.hashsalt": "mlreef-hooks"}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run in the picture: whose it is, and where."""

    series: str
    x: datetime | float | str
    y: float


def points_of(records: Sequence[RunRecord], metric: str, over: str | None) -> list[Point]:
    """The runs that have the metric, over their begin or a parameter.

    A parameter that is no number in one of them is text in all. PublishError where there is none.
    """
    rows = [
        (record.module, x, y)
        for record in records
        if (y := find_metric(record.metrics, metric)) is not None
        if (x := _place(record, over)) is not None
    ]
    if not rows:
        wanted = f"{metric} and {over}" if over else metric
        raise PublishError(f"no run has {wanted}", "see what they have with mlreef-hooks runs")
    if over and not all(_is_number(x) for _, x, _ in rows):
        rows = [(series, shown(x), y) for series, x, y in rows]
    points = [Point(series=series, x=x, y=y) for series, x, y in rows]
    return sorted(points, key=lambda point: (point.series, point.x))


def _place(record: RunRecord, over: str | None) -> Any:
    if over is None:
        return begun(record)
    wanted = over.replace("-", "_")
    values = {name.replace("-", "_"): value for name, value in record.parameters.items()}
    return values.get(wanted)


def _is_number(value: Any) -> bool:
    """True for what has a place on an axis; a truth value has none, nor an endless integer."""
    return not isinstance(value, bool) and is_number(value)


def check_picture(path: Path) -> None:
    """PublishError where a picture cannot become a file of this name."""
    if path.suffix not in FORMATS:
        raise PublishError(f"{path} is no picture", f"end its name with {' or '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise PublishError(f"there is no folder for {path}", "make it, or name another")


def draw(points: Sequence[Point], metric: str, over: str | None, path: Path) -> None:
    """Draw the points to a file; PublishError without matplotlib, or where it cannot be written."""
    series: dict[str, list[Point]] = {}
    for point in points:
        series.setdefault(point.series, []).append(point)
    content = _picture(series, _label(metric), _label(over or STARTED), path.suffix[1:])
    try:
        replace_file(path, content, 0o644)
    except OSError as error:
        raise PublishError(f"{path} cannot be written: {error.strerror}", "name another") from error


def _label(text: str) -> str:
    text = plain(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _picture(series: Mapping[str, Sequence[Point]], metric: str, over: str, form: str) -> bytes:
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PublishError(
            "a plot needs matplotlib", f"{sys.prefix}/bin/python -m pip install matplotlib"
        ) from error
    out = io.BytesIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.subplots()
        for name, points in series.items():
            xs: Any = [_drawn(point.x) for point in points]
            ys: Any = [_drawn(point.y) for point in points]
            axes.plot(xs, ys, marker="o", linewidth=1, label=_label(name))
        axes.set(xlabel=over, ylabel=metric)
        axes.grid(alpha=0.3)
        axes.legend()
        figure.autofmt_xdate()
        figure.savefig(out, format=form, metadata={"Date": None} if form == "svg" else None)
    return out.getvalue()


def _drawn(place: datetime | float | str) -> datetime | float | str:
    if isinstance(place, int | float) and abs(place) > _FARTHEST:
        return math.nan  # which is left out
    return _label(place) if isinstance(place, str) else place

"""The command about runs that were: listed, filtered, compared, drawn."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from mlreef_hooks.cli.options import form_option
from mlreef_hooks.cli.running import open_runs, runs_option
from mlreef_hooks.columns import cut
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.run_filters import (
    MetricBound,
    RunFilter,
    differing_parameters,
    metric_names,
    parse_pairs,
    parse_since,
    shown,
)
from mlreef_hooks.run_plot import check_picture, draw, points_of
from mlreef_hooks.run_record import RunRecord

_WIDTH = 32  # columns of a value
_METRICS = 3  # of a run in a list


@click.command("runs")
@click.argument("ids", metavar="RUNS", nargs=-1)
@click.option("--module", default="", metavar="NAME", help="Runs of this module, or version of it.")
@click.option("--since", default="", metavar="TIME", help="Runs begun since then: 7d, 2026-11-28.")
@click.option(
    "-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="Runs with this value."
)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Runs with it: NAME, or 'NAME>0.9'."
)
@click.option("--compare", is_flag=True, help="Show the parameters that differ, and the metrics.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the first --metric to a .svg or .png file.",
)  # fmt: skip
@click.option("--over", metavar="NAME", help="The parameter to draw over (default: the begin).")
@form_option
@runs_option
def runs(
    ids: tuple[str, ...],
    module: str,
    since: str,
    pairs: tuple[str, ...],
    metrics: tuple[str, ...],
    compare: bool,
    plot: Path | None,
    over: str | None,
    form: str,
    runs: Path | None,
) -> None:
    """List the runs of modules on this account; compare those that are named, or all with
    --compare.
    """
    wanted = RunFilter(
        module=module,
        since=parse_since(since, datetime.now(UTC)) if since else None,
        values=parse_pairs(pairs),
        metrics=tuple(map(MetricBound.parse, metrics)),
    )
    records = [record for record in _named(open_runs(runs).read(_warn), ids) if wanted(record)]
    if plot:
        _plot(records, wanted, over, plot)
    if form == "json":
        click.echo(json.dumps([record.to_json() for record in records], indent=2))
    else:
        click.echo(comparison(records) if ids or compare else listing(records))


def _warn(said: str) -> None:
    click.echo(plain(f"warning: {said}"), err=True)


def _plot(records: Sequence[RunRecord], wanted: RunFilter, over: str | None, path: Path) -> None:
    if not wanted.metrics:
        raise PublishError("--plot draws no metric", "name it with --metric")
    check_picture(path)
    metric = wanted.metrics[0].name
    draw(points_of(records, metric, over), metric, over, path)


def _named(records: Sequence[RunRecord], ids: Sequence[str]) -> list[RunRecord]:
    """The runs of these ids, or of the beginnings or ends of ids; all where none is named."""
    if not ids:
        return list(records)
    found = []
    for name in ids:
        like = [each for each in records if each.id.startswith(name) or each.id.endswith(name)]
        if len(like) != 1:
            said = "several runs are" if like else "there is no run"
            raise PublishError(f"{said} {name}", "see their ids with mlreef-hooks runs")
        found += like
    return found


def listing(records: Sequence[RunRecord]) -> str:
    """Runs for people, a line each."""
    if not records:
        return "no runs"
    rows = [["run", "module", "state", "seconds", "metrics"]]
    rows += [
        [each.id, _called(each), _state(each), _seconds(each), _some_metrics(each)]
        for each in records
    ]
    return _table(rows)


def comparison(records: Sequence[RunRecord]) -> str:
    """Runs side by side: the parameters that differ, and all metrics."""
    if not records:
        return "no runs"
    parameters, metrics = differing_parameters(records), metric_names(records)
    rows = [["run", "module", "state", *parameters, *metrics]]
    for each in records:
        values = [shown(each.parameters[name]) if name in each.parameters else "-"
                  for name in parameters]  # fmt: skip
        numbers = [_number(each.metrics.get(name)) for name in metrics]
        rows.append([each.id, _called(each), _state(each), *values, *numbers])
    return _table(rows)


def _called(record: RunRecord) -> str:
    return f"{record.module}@{record.version}"


def _state(record: RunRecord) -> str:
    return f"exit {record.status}" if record.status else record.state


def _seconds(record: RunRecord) -> str:
    return "-" if record.seconds is None else f"{record.seconds:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _some_metrics(record: RunRecord) -> str:
    names = list(record.metrics)[:_METRICS]
    more = ["..."] if len(record.metrics) > _METRICS else []
    return " ".join([*(f"{name}={_number(record.metrics[name])}" for name in names), *more])


def _table(rows: Sequence[Sequence[str]]) -> str:
    last = len(rows[0]) - 1
    cells = [[plain(cell) if place == last else cut(cell, _WIDTH) for place, cell in enumerate(row)]
             for row in rows]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )

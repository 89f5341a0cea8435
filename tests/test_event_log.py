"""What happened to jobs, for programs: JSON lines, and metrics that Prometheus reads."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mlreef_hooks.event_log import FILE_BYTES, EventLog, write_metrics
from mlreef_hooks.job import PUBLISHED, QUEUED, STATES, Job, JobFigures
from tests.index_entries import make_entry

REQUEST = make_entry().request
JOB = Job(
    id=7, request=REQUEST, git_dir=Path("/srv/git/x.git"), state=QUEUED, message="",
    module_name="", holder=None, attempts=2, due_at=0, created_at=0, updated_at=0,
)  # fmt: skip


def event_log(folder: Path) -> EventLog:
    return EventLog(folder / "logs" / "events.jsonl", lambda: datetime(2026, 11, 28, tzinfo=UTC))


def test_an_event_is_a_line_of_json(tmp_path: Path) -> None:
    log = event_log(tmp_path)
    log.write("started", JOB)
    hostile = replace(REQUEST, pusher="eve\n{\x1b[2J", tag="publish/$(x)")
    log.write("failed", replace(JOB, request=hostile), seconds=1.5, message="m" * 5000)
    first, second = map(json.loads, (tmp_path / "logs/events.jsonl").read_text().splitlines())
    assert first == {
        "time": "2026-11-28T00:00:00.000+00:00", "event": "started", "job": 7,
        "repository": REQUEST.repository.key, "tag": REQUEST.tag, "branch": None,
        "commit": REQUEST.commit,
        "pusher": REQUEST.pusher, "try": 2,
    }  # fmt: skip
    assert (second["pusher"], second["seconds"], len(second["message"])) == ("eve {[2J", 1.5, 500)


def test_a_log_that_is_full_becomes_the_one_before(tmp_path: Path) -> None:
    log = event_log(tmp_path)
    log.write("started", JOB)
    path = tmp_path / "logs/events.jsonl"
    with path.open("ab") as out:
        out.write(b" " * FILE_BYTES)
    log.write("published", JOB)
    log.write("asked", JOB)
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["asked"]
    assert path.with_name("events.jsonl.1").stat().st_size > FILE_BYTES


def test_what_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    event_log(tmp_path).write("started", JOB)
    figures = JobFigures(
        counts=dict.fromkeys(STATES, 0), seconds=0, last_published=0, oldest_waiting=0
    )
    write_metrics(tmp_path / "logs" / "metrics.prom", figures)


def test_metrics_are_in_the_format_of_prometheus(tmp_path: Path) -> None:
    counts = dict.fromkeys(STATES, 0) | {PUBLISHED: 3, QUEUED: 1}
    figures = JobFigures(counts=counts, seconds=4.5, last_published=1.7e9, oldest_waiting=60)
    write_metrics(tmp_path / "metrics.prom", figures)
    lines = (tmp_path / "metrics.prom").read_text().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['mlreef_hooks_jobs{state="published"}'] == "3"
    assert values["mlreef_hooks_publish_seconds_sum"] == "4.500"
    assert values["mlreef_hooks_publish_seconds_count"] == "3"
    assert values["mlreef_hooks_last_published_timestamp_seconds"] == "1700000000"
    assert values["mlreef_hooks_oldest_waiting_seconds"] == "60"
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    names = {name.partition("{")[0].removesuffix("_sum").removesuffix("_count") for name in values}
    assert typed == names

"""What happened to jobs, for programs: a log of JSON lines, and a file of metrics.

Nothing depends on either; what cannot be written is not.
"""

import contextlib
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from mlreef_hooks.durable_files import appended, replace_file
from mlreef_hooks.job import PUBLISHED, Job, JobFigures
from mlreef_hooks.plain_text import plain

FILE_BYTES = 16 << 20  # then it becomes `.1`, and that one goes
_MESSAGE = 500  # characters


class EventLog:
    """The log at `path`; `clock` gives the time in UTC."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock

    def write(self, event: str, job: Job, **facts: str | float | None) -> None:
        """Add a line about a job."""
        request = job.request
        said = {
            "time": self._clock().isoformat(timespec="milliseconds"),
            "event": event,
            "job": job.id,
            "repository": request.repository.key,
            "tag": request.tag if request.version else None,
            "branch": None if request.version else request.asked_by,
            "commit": request.commit,
            "pusher": plain(request.pusher),
            "try": job.attempts,
            **facts,
        }
        with contextlib.suppress(OSError):
            with appended(self._path) as log:
                log.write(json.dumps(_bounded(said)).encode() + b"\n")
                full = log.tell() > FILE_BYTES
            if full:
                self._path.replace(self._path.with_name(self._path.name + ".1"))


def keep_mistake(path: Path, error: Exception) -> None:
    """Write what a pusher must not see to the log of errors; to nowhere where even that fails."""
    said = "".join(traceback.format_exception(error)).encode(errors="backslashreplace")
    with contextlib.suppress(OSError), appended(path) as log:
        log.write(said)


def _bounded(facts: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value[:_MESSAGE] if isinstance(value, str) else value for name, value in facts.items()
    }


def write_metrics(path: Path, figures: JobFigures) -> None:
    """Write figures in Prometheus' text format, for the textfile collector of its node exporter
    (https://prometheus.io/docs/instrumenting/exposition_formats/).
    """
    with contextlib.suppress(OSError):
        replace_file(path, "".join(f"{line}\n" for line in _lines(figures)).encode(), 0o644)


def _lines(figures: JobFigures) -> Iterator[str]:
    yield "# HELP mlreef_hooks_jobs Jobs by state."
    yield "# TYPE mlreef_hooks_jobs gauge"
    for state, count in figures.counts.items():
        yield f'mlreef_hooks_jobs{{state="{state}"}} {count}'
    yield "# HELP mlreef_hooks_publish_seconds From the push to the published version."
    yield "# TYPE mlreef_hooks_publish_seconds summary"
    yield f"mlreef_hooks_publish_seconds_sum {figures.seconds:.3f}"
    yield f"mlreef_hooks_publish_seconds_count {figures.counts[PUBLISHED]}"
    yield "# HELP mlreef_hooks_last_published_timestamp_seconds When a version was last published."
    yield "# TYPE mlreef_hooks_last_published_timestamp_seconds gauge"
    yield f"mlreef_hooks_last_published_timestamp_seconds {figures.last_published:.0f}"
    yield "# HELP mlreef_hooks_oldest_waiting_seconds Since when the oldest job waits."
    yield "# TYPE mlreef_hooks_oldest_waiting_seconds gauge"
    yield f"mlreef_hooks_oldest_waiting_seconds {figures.oldest_waiting:.0f}"

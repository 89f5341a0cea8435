"""A job: what was asked to be published, the states it goes through, and when it is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.push import PublishRequest

PARKED, QUEUED, BUILDING = "parked", "queued", "building"
PUBLISHED, FAILED, CANCELLED, SUPERSEDED = "published", "failed", "cancelled", "superseded"
STATES = (PARKED, QUEUED, BUILDING, PUBLISHED, FAILED, CANCELLED, SUPERSEDED)
UNFINISHED = (PARKED, QUEUED, BUILDING)
_LONGEST_DELAY = 3600.0  # seconds until a job is tried again


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. `module_name` is the module's name in the index once it is published; `holder` is
    the process that builds it; times are in seconds since 1970.
    """

    id: int
    request: PublishRequest
    git_dir: Path
    state: str
    message: str
    module_name: str
    holder: str | None
    attempts: int
    due_at: float
    created_at: float
    updated_at: float

    @property
    def put_off(self) -> bool:
        """True where it was tried, and is to be tried again later."""
        return self.state == QUEUED and self.due_at > 0


@dataclass(frozen=True, kw_only=True)
class JobFigures:
    """How many jobs are in each state; the seconds that all published ones took from the push, when
    the last of them was (in seconds since 1970, or 0), and for how long the oldest one waits.
    """

    counts: Mapping[str, int]
    seconds: float
    last_published: float
    oldest_waiting: float


def delay_after(attempts: int, first: float) -> float:
    """In how many seconds a job is tried again that could not be published so often."""
    return min(first * 2.0 ** min(attempts - 1, 30), _LONGEST_DELAY)

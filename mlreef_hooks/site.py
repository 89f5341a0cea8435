"""What every flow works with: the site's configuration and the outside things it has chosen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.config import Config
from mlreef_hooks.event_log import EventLog, write_metrics
from mlreef_hooks.image import Builder
from mlreef_hooks.index import Document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.job import Job
from mlreef_hooks.job_log import JobLog, Told, log_path
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.oci import Artifact
from mlreef_hooks.servers.table import GitServer
from mlreef_hooks.servers.visibility import RepositoryVisibility
from mlreef_hooks.waiting_room import WaitingRoom

_Result = TypeVar("_Result")


class Build(Protocol):
    """How a module is built."""

    def __call__(
        self,
        output: Callable[[str], None],
        manifest: ModuleManifest,
        work: Callable[[Builder], _Result],
    ) -> _Result:
        """What `work` gives with the builder of the site, or with the last of those that began it:
        another one does all of it again where the first cannot go on.
        """


@dataclass(frozen=True, kw_only=True)
class Site:
    """One site. `visibility` asks who may read a repository; `build` lets a builder work; `say`
    shows the pusher one line, `output` takes what a build prints; `clock` gives the time in UTC;
    `keep_mistake` keeps what only a developer understands. `sign` makes signatures of statements,
    and `attach` sends what a version says of its image along with it; None where the site wants
    none. `is_open` tells whether everybody may fetch what is at the name of an image; `take_back`
    takes one out of its registry again, by its name and digest, and tells whether it is gone.
    """

    config: Config
    server: GitServer
    visibility: RepositoryVisibility
    jobs: Jobs
    index: IndexFiles
    waiting: WaitingRoom
    cache: BuildCache
    build: Build
    say: Callable[[str], None]
    output: Callable[[str], None]
    clock: Callable[[], datetime]
    keep_mistake: Callable[[Exception], None]
    events: EventLog
    is_open: Callable[[str], bool]
    take_back: Callable[[str, str], bool]
    sign: Callable[[bytes], bytes] | None = None
    attach: Callable[[Document, Sequence[Artifact]], None] | None = None

    def tell(self, lines: Iterable[str]) -> None:
        """Show the pusher lines."""
        for line in lines:
            self.say(line)

    def show_figures(self) -> None:
        """Write how it goes with all jobs where monitoring reads it."""
        write_metrics(self.config.metrics_path, self.jobs.figures())

    def logging(self, job: Job) -> "Site":
        """The site that also writes to the log of the job's present try."""
        path = log_path(self.config.state_path, job.id, job.attempts)
        log = JobLog(path, Told(self.say, job.id))
        return replace(self, say=log.say, output=log.output)

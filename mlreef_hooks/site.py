"""What every flow works with: the site's configuration and the outside things it has chosen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.config import Config
from mlreef_hooks.image import Builder
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.servers.table import GitServer

_Result = TypeVar("_Result")


class Build(Protocol):
    """How a module is built."""

    def __call__(
        self, job_id: int, manifest: ModuleManifest, work: Callable[[Builder], _Result]
    ) -> _Result:
        """What `work` gives with the builder of the site, or with the last of those that began it:
        another one does all of it again where the first cannot go on.
        """


@dataclass(frozen=True, kw_only=True)
class Site:
    """One site. `build` lets a builder do a job's work; `say` shows the pusher one line; `clock`
    gives the time in UTC.
    """

    config: Config
    server: GitServer
    jobs: Jobs
    index: IndexFiles
    cache: BuildCache
    build: Build
    say: Callable[[str], None]
    clock: Callable[[], datetime]

    def tell(self, lines: Iterable[str]) -> None:
        """Show the pusher lines."""
        for line in lines:
            self.say(line)

"""What every flow works with: the site's configuration and the outside things it has chosen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.config import Config
from mlreef_hooks.image import Builder
from mlreef_hooks.index import Document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.oci import Artifact
from mlreef_hooks.servers.table import GitServer


@dataclass(frozen=True, kw_only=True)
class Site:
    """One site. `builder` makes the builder for a job's number, when one is needed; `say` shows
    the pusher one line; `clock` gives the time in UTC. `sign` makes signatures of statements, and
    `attach` sends what a version says of its image along with it; None where the site wants none.
    """

    config: Config
    server: GitServer
    jobs: Jobs
    index: IndexFiles
    cache: BuildCache
    builder: Callable[[int], Builder]
    say: Callable[[str], None]
    clock: Callable[[], datetime]
    sign: Callable[[bytes], bytes] | None = None
    attach: Callable[[Document, Sequence[Artifact]], None] | None = None

    def tell(self, lines: Iterable[str]) -> None:
        """Show the pusher lines."""
        for line in lines:
            self.say(line)

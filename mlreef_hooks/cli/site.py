"""Chooses server, builder and index by the configuration, and opens the way to the pusher."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

from mlreef_hooks import report
from mlreef_hooks.config import Config
from mlreef_hooks.image import Builder
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.servers.table import SERVERS
from mlreef_hooks.site import Site


class GitHookOutput:
    """Lines to git's side band, each flushed. A reader that is gone is no reason to stop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def say(self, line: str) -> None:
        """Write one line; nothing any more once the pusher is gone."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, f"{line}\n".encode(errors="replace"))
        except OSError:
            self._descriptor = None


def open_site(config: Config, say: Callable[[str], None]) -> Site:
    """The site that the configuration describes."""
    return Site(
        config=config,
        server=SERVERS["plain"](config, os.getuid()),
        jobs=Jobs(config.state_path / "jobs.sqlite", time.time),
        index=IndexFiles(config.index_path),
        builder=lambda job_id: _open_builder(config, say, job_id),
        say=say,
        clock=lambda: datetime.now(UTC),
    )


def _open_builder(config: Config, say: Callable[[str], None], job_id: int) -> Builder:
    # Imported here: most pushes of a publish tag that is wrong never need an engine.
    from mlreef_hooks.builders.docker_engine import DockerBuilder
    from mlreef_hooks.engine import Engine
    from mlreef_hooks.job_log import JobLog

    log = config.state_path / "logs" / f"job-{job_id}.log"
    settings = config.builder.docker
    return DockerBuilder(
        engine=Engine(settings.url, timeout=settings.build_seconds + 60),
        settings=settings,
        pip=config.pip,
        registry=config.registry,
        locks=config.state_path / "locks",
        log=JobLog(log, lambda line: say(report.step("build", line))),
    )

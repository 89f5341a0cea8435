"""The site that the configuration describes: its server, index, jobs and builder."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlreef_hooks.account import become_owner_of
from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.cli.building import SiteBuild, open_registry
from mlreef_hooks.cli.own_index import open_own_index
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.event_log import EventLog, keep_mistake
from mlreef_hooks.index import Document
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.servers.table import open_server
from mlreef_hooks.servers.visibility import RepositoryVisibility
from mlreef_hooks.site import Site
from mlreef_hooks.ssh_signature import sign
from mlreef_hooks.waiting_room import OthersRoom, WaitingRoom

if TYPE_CHECKING:
    from mlreef_hooks.oci import Artifact


def open_site(
    config: Config,
    say: Callable[[str], None],
    *,
    user: int | None = None,
    waiting: WaitingRoom | None = None,
) -> Site:
    """The site that the configuration describes, for the account `user` (None: this process's)
    whose marks in repositories are `waiting` (None: made by this process, unless it is a service).
    """
    user = os.getuid() if user is None else user
    become_owner_of(config.state_path)
    cache = BuildCache(config.state_folder.cache)
    clock = partial(datetime.now, UTC)
    server = open_server(config, user)
    attaches = config.provenance.attach and config.registry.remote
    return Site(
        config=config,
        server=server,
        visibility=RepositoryVisibility(config=config, called=server.called),
        jobs=Jobs(config.state_folder.jobs, time.time, config.worker),
        index=open_own_index(config, say),
        waiting=waiting or (OthersRoom() if config.worker.service else WaitingRoom()),
        cache=cache,
        build=SiteBuild(config, cache),
        say=say,
        output=say,
        clock=clock,
        events=EventLog(config.state_folder.events, clock),
        is_open=partial(_is_open, config),
        take_back=partial(_take_back, config),
        keep_mistake=partial(keep_mistake, config.state_folder.errors),
        sign=partial(sign, Path(config.provenance.key)) if config.provenance.key else None,
        attach=partial(_attach, config) if attaches else None,
    )


def _attach(config: Config, image: Document, artifacts: "Sequence[Artifact]") -> None:
    """Send what is said of an image to its registry."""
    from mlreef_hooks.registry_referrers import attach

    registry = partial(open_registry, config, config.registry.host)
    attach(registry, image["reference"], image["digest"], artifacts)


def _is_open(config: Config, reference: str) -> bool:
    """True where the registry gives what is at an image's name to everybody."""
    host, _, rest = reference.partition("/")
    with open_registry(config, host, anonymous=True) as registry:
        return registry.answers(rest.rpartition(":")[0])


def _take_back(config: Config, reference: str, digest: str) -> bool:
    """True where an image is gone from its registry again."""
    from mlreef_hooks.registry_referrers import take_back

    host = reference.partition("/")[0]
    try:
        return take_back(partial(open_registry, config, host), reference, digest)
    except PublishError:
        return False

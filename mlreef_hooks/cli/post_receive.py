"""What git runs: ref lines on stdin, what happened on stdout.

Imported without click, which would cost a push that publishes a tenth of its time.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer
from time import sleep

from mlreef_hooks import report
from mlreef_hooks.cli.background import follow_background
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.pusher import Pusher
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.job import Job
from mlreef_hooks.push import PushEvent, RefUpdate, parse_ref_updates
from mlreef_hooks.receive import receive
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.work import see_through

OpenSite = Callable[[Config, Callable[[str], None]], Site]
Check = Callable[[GitRepository], None]


def run_hook(
    config_file: str | None,
    release: Callable[[], None] | None = None,
    opened: OpenSite = open_site,
    check: Check = lambda repository: None,
) -> bool:
    """Publish what the push on standard input asks for; nothing that fails gets out of here. True
    where jobs wait then.

    By `release` a process that is not the hook's own lets the push end, and builds the jobs; a hook
    leaves that to a process of its own. `opened` gives the site, `check` refuses a repository.
    """
    pusher = Pusher(sys.stdout.fileno(), release or (lambda: None))
    waits = False
    try:
        waits = _receive(config_file, pusher, opened, check, resident=release is not None)
    except PublishError as error:
        for line in report.failed(error):
            pusher.say(line)
    except Exception:  # before there is a site, which keeps what only a developer understands
        for line in report.mistaken():
            pusher.say(line)
    pusher.let_go()
    return waits


def _receive(
    config_file: str | None, pusher: Pusher, opened: OpenSite, check: Check, *, resident: bool
) -> bool:
    updates = parse_ref_updates(sys.stdin.buffer.read())
    config = load_config(config_file)
    site = opened(config, pusher.say)
    try:
        pushed_to = GitRepository(Path(os.environ.get("GIT_DIR", ".")))
        with closing(pushed_to.shared()) as repository:
            check(repository)
            event = _event(repository, site, updates)
            jobs = receive(event, repository, site)
            if jobs and event.without_following:
                pusher.let_go(report.goes_on([job.id for job in jobs]))
            if jobs:
                _see_to(jobs, repository, site, pusher, resident=resident)
                pusher.let_go()
                site.show_figures()
            return bool(jobs and site.jobs.waiting())
    except PublishError:
        raise
    except Exception as error:
        site.keep_mistake(error)
        site.tell(report.mistaken())
        return False


def _event(repository: GitRepository, site: Site, updates: tuple[RefUpdate, ...]) -> PushEvent:
    return PushEvent(
        repository=site.server.repository_name(repository.git_dir, os.environ),
        pusher=site.server.pusher(repository.git_dir, os.environ),
        updates=updates,
        options=_push_options(),
    )


def _push_options() -> frozenset[str]:
    """The options of `git push -o` (githooks(5))."""
    count = os.environ.get("GIT_PUSH_OPTION_COUNT", "")
    numbers = range(int(count) if count.isdecimal() and len(count) < 4 else 0)
    return frozenset(os.environ.get(f"GIT_PUSH_OPTION_{number}", "") for number in numbers)


def _see_to(
    jobs: Sequence[Job], repository: GitRepository, site: Site, pusher: Pusher, *, resident: bool
) -> None:
    """Have the jobs built, and tell the pusher of them as long as it may take."""
    left = [job.id for job in jobs]
    with _let_go_after(site.config, pusher, left):
        if resident:
            ended = see_through(jobs, repository, site, sleep)
        else:
            ended = follow_background(jobs, site, lambda: pusher.listens)
        for job in ended:
            left.remove(job.id)


@contextmanager
def _let_go_after(config: Config, pusher: Pusher, left: Sequence[int]) -> Iterator[None]:
    """Let the push end before the jobs do, where they take long."""

    def let_go() -> None:
        pusher.let_go(report.goes_on([*left]))

    timer = Timer(config.worker.follow_seconds, let_go)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

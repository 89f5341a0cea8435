"""Processes that go on when the push that started them is over."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic, sleep

from mlreef_hooks import job as states
from mlreef_hooks import report
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.config import Config
from mlreef_hooks.durable_files import locked
from mlreef_hooks.errors import PublishError
from mlreef_hooks.job import Job
from mlreef_hooks.process import process_name, process_of
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.work import follow, work_off

LOOK_SECONDS = 5.0  # between two looks for jobs that were put off
_PATIENCE_SECONDS = 1.0  # before another process takes the place of one that died
_STARTS = 5
_TURN_SECONDS = 0.2  # between two looks for jobs whose turn it is not yet
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def detached(work: Callable[[], None]) -> str:
    """The name of a process that does `work` in a session of its own, which nobody waits for
    (daemon(7)); empty where none could be started.

    It holds nothing that is open here, and of the environment only where programs and settings
    are: a hook's may hold a password.
    """
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        with open(read) as told:
            name = told.read()
        os.waitpid(child, 0)
        return name
    try:
        os.setsid()
        if worker := os.fork():
            os.write(write, process_name(worker).encode())
        else:
            _let_go_of_all()
            work()
    finally:
        os._exit(0)


def _let_go_of_all() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME") if name in os.environ}
    path = os.environ.get("PATH")
    os.environ.clear()
    # The git that received the push comes first: another may not read its repository.
    os.environ.update({"PATH": f"{path}:{_PATH}" if path else _PATH, **kept})
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def follow_background(
    jobs: Sequence[Job], site: Site, goes_on: Callable[[], bool]
) -> Iterator[Job]:
    """Have jobs built by a process of their own, and tell of them; each once it has ended.

    As long as it `goes_on`, and while there is a process that can build them. Where a service runs,
    it is the one that builds them.
    """
    if site.config.worker.service and _is_served(site.config):
        yield from follow(jobs, site, sleep, goes_on)
        return
    numbers = [job.id for job in jobs]
    left = _Background(site, numbers)
    for job in follow(jobs, site, sleep, lambda: goes_on() and left.look()):
        numbers.remove(job.id)
        yield job


def _is_served(config: Config) -> bool:
    """True where a worker stays."""
    try:
        with locked(config.state_folder.worker_lock, wait=False):
            return False
    except BlockingIOError:
        return True


class _Background:
    """A process that builds jobs. Where it dies another one takes its place, so often."""

    def __init__(self, site: Site, numbers: Sequence[int]) -> None:
        """`numbers` are those that are left."""
        self._site = site
        self._numbers = numbers
        self._starts = 0
        self._start()

    def _start(self) -> None:
        self._site.jobs.close()
        self._site.cache.close()
        config, numbers = self._site.config, [*self._numbers]
        self._process = detached(lambda: work_until_idle(config, numbers))
        self._patience = monotonic() + _PATIENCE_SECONDS
        self._starts += 1

    def look(self) -> bool:
        """Start another process where it died and jobs wait; False where that was in vain."""
        if monotonic() < self._patience or process_of(self._process) is not None:
            return True
        self._patience = monotonic() + _PATIENCE_SECONDS
        waiting = self._site.jobs.waiting()  # those too whose process has died
        if not any(job.id in self._numbers and not job.put_off for job in waiting):
            return True
        if self._starts == _STARTS:
            self._site.tell(report.unbuilt(self._numbers))
            return False
        self._start()
        return True


def work_once(config: Config) -> bool:
    """Build the jobs whose turn it is; True where others wait then."""
    site = open_site(config, lambda line: None)
    with suppress(PublishError):
        work_off(site, open_repository)
        return bool(site.jobs.waiting())
    return True


def open_repository(job: Job) -> GitRepository:
    """The repository that a job is from."""
    return GitRepository(job.git_dir)


def work_until_idle(config: Config, job_ids: Sequence[int]) -> None:
    """Build what waits, until these jobs have ended or are put off.

    Where the site wants no worker that stays, this process does until nothing waits. One that
    cannot write the job table ends, for what it holds nobody else would build.
    """
    site = open_site(config, lambda line: None)
    with suppress(OSError, PublishError):
        work_off(site, open_repository)
        while any(_waits(site, number) for number in job_ids):
            sleep(_TURN_SECONDS)
            work_off(site, open_repository)
        if config.worker.stay:
            return
        lock = config.state_folder.worker_lock
        with locked(lock, wait=False):
            while lock.exists() and site.jobs.waiting():
                sleep(LOOK_SECONDS)
                work_off(site, open_repository)


def _waits(site: Site, job_id: int) -> bool:
    job = site.jobs.get(job_id)
    return job is not None and (
        job.state == states.BUILDING or (job.state == states.QUEUED and not job.put_off)
    )

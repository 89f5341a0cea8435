"""Building jobs, and following those that another process builds."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain, repeat
from time import monotonic

from mlreef_hooks import job as states
from mlreef_hooks import report
from mlreef_hooks.edge import Overtaken
from mlreef_hooks.errors import PublishError, is_full
from mlreef_hooks.interruption import Cancelled, OutOfTime, interruptible
from mlreef_hooks.job import Job, delay_after
from mlreef_hooks.job_log import LogReader, Told, log_path, remove_old_logs
from mlreef_hooks.process import process_of
from mlreef_hooks.publish import publish
from mlreef_hooks.receive import TAG_DELETED, withdraw
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.unfinished import unwritten

Sleep = Callable[[float], None]
_FIRST_PAUSES, _PAUSE = [0.005] * 100, 0.1  # seconds between two looks
_LOOKS_A_TURN = 10  # between two questions whether it is one's own turn


def build(job: Job, repository: GitRepository, site: Site) -> None:
    """Publish a job that this process holds; whatever happens, the table says how it ended.

    Cancelled where not the job, but this process is to end.
    """
    told = site.logging(job)
    remove_old_logs(site.config.state_path, job.id, job.attempts)
    site.events.write("started", job)
    began = monotonic()
    try:
        _build(job, repository, told)
    finally:
        after = site.jobs.get(job.id) or job
        seconds = round(monotonic() - began, 3)
        site.events.write(after.state, after, seconds=seconds, message=after.message)


def _build(job: Job, repository: GitRepository, told: Site) -> None:
    try:
        with interruptible(told.config.worker.job_seconds):
            name = publish(job, repository, told)
    except PublishError as error:
        _fail(job, error, told)
    except Overtaken as reason:
        told.tell(report.overtaken(job.request, str(reason)))
        told.jobs.end(job.id, states.SUPERSEDED, str(reason))
    except OutOfTime:
        seconds = told.config.worker.job_seconds
        message = f"it took longer than the {seconds} s that a job may take"
        _fail(job, PublishError(message, "require less, or ask the administrator for more"), told)
    except Cancelled:
        _stop(job, told)
    except Exception as error:
        _fail_unforeseen(job, error, told)
    else:
        before = told.jobs.end(job.id, states.PUBLISHED, name=name)
        if before.state == states.CANCELLED and before.message == TAG_DELETED:
            # The tag was deleted while its version was being published.
            withdraw(job.request.repository.key, job.request.tag, repository, told)


def _stop(job: Job, told: Site) -> None:
    """Let go of a job whose process is to end: who cancels it has said so in the table by then.

    Any other process may go on with it, as after a reboot; the signal goes on to who started this.
    """
    now = told.jobs.get(job.id)
    if now is None or now.state == states.CANCELLED:
        told.tell(report.stopped(job.request))
        told.jobs.end(job.id, states.CANCELLED, "it was cancelled")
        return
    ended = PublishError("the process that built it was ended", "another one goes on with it")
    told.tell(report.failed(ended, job.id, delay=0))
    told.jobs.put_off(job, ended.message, 0)
    raise Cancelled


def _fail(job: Job, error: PublishError, told: Site) -> None:
    """What is said is said before the job is let go, for those who follow look no further then."""
    delay = delay_after(job.attempts, told.config.worker.retry_seconds)
    told.tell(report.failed(error, job.id, delay=delay if error.passing else None))
    if error.passing:
        told.jobs.put_off(job, error.message, delay)
    else:
        told.jobs.end(job.id, states.FAILED, error.message)


def _fail_unforeseen(job: Job, error: Exception, told: Site) -> None:
    """A full disk may be met anywhere, and passes; all else that nobody foresaw is a mistake."""
    if isinstance(error, OSError) and is_full(error):
        _fail(job, unwritten(error), told)
        return
    told.keep_mistake(error)
    told.tell(report.mistaken(job.id))
    told.jobs.end(job.id, states.FAILED, f"{type(error).__name__}: {error}")


def work_off(site: Site, repository: Callable[[Job], GitRepository]) -> None:
    """Build the jobs whose turn it is, until there is none."""
    while job := site.jobs.claim_next():
        try:
            with closing(repository(job)) as opened:
                build(job, opened, site)
        except PublishError as error:  # the repository is gone, or cannot be read
            _fail(job, error, site.logging(job))
        site.show_figures()


class Follower:
    """Tells what another process says of a job."""

    def __init__(self, job: Job, site: Site) -> None:
        """`job` as it was when it was asked for."""
        self._job = job
        self._site = site
        self._seen = job.attempts - (job.state == states.BUILDING)
        self._attempt = 0
        self._waits = False
        self._anything = False
        if job.state == states.BUILDING:
            site.tell(report.busy(job.request, job.id))

    def look(self) -> bool:
        """Tell what is new; True once the job has ended, or was put off."""
        job = self._site.jobs.get(self._job.id)
        if job is None:
            return True
        over = self._is_over(job)
        if job.attempts > self._seen:
            self._tell_log(job)
        elif not self._waits:
            self._tell_place(job)
        if over and not self._anything:  # its log could not be written
            self._site.tell(report.ended(job.request, job.state, job.message))
        return over

    def _is_over(self, job: Job) -> bool:
        if job.state == states.CANCELLED:  # who builds it says so before it ends
            return process_of(job.holder) is None
        if job.state in (states.QUEUED, states.BUILDING):
            return job.put_off and job.attempts > self._seen
        return True

    def _tell_log(self, job: Job) -> None:
        if job.attempts > self._attempt:
            self._attempt = job.attempts
            self._log = LogReader(log_path(self._site.config.state_path, job.id, job.attempts))
            self._told = Told(self._site.say, job.id)
        for line in self._log.lines():
            self._anything = True
            self._told(line)

    def _tell_place(self, job: Job) -> None:
        ahead = self._site.jobs.ahead_of(job.id)
        if ahead:
            self._waits = True
            self._site.tell(report.queued(job.request, job.id, ahead))


def see_through(
    jobs: Sequence[Job], repository: GitRepository, site: Site, sleep: Sleep
) -> Iterator[Job]:
    """Build the jobs of a push, or follow those whose turn it is not; each once it has ended."""
    for job in jobs:
        follower = Follower(job, site)
        for look, pause in enumerate(_pauses()):
            mine = site.jobs.claim(job.id) if look % _LOOKS_A_TURN == 0 else None
            if mine:
                build(mine, repository, site)
                break
            if follower.look():
                break
            sleep(pause)
        yield job


def follow(
    jobs: Sequence[Job], site: Site, sleep: Sleep, goes_on: Callable[[], bool]
) -> Iterator[Job]:
    """Tell of jobs that others build; each once it has ended, as long as it `goes_on`."""
    for job in jobs:
        follower = Follower(job, site)
        for pause in _pauses():
            if follower.look():
                break
            if not goes_on():
                return
            sleep(pause)
        yield job


def _pauses() -> Iterator[float]:
    return chain(_FIRST_PAUSES, repeat(_PAUSE))

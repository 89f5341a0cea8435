"""Pushes whose hook is killed at a moment, with everything that it started."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from tests.support.git import PUSH_SECONDS, Author
from tests.support.processes import find_program, wait_until
from tests.support.site import GitSite

NEVER = float(PUSH_SECONDS)  # no push takes so long
_PAUSE = 0.002  # seconds between two looks


@dataclass(frozen=True, kw_only=True)
class WatchedPush:
    """What became of a push: how long its hook's Python lived (the whole push, where that was over
    before it was seen), whether it was killed, and what the author saw.
    """

    seconds: float
    killed: bool
    said: str


def watched_push(
    author: Author, site: GitSite, name: str, refs: Sequence[str], *, kill_after: float = NEVER
) -> WatchedPush:
    """A push to a repository of a site whose hook is killed once its Python is that old.

    `TMPDIR` of the server's processes is the folder `tmp` of the site.
    """
    before = {*_publishing(site)}
    began = monotonic()
    push = subprocess.Popen(
        [find_program("git"), "push", str(site.repositories / f"{name}.git"), *refs],
        cwd=author.folder, env={**author.environment, "TMPDIR": str(site.folder / "tmp")},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    hook = _wait_for_hook(push, site, before)
    seconds, killed = _watch(hook, kill_after) if hook else (monotonic() - began, False)
    said = push.communicate(timeout=PUSH_SECONDS)[1]
    return WatchedPush(seconds=seconds, killed=killed, said=said)


def end_ready_process(site: GitSite) -> None:
    """Kill the process that stayed for the next push, if there is one."""
    for process in _of_site(site, ready=True):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    wait_until(lambda: not _of_site(site, ready=True))


def _wait_for_hook(push: "subprocess.Popen[str]", site: GitSite, before: set[int]) -> int | None:
    """The process that publishes, which is none of those that did `before`.

    None where it was over before it was seen: a fork that has little to do, as for a deleted tag,
    lives no longer than a look at all processes takes.
    """
    while push.poll() is None:
        for process in _publishing(site):
            if process not in before:
                return process
        sleep(_PAUSE)
    return None


def _watch(process: int, kill_after: float) -> tuple[float, bool]:
    """How long a process lived since now, and whether it was killed for getting that old."""
    began = monotonic()
    while (lives := _lives(process)) and monotonic() - began < kill_after:
        sleep(_PAUSE)
    if lives:
        _kill_tree(process)
    return monotonic() - began, lives


def _publishing(site: GitSite) -> Iterator[int]:
    """The hook's own processes, and the forks of the one that stayed."""
    yield from _of_site(site, ready=False)
    ready = _of_site(site, ready=True)
    yield from (process for process in ready if _parent(process) in ready)


def _of_site(site: GitSite, *, ready: bool) -> list[int]:
    """The processes of a site: those that are ready for pushes and their forks, or hooks' own."""
    name = b"mlreef_hooks.cli.worker\0%b\0" if ready else b"mlreef_hooks\0--config\0%b\0post-"
    words = name % os.fsencode(site.config)
    return [process for process in _processes() if words in _read(process, "cmdline")]


def _kill_tree(process: int) -> None:
    """Kill a process and all that it started; they are stopped first, so that none gets away."""
    stopped: set[int] = set()
    while new := {process, *_descendants(process)} - stopped:
        for each in new:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGSTOP)
        stopped |= new
    for each in stopped:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _descendants(process: int) -> set[int]:
    parents = {each: _parent(each) for each in _processes()}
    found: set[int] = set()
    while more := {each for each in parents if parents[each] in {process, *found}} - found:
        found |= more
    return found


def _processes() -> Iterator[int]:
    return map(int, filter(str.isdigit, os.listdir("/proc")))


def _parent(process: int) -> int:
    fields = _read(process, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _lives(process: int) -> bool:
    return _read(process, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"], [b"X"])


def _read(process: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except OSError:
        return b""

"""The processes of a site, each of which can be killed or stopped at any moment."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.processes import is_dead, wait_until
from tests.support.site import GitSite

HOOK, WORKER, BUILDER = "hook", "worker", "builder"
_HOOK_WORDS = (b"hand_over.py", b"post-receive")


def processes_of(site: GitSite) -> dict[str, list[int]]:
    """The processes of a site by what they are.

    A hook's, while its push lives; the worker; and builders, which are forks of the worker and what
    hooks leave behind.
    """
    found: dict[str, list[int]] = {HOOK: [], WORKER: [], BUILDER: []}
    for process in _processes():
        words = _read(process, "cmdline").split(b"\0")
        if os.fsencode(site.config) in words:
            found[_kind(process, words)].append(process)
    return found


def _kind(process: int, words: list[bytes]) -> str:
    if b"mlreef_hooks.cli.worker" in words or b"worker" in words:
        parent = _read(_parent(process), "cmdline").split(b"\0")
        return BUILDER if parent == words else WORKER
    return BUILDER if _is_left_behind(process) else HOOK


def _is_left_behind(process: int) -> bool:
    """True for a process whose session has lost its first one."""
    with suppress(ProcessLookupError):
        return is_dead(os.getsid(process))
    return False


def kill(process: int, *, with_children: bool) -> bool:
    """True where the process lived until now, and it (and all that it started) is killed."""
    if is_dead(process):
        return False
    for each in _stopped_tree(process) if with_children else [process]:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    wait_until(lambda: is_dead(process))
    return True


@contextmanager
def frozen(site: GitSite) -> Iterator[None]:
    """Nothing of the site goes on."""
    stopped: set[int] = set()
    while new := {each for kind in processes_of(site).values() for each in kind} - stopped:
        for process in new:
            stopped |= _stopped_tree(process)
    try:
        yield
    finally:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def kill_publish(site: GitSite, hook: "subprocess.Popen[str]") -> None:
    """Kill a hook, and what builds for it."""
    hook.kill()
    hook.communicate()
    for process in processes_of(site)[BUILDER]:
        kill(process, with_children=True)


def end_all(site: GitSite) -> None:
    """Kill what is left of a site."""
    while left := [each for kind in processes_of(site).values() for each in kind]:
        for process in left:
            kill(process, with_children=True)


def _stopped_tree(process: int) -> set[int]:
    """A process and all that it started, stopped, so that none gets away."""
    stopped: set[int] = set()
    while new := {process, *_descendants(process)} - stopped:
        for each in new:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGSTOP)
        stopped |= new
    return stopped


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


def _read(process: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except OSError:
        return b""

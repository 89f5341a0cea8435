"""Which process holds something, so that what a killed one left can be told from what is in use."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def holder() -> str:
    """This process, told apart from every other of any machine and any time."""
    return f"{_place()}/{os.getpid()}/{start_time(os.getpid())}"


def is_lost(holder: str) -> bool:
    """True where the holder was a process of this machine, since its boot, and has died.

    Of a process elsewhere nothing is known, so that it is never lost.
    """
    place, _, process = holder.rpartition("/")[0].rpartition("/")
    start = holder.rpartition("/")[2]
    if place != _place() or not process.isdigit() or start_time(int(process)) == start:
        return False
    return not _is_hidden(int(process))


def _is_hidden(process: int) -> bool:
    """True for a process of another account where /proc shows one's own alone (hidepid)."""
    if os.path.exists(f"/proc/{process}"):
        return False
    try:
        os.kill(process, 0)  # sends nothing
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False


def _place() -> str:
    """The space that process ids are unique in: this boot of this machine, and its container."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"


def start_time(process: int) -> str:
    """When a process started, in clock ticks since boot (proc(5)); empty where there is none.

    A process id alone says little, for ids are used again. A zombie holds nothing any more.
    """
    try:
        state, *numbers = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if state == b"Z" else numbers[18].decode()


def process_name(process: int) -> str:
    """A process of this machine, told apart from those that had the same id before."""
    return f"{process}:{start_time(process)}"


def process_of(name: str | None) -> int | None:
    """The id of the process with this name, None where it has ended."""
    pid, _, start = (name or "").partition(":")
    return int(pid) if pid.isdigit() and start and start_time(int(pid)) == start else None


def stop_process(name: str | None) -> None:
    """Ask the process with this name to end; one that has ended, or is another's, is left alone."""
    process = process_of(name)
    if process is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGTERM)


def kill_process(name: str | None) -> None:
    """End the process with this name, whatever it is at."""
    process = process_of(name)
    if process is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)

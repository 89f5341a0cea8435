"""Which process holds something, so that what a killed one left can be told from what is in use."""

import os
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

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
    return place == _place() and process.isdigit() and start_time(int(process)) != start


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

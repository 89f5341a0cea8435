"""Processes of ours that stay: those that run another version than the one that is installed."""

import math
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from mlreef_hooks.doctor.finding import Finding, Visit, fault
from mlreef_hooks.process import start_time

_PACKAGE = Path(__file__).parents[1]


def look_at_processes(visit: Visit) -> Iterator[Finding]:
    """The processes of this configuration that started before the program was installed."""
    changed = max(path.stat().st_ctime for path in _PACKAGE.rglob("*.py"))
    names = {str(visit.config_file), str(visit.config_file.resolve())}
    for process in _staying(names):
        if started_at(process) < changed:
            said = f"process {process} runs an older version of the program"
            yield fault("process-old", visit.config_file, said)


def _staying(config_files: Collection[str]) -> Iterator[int]:
    """The processes that run a module of ours for the configuration."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = [os.fsdecode(word) for word in (folder / "cmdline").read_bytes().split(b"\0")]
        except OSError:  # it has ended, or is somebody else's
            continue
        ours = any(word.startswith("mlreef_hooks.") for word in words)
        if ours and {*words} & {*config_files} and int(folder.name) != os.getpid():
            yield int(folder.name)


def started_at(process: int) -> float:
    """When a process started, in seconds since 1970; infinity where it has ended."""
    ticks, up = start_time(process), float(Path("/proc/uptime").read_text().split()[0])
    booted = time.time() - up
    return booted + int(ticks) / os.sysconf("SC_CLK_TCK") if ticks else math.inf

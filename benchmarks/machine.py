"""The machine that figures come from."""

import os
import platform
import subprocess
from datetime import UTC, datetime

_PROGRAMS = {
    "git": ("git", "--version"),
    "docker": ("/usr/bin/docker", "--version"),
    "engine": ("dockerd", "--version"),
    "registry": ("docker-registry", "--version"),
    "commit": ("git", "rev-parse", "HEAD"),
}


def machine() -> dict[str, object]:
    """What figures depend on: cores, memory, system, versions; and when they were measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_bytes": memory,
        "load": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: _first_line(command) for name, command in _PROGRAMS.items()},
    }


def _first_line(command: tuple[str, ...]) -> str | None:
    """What a program says of itself; None where it is not there."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.partition("\n")[0]

"""Programs that tests run: where they are, and daemons that are stopped by their process id."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = {  # program: the Debian package that brings it
    "chromium": "chromium",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "fcgiwrap": "fcgiwrap",
    "git": "git",
    "gitolite": "gitolite3",
    "git-lfs": "git-lfs",
    "groff": "groff-base",
    "logrotate": "logrotate",
    "mmdebstrap": "mmdebstrap",
    "munged": "munge",
    "nginx": "nginx-light",
    "scancel": "slurm-client",
    "sinfo": "slurm-client",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "squeue": "slurm-client",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "systemd-analyze": "systemd",
    "systemd-nspawn": "systemd-container",
    "systemd-sysusers": "systemd",
    "systemd-tmpfiles": "systemd",
}
# Before a command that is interrupted: a shell lets what it starts in the background ignore SIGINT.
INTERRUPTIBLE = ("/usr/bin/env", "--default-signal=INT")
START_SECONDS = 20.0
STOP_SECONDS = 10.0
WAIT_SECONDS = 60


class MissingProgramError(Exception):
    """A program that the tests need is not installed: an error, never a reason to skip."""


class StartError(Exception):
    """A daemon ended, or did not answer in time; the message holds the end of its log."""


def find_program(name: str, *, path: str = PATH) -> str:
    """The absolute path of a program; `MissingProgramError` names its package."""
    found = shutil.which(name, path=path)
    if found is None:
        raise MissingProgramError(f"{name} is not installed: apt-get install {PACKAGES[name]}")
    return found


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def accepts(port: int, address: str = "127.0.0.1") -> bool:
    """True where something listens on the port of this machine's address."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        return client.connect_ex((address, port)) == 0


def wait_until(fact: Callable[[], bool]) -> None:
    """Return as soon as `fact` is true; an error where that takes too long."""
    deadline = monotonic() + WAIT_SECONDS
    while not fact():
        assert monotonic() < deadline


def end_processes_of(folder: Path) -> None:
    """Kill the program's processes whose configuration is in a folder."""
    for process, words in command_lines().items():
        if b"mlreef_hooks" in words and b"\0%b/" % os.fsencode(folder) in words:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def command_lines() -> dict[int, bytes]:
    """The command line of each process, its words ended by null bytes."""
    lines = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            lines[int(folder.name)] = (folder / "cmdline").read_bytes()
    return lines


def is_dead(process: int) -> bool:
    """True where there is no process of this id, or none that does anything any more."""
    try:
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return True
    return state in (b"Z", b"X")


@contextmanager
def daemon(
    command: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """The process id of a program that runs in the foreground and is ready.

    It has a session of its own and no open file of the tests; its environment is `PATH` and what
    `environment` says. At the end it and its children are stopped.
    """
    process = _start(command, log, {"PATH": PATH, "LC_ALL": "C.UTF-8", **(environment or {})})
    try:
        _wait(process, ready, command[0], log)
        yield process.pid
    finally:
        _stop(process)


def _start(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(
    process: "subprocess.Popen[bytes]", ready: Callable[[], bool], name: str, log: Path
) -> None:
    deadline = monotonic() + START_SECONDS
    while not ready():
        try:
            status = process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            if monotonic() < deadline:
                continue
            status = None
        said = log.read_text(errors="replace")[-2000:]
        raise StartError(f"{name} did not start (exit status {status}): {said}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process group, whose id is the process's own: asked first, then forced."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue

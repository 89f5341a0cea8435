"""A process that has everything loaded, and forks itself for each push that is handed to it.

Loading the program takes longer than the publish of a changed file; a fork has it loaded. The first
push with a publish tag starts this process, which ends when none has come for a while. It belongs
to the account of the hook and takes pushes of that account only; each fork gets the input, output,
folder and environment of its hook (`hand_over.py`), and reads configuration and state anew.
"""

import gc
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from socket import AF_UNIX, SOCK_SEQPACKET, recv_fds, socket

from mlreef_hooks.cli.configuration import config_path, load_config
from mlreef_hooks.cli.hand_over import DONE, LARGEST, SOCKET, address, peer, surroundings
from mlreef_hooks.cli.post_receive import run_hook
from mlreef_hooks.durable_files import locked
from mlreef_hooks.errors import PublishError

# What a publish imports only when it needs it.
MODULES = (
    "encodings.idna",
    "encodings.utf_8_sig",
    "importlib.readers",
    "mlreef_hooks.builders.choice",
    "mlreef_hooks.builders.into_engine",
    "mlreef_hooks.builders.into_registry",
    "mlreef_hooks.builders.layers",
    "mlreef_hooks.builders.wheel_layers",
    "mlreef_hooks.job_log",
    "mlreef_hooks.registry",
    "mlreef_hooks.wheels.bytecode",
)
_WAITING = 64  # pushes that wait for their turn to be forked for
_PATIENCE_SECONDS = 10.0  # for what a push that was announced brings


def stay_ready(config_file: str | None) -> None:
    """Start the process that is ready for the next push, where the site wants one.

    It holds nothing of this one: a push would wait for whoever has its output open, and the
    environment of a hook may hold a password.
    """
    with suppress(OSError, PublishError):
        if not config_file or not load_config(config_file).hook.stay_ready:
            return
        subprocess.Popen(
            [sys.executable, "-I", "-m", "mlreef_hooks.cli.ready", config_file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath},
        )


def serve(config_file: str) -> None:
    """Fork for each push until none came for `hook.ready_seconds`, or the program has changed."""
    config = load_config(config_file)
    with suppress(BlockingIOError, TimeoutError), _the_only_one(config.state_path):
        load()
        files = _files(config_path(config_file))
        loaded = _stamps(files)
        with _listening(config.state_path) as listener:
            listener.settimeout(config.hook.ready_seconds)
            while True:
                connection, _ = listener.accept()
                _bury_children()
                if _stamps(files) != loaded:
                    return
                _fork(connection, partial(_take, connection, config_file))
                connection.close()


def load() -> None:
    """Import what a publish needs, out of the sight of the garbage collector."""
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)  # as in __main__.py


@contextmanager
def _the_only_one(state: Path) -> Iterator[None]:
    with locked(state / "ready.lock", wait=False):
        yield


@contextmanager
def _listening(state: Path) -> Iterator[socket]:
    folder = os.open(state, os.O_PATH | os.O_CLOEXEC)
    (state / SOCKET).unlink(missing_ok=True)  # of a process that was killed
    with socket(AF_UNIX, SOCK_SEQPACKET) as listener:
        umask = os.umask(0o177)
        listener.bind(address(folder))
        os.umask(umask)
        made = (state / SOCKET).lstat().st_ino
        try:
            listener.listen(_WAITING)
            yield listener
        finally:
            with suppress(OSError):
                if (state / SOCKET).lstat().st_ino == made:  # not that of a state made anew
                    (state / SOCKET).unlink()


def _files(config: Path) -> list[str]:
    """All that a push runs by: the files of what is loaded, and the configuration."""
    loaded = (getattr(module, "__file__", None) for module in [*sys.modules.values()])
    return [str(config), *filter(None, loaded)]


def _stamps(files: list[str]) -> list[tuple[int, int, int] | None]:
    """What changes when a file does."""
    stamps: list[tuple[int, int, int] | None] = []
    for path in files:
        try:
            found = os.stat(path)
        except OSError:
            stamps.append(None)
        else:
            stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return stamps


def _bury_children() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _fork(connection: socket, work: Callable[[], None]) -> None:
    """Do `work` in a process of its own, which holds nothing open but the connection."""
    if os.fork() == 0:
        try:
            os.closerange(3, connection.fileno())
            os.closerange(connection.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
            work()
        finally:
            os._exit(0)


def _take(connection: socket, config_file: str) -> None:
    """Do what the process at the other end was started for, unless it goes away."""
    if peer(connection) != os.geteuid():
        return
    connection.settimeout(_PATIENCE_SECONDS)
    connection.sendall(surroundings(config_file))
    request, (*streams, folder), _, _ = recv_fds(connection, LARGEST, 4)
    umask, *variables = request.split(b"\0")
    for place, descriptor in enumerate(streams):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.fchdir(folder)
    os.umask(int(umask, 8))
    os.environ.clear()
    os.environb.update(dict(each.split(b"=", 1) for each in variables))
    run_hook(config_file)
    connection.sendall(DONE)


if __name__ == "__main__":
    serve(sys.argv[1])

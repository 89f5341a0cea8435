"""The worker: has everything loaded, forks itself for each push that is handed to it, and builds
what waits.

Loading the program takes longer than the publish of a changed file; a fork has it loaded. The first
push with a publish tag starts this process, which ends when none has come for a while. It belongs
to the account of the hook and takes pushes of that account only; each fork gets the input, output,
folder and environment of its hook (`hand_over.py`), and reads configuration and state anew.
"""

import gc
import importlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from socket import AF_UNIX, SOCK_SEQPACKET, recv_fds, socket, socketpair
from time import monotonic

from mlreef_hooks.cli import service
from mlreef_hooks.cli.background import LOOK_SECONDS, work_once
from mlreef_hooks.cli.configuration import config_path, load_config
from mlreef_hooks.cli.hand_over import DONE, LARGEST, SOCKET, address, peer, surroundings
from mlreef_hooks.cli.post_receive import run_hook
from mlreef_hooks.cli.service import PATIENCE_SECONDS, group_to_serve
from mlreef_hooks.config import Config
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
    "mlreef_hooks.registry",
    "mlreef_hooks.script_behind",
    "mlreef_hooks.wheels.bytecode",
)
_WAITING = 64  # pushes that wait for their turn to be forked for
_TAKERS = 200  # forks for pushes at once; more wait
_MORE = 7  # exit status of a fork: jobs wait


def start_worker(config_file: str | None) -> None:
    """Start the process that is ready for the next push, where the site wants one.

    It holds nothing of this one: a push would wait for whoever has its output open, and the
    environment of a hook may hold a password. Its git is the one that received the push.
    """
    with suppress(OSError, PublishError):
        if not config_file:
            return
        settings = load_config(config_file).worker
        if settings.service or not settings.stay:
            return
        subprocess.Popen(
            [sys.executable, "-I", "-m", "mlreef_hooks.cli.worker", config_file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )


def serve(config_file: str) -> None:
    """Fork for each push and for jobs that wait, until none came for `worker.stay_seconds` or the
    program has changed; BlockingIOError where another process does so.
    """
    config = load_config(config_file)
    with locked(config.state_folder.worker_lock, wait=False):
        load(config)
        worker = Worker(config_file, partial(_take, config_file=config_file))
        with listening(config.state_path / SOCKET) as listener:
            worker.run(listener, config.worker.stay_seconds)


def serve_forever(config_file: str) -> None:
    """The same, until it is stopped or the program has changed; as a service where it is one."""
    config = load_config(config_file)
    take, place, group = partial(_take, config_file=config_file), config.state_path / SOCKET, None
    if config.worker.service:
        place, group = Path(config.worker.socket), group_to_serve(config)
        take = partial(service.take, config_file=config_file)
    with locked(config.state_folder.worker_lock, wait=False):
        load(config)
        worker = Worker(config_file, take)
        with listening(place, group) as listener:
            worker.run(listener, None)


def load(config: Config) -> None:
    """Import what a publish needs, out of the sight of the garbage collector."""
    for name in (*MODULES, *(("mlreef_hooks.catalog.update",) if config.catalog.path else ())):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)  # as in __main__.py


class Worker:
    """The process that listens; all that it does itself is to fork.

    It opens no database: a fork would believe that it has its locks.
    """

    def __init__(self, config_file: str, take: Callable[[socket], bool]) -> None:
        """`take` does what whoever has connected asks for; True where jobs wait then."""
        self._config = load_config(config_file)
        self._take = take
        self._files = _files(config_path(config_file))
        self._loaded = _stamps(self._files)
        self._builders: set[int] = set()  # forks that build what waits
        self._takers: set[int] = set()  # forks for those who have connected
        self._jobs = _stamp(self._table)
        self._wait_until: float | None = 0.0  # when to look for jobs that wait

    @property
    def _table(self) -> str:
        return f"{self._config.state_folder.jobs}-wal"

    def run(self, listener: socket, stay_seconds: float | None) -> None:
        """Take pushes and look for jobs until there have been none for `stay_seconds`."""
        last = monotonic()
        with _woken_by_children() as wakeup:
            while True:
                self._look_for_jobs()
                awaited = (wakeup, listener) if len(self._takers) < _TAKERS else (wakeup,)
                found = select.select(awaited, (), (), LOOK_SECONDS)[0]
                if _stamps(self._files) != self._loaded:
                    return
                if wakeup in found:
                    wakeup.recv(LARGEST)
                    self._bury_children()
                if listener in found:
                    last = monotonic()
                    self._take_push(listener)
                idle = not self._builders and self._wait_until is None
                if idle and stay_seconds is not None and monotonic() - last > stay_seconds:
                    return

    def _take_push(self, listener: socket) -> None:
        connection, _ = listener.accept()
        with connection:
            taker = self._fork(partial(self._take, connection), connection.fileno())
            self._takers.add(taker)

    def _look_for_jobs(self) -> None:
        """Fork to build what waits: where a fork said so, and where the job table has changed."""
        jobs = _stamp(self._table)
        if jobs != self._jobs:
            self._jobs = jobs
            self._wait_until = self._wait_until or monotonic() + LOOK_SECONDS
        due = self._wait_until is not None and self._wait_until <= monotonic()
        if due and len(self._builders) < self._config.worker.builds:
            self._wait_until = None
            self._builders.add(self._fork(partial(work_once, self._config), None))

    def _fork(self, work: Callable[[], bool], kept: int | None) -> int:
        """Do `work` in a process of its own, which holds nothing open but what is `kept`."""
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            end = os.sysconf("SC_OPEN_MAX")
            os.closerange(3, end if kept is None else kept)
            os.closerange(end if kept is None else kept + 1, end)
            status = _MORE if work() else 0
        finally:
            os._exit(status)

    def _bury_children(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                child, status = ended
                pause = LOOK_SECONDS if child in self._builders else 0.0
                self._builders.discard(child)
                self._takers.discard(child)
                if os.waitstatus_to_exitcode(status) not in (0, 1):
                    self._wait_until = monotonic() + pause


@contextmanager
def _woken_by_children() -> Iterator[socket]:
    """A socket from which something can be read once a child has ended."""
    read, write = socketpair()
    with read, write:
        write.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        try:
            yield read
        finally:
            signal.set_wakeup_fd(-1)


@contextmanager
def listening(place: Path, group: int | None = None) -> Iterator[socket]:
    """The socket at `place`, for this process's account alone or for a group as well."""
    folder = os.open(place.parent, os.O_PATH | os.O_CLOEXEC)
    place.unlink(missing_ok=True)  # of a process that was killed
    with socket(AF_UNIX, SOCK_SEQPACKET) as listener:
        umask = os.umask(0o177)
        listener.bind(address(folder, place.name))
        os.umask(umask)
        if group is not None:
            os.chown(place, -1, group)
            place.chmod(0o660)
        made = place.lstat().st_ino
        try:
            listener.listen(_WAITING)
            yield listener
        finally:
            with suppress(OSError):
                if place.lstat().st_ino == made:  # not that of a state made anew
                    place.unlink()


def _files(config: Path) -> list[str]:
    """All that a push runs by: the files of what is loaded, and the configuration."""
    loaded = (getattr(module, "__file__", None) for module in [*sys.modules.values()])
    return [str(config), *filter(None, loaded)]


def _stamps(files: list[str]) -> list[tuple[int, int, int] | None]:
    """What changes when a file does."""
    return [_stamp(path) for path in files]


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _take(connection: socket, config_file: str) -> bool:
    """Do what the process at the other end was started for, unless it goes away; True where jobs
    wait then.
    """
    if peer(connection)[0] != os.geteuid():
        return False
    connection.settimeout(PATIENCE_SECONDS)
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
    return run_hook(config_file, partial(_release, connection))


def _release(connection: socket) -> None:
    service.answer(connection, DONE)


if __name__ == "__main__":
    with suppress(BlockingIOError):
        serve(sys.argv[1])

"""A Docker engine and a registry for the tests, and the base image that modules are built on."""

import hashlib
import json
import os
import platform
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from mlreef_hooks.base_image import BASE_PATH, make_base_tar, plan_base_tar
from mlreef_hooks.bases import RootImage, import_root
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import ARCHITECTURES
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.process import start_time
from tests.support.certificates import Certificate
from tests.support.machine import Machine
from tests.support.processes import (
    accepts,
    command_lines,
    daemon,
    find_program,
    free_port,
    is_dead,
    wait_until,
)

PRIVATE_ENGINE = Path(__file__).parents[2] / "examples" / "private-engine"
BASE_IMAGE = "mlreef-base:bookworm"
_REGISTRY_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
{deletes}http: {{addr: "{place}"{tls}}}
"""
_DELETES = "  delete: {enabled: true}\n"
ENGINE_SECONDS = 600  # of a start or a stop, which removes every image
USER, PASSWORD = "ada", "correct horse"
# bcrypt, which is all that the registry takes; of the least cost, for it is checked at each request
_HTPASSWD = f"{USER}:$2b$04$onjaehKKE9W9oXkmb30KPeEBCnj3w2H6FLjZhP85OJUks1cFE3B3y\n"


class EngineError(Exception):
    """The private engine did not start or stop; the message is what the script wrote."""


@contextmanager
def private_engine(
    folder: Path, machine: Machine | None = None, options: Sequence[str] = ()
) -> Iterator[str]:
    """The URL of an engine of its own, whose every file is below `folder`; needs root. `options`
    are dockerd's.
    """
    find_program("dockerd")
    url = _private_engine("start", folder, machine, options)
    try:
        yield url
    finally:
        _private_engine("stop", folder)


def _private_engine(
    action: str, folder: Path, machine: Machine | None = None, options: Sequence[str] = ()
) -> str:
    command = [str(PRIVATE_ENGINE), action, str(folder), *options]
    done = subprocess.run(
        machine.command(*command) if machine else command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ENGINE_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(done.stderr)
    return done.stdout.strip()


class MortalEngine:
    """A private engine that a test kills, with its containers left to themselves, and starts again.

    `url` is where it is reached; `folder` is that of `private_engine`.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        process = self._pid_file.read_text()
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[:-1]
        self._command = [os.fsdecode(word) for word in words]

    @property
    def _pid_file(self) -> Path:
        return self._folder / "dockerd.pid"

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the daemon by a signal: by SIGKILL it writes nothing and ends nothing."""
        process = int(self._pid_file.read_text())
        os.kill(process, number)
        wait_until(lambda: not start_time(process))
        # it would be believed while nobody has waited for the process
        self._pid_file.unlink(missing_ok=True)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let the daemon neither answer nor end."""
        process = int(self._pid_file.read_text())
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    def start_again(self) -> None:
        """Return when the daemon runs and answers, as it did before it was killed."""
        if not self._pid_file.exists():
            with (self._folder / "log").open("ab") as log:
                subprocess.run(
                    ["setsid", "--fork", *self._command],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
                )  # fmt: skip
        wait_until(self._answers)
        (self._folder / "launched.pid").write_text(f"{self._pid_file.read_text()}\n")

    def _answers(self) -> bool:
        try:
            Engine(self.url).close()
        except PublishError:
            return False
        return True


def base_tar() -> Path:
    """The tar of the base image, made once for each recipe and then kept for later runs."""
    find_program("mmdebstrap")
    recipe = json.dumps([platform.machine(), *plan_base_tar()])
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlreef-hooks"
    tar = cache / f"base-{key}.tar"
    if not tar.exists():
        cache.mkdir(parents=True, exist_ok=True)
        make_base_tar(tar)
    return tar


def store_base(folder: Path) -> None:
    """Put the base image into a folder of images."""
    root = RootImage(environment=(BASE_PATH,), architecture=ARCHITECTURES[platform.machine()])
    with base_tar().open("rb") as content:
        import_root(OciLayouts(folder), content, BASE_IMAGE, root)


def import_base(engine_url: str) -> str:
    """The name of the base image in the engine, imported unless it is there already."""
    engine = Engine(engine_url, timeout=300)
    try:
        if engine.image(BASE_IMAGE) is None:
            with base_tar().open("rb") as tar:
                engine.import_root(tar, BASE_IMAGE, environment=(BASE_PATH,))
    finally:
        engine.close()
    return BASE_IMAGE


@contextmanager
def local_registry(
    folder: Path,
    *,
    closed: bool = False,
    deletes: bool = True,
    certificate: Certificate | None = None,
    host: str = "localhost",
    address: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[str]:
    """`HOST:PORT` of a registry that keeps its blobs in `folder`, and `deletes` them when asked.

    A closed one lets `USER` in with `PASSWORD`; with a certificate it speaks by TLS alone. `host`
    is what its `address` is called; without a `port` any free one is taken.
    """
    port = port or free_port()
    config = folder / "registry.yml"
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    text = _registry_config(folder, place, closed=closed, deletes=deletes, certificate=certificate)
    config.write_text(text)

    def answers() -> bool:
        if closed or certificate:
            return accepts(port, address)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    command = [find_program("docker-registry"), "serve", str(config)]
    with daemon(command, log=folder / "registry.log", ready=answers):
        yield f"{host}:{port}"


def _registry_config(
    folder: Path, place: str, *, closed: bool, deletes: bool, certificate: Certificate | None
) -> str:
    tls = ""
    if certificate:
        paths = {"certificate": str(certificate.path), "key": str(certificate.key)}
        tls = f", tls: {json.dumps(paths)}"
    text = _REGISTRY_CONFIG.format(
        folder=json.dumps(str(folder / "blobs")), place=place, tls=tls,
        deletes=_DELETES if deletes else "",
    )  # fmt: skip
    if closed:
        users = folder / "htpasswd"
        users.write_text(_HTPASSWD)
        text += f"auth: {{htpasswd: {{realm: tests, path: {json.dumps(str(users))}}}}}\n"
    return text


class KillableRegistry(AbstractContextManager["KillableRegistry"]):
    """A registry that is there again, at its address and with its blobs, when it was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = ExitStack()
        self.address = self._ends.enter_context(local_registry(folder))

    def __exit__(self, *error: object) -> None:
        self._ends.close()

    def die(self) -> None:
        """Kill it and start it again."""
        kill_by_argument(str(self._folder / "registry.yml"))
        port = int(self.address.rpartition(":")[2])
        self._ends.enter_context(local_registry(self._folder, port=port))


class KillableEngine(AbstractContextManager["KillableEngine"]):
    """An engine of its own below a folder that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = ExitStack()
        self.url = self._ends.enter_context(private_engine(folder))

    def __exit__(self, *error: object) -> None:
        self._ends.close()

    def die(self) -> None:
        """Kill it and start it again; it takes a moment until it answers."""
        launched = self._folder / "launched.pid"
        command = Path(f"/proc/{launched.read_text().strip()}/cmdline").read_bytes().split(b"\0")
        kill_by_argument(f"--config-file={self._folder / 'daemon.json'}")
        (self._folder / "dockerd.pid").unlink()  # whose process may be a zombie for a while
        with (self._folder / "log").open("ab") as log:
            started = subprocess.Popen(
                command[:-1], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        launched.write_text(f"{started.pid}\n")


def kill_by_argument(argument: str) -> None:
    """Kill the processes that were started with an argument, which names a file of a test's own."""
    for process, line in command_lines().items():
        if os.fsencode(argument) in line.split(b"\0"):
            os.kill(process, signal.SIGKILL)
            wait_until(partial(is_dead, process))
            with suppress(ChildProcessError):  # or its id would still be there
                os.waitpid(process, 0)

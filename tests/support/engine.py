"""A Docker engine and a registry for the tests, and the base image that modules are built on."""

import hashlib
import json
import os
import platform
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlreef_hooks.base_image import BASE_PATH, make_base_tar, plan_base_tar
from mlreef_hooks.engine import Engine
from tests.support.processes import daemon, find_program, free_port

PRIVATE_ENGINE = Path(__file__).parents[2] / "examples" / "private-engine"
BASE_IMAGE = "mlreef-base:bookworm"
_REGISTRY_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class EngineError(Exception):
    """The private engine did not start or stop; the message is what the script wrote."""


@contextmanager
def private_engine(folder: Path) -> Iterator[str]:
    """The URL of an engine of its own, whose every file is below `folder`; needs root."""
    find_program("dockerd")
    url = _private_engine("start", folder)
    try:
        yield url
    finally:
        _private_engine("stop", folder)


def _private_engine(action: str, folder: Path) -> str:
    done = subprocess.run(
        [PRIVATE_ENGINE, action, folder],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(done.stderr)
    return done.stdout.strip()


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
def local_registry(folder: Path) -> Iterator[str]:
    """`localhost:PORT` of a registry that keeps its blobs in `folder` and lets them be deleted."""
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(_REGISTRY_CONFIG.format(folder=json.dumps(str(folder / "blobs")), port=port))

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    command = [find_program("docker-registry"), "serve", str(config)]
    with daemon(command, log=folder / "registry.log", ready=answers):
        yield f"localhost:{port}"

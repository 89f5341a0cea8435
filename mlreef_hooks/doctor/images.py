"""What images are made with: the engine and who may reach it, bases, their compilers."""

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

from mlreef_hooks.account import READ, WRITE
from mlreef_hooks.bases import BASES
from mlreef_hooks.config import Config
from mlreef_hooks.config_images import Base
from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.wheels.bytecode import find_compiler

_ANSWER_SECONDS = 10
_OLDEST = (20, 10)
_AWAY = ("engine-away", "engine-closed")
_OTHERS = "start it, or take it out of [builder.docker] engines; the others do its work"
_WITHOUT = "without one no module is started before it is published, and none built of source"


def look_at_engines(visit: Visit) -> Iterator[Finding]:
    """Whether each engine can be used, and what else its being reached means."""
    found = [_look_at_engine(visit, url) for url in visit.config.builder.docker.addresses]
    reached = any(all(each.id not in _AWAY for each in one) for one in found)
    weight: dict[str, str] = {}
    if reached:
        weight = {"state": "warning", "hint": _OTHERS}
    elif visit.config.builder.use != "docker":
        weight = {"state": "warning", "hint": _WITHOUT}
    for each in chain(*found):
        yield each.but(**weight) if each.id in _AWAY else each


def _look_at_engine(visit: Visit, url: str) -> list[Finding]:
    closed = _closed(visit, url)
    if closed:
        return [closed]
    docker = visit.config.builder.docker
    try:
        with closing(Engine(url, timeout=_ANSWER_SECONDS, tls=docker.tls)) as engine:
            return [*_faults(engine, visit)]
    except PublishError as error:
        return [fault("engine-away", url, error.message)]


def _closed(visit: Visit, url: str) -> Finding | None:
    """The finding that the account cannot reach the engine's socket."""
    socket = Path(url.removeprefix("unix://"))
    try:
        closed = url.startswith("unix://") and visit.account.obstacle(socket, READ | WRITE)
    except OSError:
        return None  # it is away
    if not closed:
        return None
    said = f"uid {visit.account.user} cannot use the engine's socket because of {closed}"
    return fault("engine-closed", url, said)


def _faults(engine: Engine, visit: Visit) -> Iterator[Finding]:
    version = f"Docker engine {engine.version()}"
    numbers = tuple(map(int, re.findall(r"\d+", engine.version())[:2]))
    found = []
    if numbers < _OLDEST:
        found.append(fault("engine-old", engine.url, f"{version} is too old"))
    if not engine.keeps_layers():
        said = f"{version} with containerd's image store"
        found.append(fault("engine-store", engine.url, said))
    yield from found or [fine(engine.url, version)]
    if engine.url.startswith("unix://"):
        if visit.account.user != 0 and not engine.is_rootless():
            said = f"uid {visit.account.user} can use it, and is root on this machine by it"
            yield fault("engine-root", engine.url, said)
    elif engine.url.startswith(("tcp://", "http://")) and not visit.config.builder.docker.tls:
        said = "whoever reaches its address is root on its machine"
        yield fault("engine-open", engine.url, said)


def look_at_bases(visit: Visit) -> Iterator[Finding]:
    """Of each base whether its image is here, and whether bytecode can be compiled for it."""
    for name, base in visit.config.base.items():
        about = f"base.{name}"
        if visit.config.builder.use != "docker" and find_compiler(base.python) is None:
            said = f"this server has no python{base.python}, so that images have no bytecode"
            yield fault("bytecode-missing", about, said)
        yield _base(about, visit.config, base)


def _base(about: str, config: Config, base: Base) -> Finding:
    if OciLayouts(config.images_path).find(BASES, base.image):
        return fine(about, f"{base.image} is stored")
    docker = config.builder.docker
    for url in docker.addresses:
        # one that is away is told of by the check of the engines
        with (
            suppress(PublishError),
            closing(Engine(url, timeout=_ANSWER_SECONDS, tls=docker.tls)) as engine,
        ):
            if engine.image(base.image):
                return fine(about, f"{base.image} is in the engine")
    return fault("base-missing", about, f"{base.image} is not here yet")

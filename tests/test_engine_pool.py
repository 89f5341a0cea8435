"""Which engine works, which is left alone, and what becomes of a publish whose engine dies."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from mlreef_hooks.engine import Engine
from mlreef_hooks.engine_pool import REST, EnginePool, NoEngineError
from mlreef_hooks.errors import EngineGoneError, PublishError

ONE, TWO, THREE = "tcp://one.example:1", "tcp://two.example:2", "tcp://three.example:3"


@dataclass
class Engines:
    """Engines that are opened and closed; those in `dead` do not answer."""

    dead: set[str] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def open(self, url: str) -> Engine:
        """The engine at an address, as the pool opens one."""
        self.opened.append(url)
        if url in self.dead:
            raise EngineGoneError(f"{url} failed: Connection refused", "doctor", passing=True)
        return cast(Engine, OpenEngine(url, self.closed))


@dataclass
class OpenEngine:
    """What a pool needs of an engine."""

    url: str
    closed: list[str]

    def close(self) -> None:
        """Note that it is closed."""
        self.closed.append(self.url)


def make_pool(locks: Path, engines: Engines, *addresses: str, slots: int = 2) -> EnginePool:
    """A pool of such engines, whose lock files are in `locks`."""
    return EnginePool(
        addresses=addresses, open_engine=engines.open, slots=slots, locks=locks,
        say=engines.said.append,
    )  # fmt: skip


def url_of(engine: Engine) -> str:
    """Work that tells which engine did it."""
    return engine.url


def fail(engine: Engine) -> str:
    """Work during which every engine dies."""
    raise EngineGoneError(f"{engine.url} died", "doctor", passing=True)


def die_in(url: str) -> Callable[[Engine], str]:
    """Work during which one engine dies."""
    return lambda engine: fail(engine) if engine.url == url else engine.url


@pytest.mark.parametrize(
    ("readiness", "chosen"),
    [
        ({}, ONE),
        ({TWO: 1}, TWO),
        ({TWO: 1, THREE: 2}, THREE),
        ({ONE: 2, THREE: 2}, ONE),
    ],
)
def test_the_readiest_engine_works_and_then_all_are_closed(
    tmp_path: Path, readiness: dict[str, int], chosen: str
) -> None:
    engines = Engines()
    pool = make_pool(tmp_path, engines, ONE, TWO, THREE)
    assert pool.do(url_of, lambda engine: readiness.get(engine.url, 0)) == chosen
    assert {*engines.closed} == {ONE, TWO, THREE}
    assert engines.said == []


def test_of_equals_the_least_busy_engine_works(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, Engines(), ONE, TWO)

    def nested(engine: Engine) -> list[str]:
        return [engine.url, *pool.do(lambda inner: [inner.url, pool.do(url_of)])]

    assert pool.do(nested) == [ONE, TWO, ONE]
    assert pool.do(lambda engine: pool.do(url_of, lambda each: int(each.url == ONE))) == ONE


def test_an_engine_that_does_not_answer_is_skipped_and_then_left_alone(tmp_path: Path) -> None:
    engines = Engines(dead={ONE})
    pool = make_pool(tmp_path, engines, ONE, TWO)
    assert [pool.do(url_of), pool.do(url_of)] == [TWO, TWO]
    assert engines.opened == [ONE, TWO, TWO]
    engines.dead = {TWO}
    assert pool.do(url_of) == ONE, "where no other one answers it is asked again"


def test_where_an_engine_dies_the_next_does_all_of_the_work(tmp_path: Path) -> None:
    engines = Engines()
    pool = make_pool(tmp_path, engines, ONE, TWO)
    assert pool.do(die_in(ONE)) == TWO
    assert engines.said == [f"another engine goes on: {ONE} died"]
    assert pool.do(url_of) == TWO


def test_where_the_last_engine_dies_that_is_the_failure(tmp_path: Path) -> None:
    for addresses in ((ONE,), (ONE, TWO)):
        with pytest.raises(EngineGoneError, match=f"{addresses[-1]} died") as caught:
            make_pool(tmp_path, Engines(), *addresses).do(fail)
        assert caught.value.passing
    with pytest.raises(EngineGoneError, match=f"{TWO} died"):
        make_pool(tmp_path / "new", Engines(dead={ONE}), ONE, TWO).do(fail)


def test_where_none_answers_it_is_told_why(tmp_path: Path) -> None:
    with pytest.raises(NoEngineError, match=r"one.*Connection refused") as caught:
        make_pool(tmp_path, Engines(dead={ONE, TWO}), ONE, TWO).do(url_of)
    assert caught.value.passing
    with pytest.raises(NoEngineError, match=r"unix:///nowhere\.sock failed: No such file"):
        make_pool(tmp_path, Engines(), "unix:///nowhere.sock").do(url_of)


def test_what_the_work_itself_finds_wrong_is_not_tried_elsewhere(tmp_path: Path) -> None:
    engines = Engines()

    def refuse(engine: Engine) -> str:
        raise PublishError(f"not in {engine.url}", "")

    with pytest.raises(PublishError, match=f"not in {ONE}"):
        make_pool(tmp_path, engines, ONE, TWO).do(refuse)
    assert engines.said == []


@pytest.mark.parametrize(
    ("since", "chosen"), [(0.0, TWO), (REST - 5, TWO), (REST, ONE), (-1000.0, ONE)]
)
def test_an_engine_that_failed_is_left_alone_for_a_while(
    tmp_path: Path, since: float, chosen: str
) -> None:
    pool = make_pool(tmp_path, Engines(), ONE, TWO)
    pool.do(die_in(ONE))
    (note,) = tmp_path.glob("engine-*-failed")
    note.write_text(str(time.monotonic() - since))  # less than nothing: before the last boot
    assert pool.do(url_of) == chosen
    note.write_text("nonsense")
    assert pool.do(url_of) == ONE


HOLD = """
import sys, time
from pathlib import Path
from tests.test_engine_pool import ONE, TWO, Engines, make_pool
pool = make_pool(Path(sys.argv[1]), Engines(), ONE, TWO, slots=1)
pool.do(lambda engine: (print(engine.url, flush=True), time.sleep(1000)))
"""


def hold_slot(locks: Path) -> "subprocess.Popen[str]":
    """Another process that has a slot, and has said so."""
    return subprocess.Popen([sys.executable, "-c", HOLD, locks], stdout=subprocess.PIPE, text=True)


def test_processes_share_the_slots_and_one_that_is_killed_frees_its_own(tmp_path: Path) -> None:
    engines = Engines()
    pool = make_pool(tmp_path, engines, ONE, TWO, slots=1)
    holders = [hold_slot(tmp_path), hold_slot(tmp_path)]
    held = {str(process.stdout and process.stdout.readline()).strip() for process in holders}
    assert held == {ONE, TWO}
    assert pool.do(url_of, wait=False) == ONE
    assert engines.said == []
    holders[1].send_signal(signal.SIGKILL)
    assert pool.do(url_of) in held
    holders[0].send_signal(signal.SIGKILL)
    for process in holders:
        process.communicate()


def test_who_waits_for_room_says_so_once(tmp_path: Path) -> None:
    engines = Engines()
    pool = make_pool(tmp_path, engines, ONE, slots=1)
    holder = hold_slot_of_one(tmp_path)
    assert pool.do(url_of) == ONE
    assert engines.said == ["all engines are busy; waiting for one"]
    holder.communicate()


def hold_slot_of_one(locks: Path) -> "subprocess.Popen[str]":
    """Another process that has the only slot of one engine for half a second."""
    text = HOLD.replace("ONE, TWO, slots", "ONE, slots").replace("1000", "0.5")
    process = subprocess.Popen(
        [sys.executable, "-c", text, locks], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process

"""Fixtures of the whole test suite; each starts what it gives on its first use and stops it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import import_base, local_registry, private_engine, store_base
from tests.support.processes import end_processes_of
from tests.support.servers import HttpServer, SshServer, http_server, ssh_server


@pytest.fixture(autouse=True)
def no_process_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ends the processes that a test's sites leave to try again what was away."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder:
        end_processes_of(folder)


@pytest.fixture(autouse=True, scope="session")
def records_of_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs are recorded: nothing is written into the home of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("runs")
    os.environ["MLREEF_HOOKS_RUNS"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Docker engine: that of `MLREEF_TEST_ENGINE`, else one of its own."""
    given = os.environ.get("MLREEF_TEST_ENGINE")
    if given:
        yield given
        return
    with private_engine(tmp_path_factory.mktemp("engine")) as url:
        yield url


@pytest.fixture(scope="session")
def base_image(engine: str) -> str:
    """The name of a base image in the engine: Debian 12 with Python and pip."""
    return import_base(engine)


@pytest.fixture(scope="session")
def stored_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images that holds the base image, for builders without an engine."""
    folder = tmp_path_factory.mktemp("images")
    store_base(folder)
    return folder


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`localhost:PORT` of an empty registry."""
    with local_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session")
def sshd() -> Iterator[SshServer]:
    """A git server over ssh for every repository of this machine."""
    with ssh_server() as server:
        yield server


@pytest.fixture(scope="session")
def smart_http() -> Iterator[HttpServer]:
    """A git server over http for every repository of this machine."""
    with http_server() as server:
        yield server

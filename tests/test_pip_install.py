"""Installing requirements: hostile packages are bounded, failures are told apart and explained."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.builders.docker_engine import DockerBuilder
from mlreef_hooks.builders.pip_failure import PipOutput
from mlreef_hooks.config_images import Base, DockerEngine, Pip, Registry
from mlreef_hooks.container import Ended
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.job_log import LINES_TOLD
from tests.support.docker_cli import docker, image_names, leftovers
from tests.support.killing import kill_publish
from tests.support.package_index import PackageIndex, make_sdist, make_wheel, package_index
from tests.support.processes import free_port, wait_until
from tests.support.publishing import (
    jobs,
    logs,
    project,
    publish,
    push_without_hook,
    start_hook,
    unwrapped,
)
from tests.support.site import PROJECT, GitSite

MakeSite = Callable[..., GitSite]
SLEEP = "import time\ntime.sleep(1000)"
FORK = """\
import os, time
while True:
    if os.fork() == 0:
        os.closerange(0, 3)
        time.sleep(1000)
"""
FILL = "x = []\nwhile True:\n    x.append(bytearray(1 << 20))"
PRINT = """\
import sys
print("long " * 1_000_000)
for number in range(2000):
    print("line", number)
sys.exit(1)
"""
ESCAPE = (
    'print("\\x1b[31mred\\x1b]0;title\\x07 \\u202egnp.exe \\u2028error: fake")\nraise SystemExit(1)'
)


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index with packages of every kind of author."""
    with package_index() as found:
        found.add(
            make_wheel("tiny", "1.0", {"tiny.py": ""}),
            make_wheel("tiny", "1.2", {"tiny.py": ""}),
            make_sdist("forks", "1.0", FORK),
            make_sdist("fills", "1.0", FILL),
            make_sdist("sleeps", "1.0", SLEEP),
            make_sdist("prints", "1.0", PRINT),
            make_sdist("escapes", "1.0", ESCAPE),
        )
        yield found


@pytest.fixture
def make_site(tmp_path: Path, engine: str, base_image: str, index: PackageIndex) -> MakeSite:
    """Makes a site with the engine and the package index of the tests."""

    def make(engine: str = engine, base: str = base_image, **settings: Any) -> GitSite:
        docker_settings = {"url": engine, "network": "host", **settings}
        tables = {"pip": {"index_url": index.url}, "builder": {"docker": docker_settings}}
        return GitSite(tmp_path / "site", engine, base, tables)

    return make


@pytest.fixture(scope="module")
def hasty_base(engine: str, base_image: str) -> str:
    """The base image, whose pip asks once again where it is refused instead of five times."""
    name = "mlreef-base:hasty"
    container = docker(engine, "create", base_image, "true").strip()
    docker(engine, "commit", "--change", "ENV PIP_RETRIES=1", container, name)
    docker(engine, "rm", container)
    return name


# hostile packages


@pytest.mark.engine
@pytest.mark.parametrize(
    ("package", "bounds", "message"),
    [
        ("forks", {"processes": 64}, "forks==1.0 cannot be built: BlockingIOError"),
        ("fills", {"memory": "256m"}, "installing the requirements took more than 256m of memory"),
        ("sleeps", {"build_seconds": 3}, "the requirements were not installed within 3 s"),
        ("prints", {}, "prints==1.0 cannot be built: line 1999"),
        ("escapes", {}, "escapes==1.0 cannot be built: [31mred]0;title gnp.exe error: fake"),
    ],
)
def test_a_hostile_package_is_bounded(
    make_site: MakeSite, engine: str, package: str, bounds: dict[str, Any], message: str
) -> None:
    site = make_site(**bounds)
    before = image_names(engine, "mlreef-dependencies") | leftovers(engine)
    said = publish(site.author("text/upper"), project(f"{package}==1.0\n"))
    assert message in unwrapped(said)
    assert jobs(site) == [(1, "failed")]
    assert image_names(engine, "mlreef-dependencies") | leftovers(engine) <= before
    lines = said.splitlines()
    assert len(lines) < LINES_TOLD + 50
    assert max(map(len, lines)) <= 72
    assert all(character.isprintable() for line in lines for character in line)
    assert all(character.isprintable() for character in logs(site).replace("\n", ""))


@pytest.mark.engine
def test_a_build_whose_hook_was_killed_ends_by_itself_and_can_be_tried_again(
    make_site: MakeSite, engine: str, index: PackageIndex
) -> None:
    site = make_site(build_seconds=6)
    before = leftovers(engine)
    index.add(make_sdist("later", "1.0", SLEEP))
    repository, commit = push_without_hook(site, "text/upper", project("later==1.0\n"))
    process = start_hook(site, repository, commit)
    wait_until(lambda: "Collecting later" in logs(site))
    kill_publish(site, process)
    (left,) = (each for each in leftovers(engine) - before if is_container(engine, each))
    wait_until(lambda: status_of(engine, left) == "exited")
    assert docker(engine, "inspect", "--format={{.State.ExitCode}}", left).strip() == "124"

    index.add(make_sdist("later", "1.0"))
    again = start_hook(site, repository, commit)
    assert "success: upper 1.0.0 is published" in again.communicate()[0]
    assert jobs(site) == [(1, "published")]
    assert leftovers(engine) <= before


def is_container(engine: str, name: str) -> bool:
    return name in docker(engine, "ps", "--all", "--quiet").split()


def status_of(engine: str, container: str) -> str:
    return docker(engine, "inspect", "--format={{.State.Status}}", container).strip()


# failures


@pytest.mark.engine
@pytest.mark.parametrize(
    ("requirement", "message", "hint"),
    [
        ("tiny==999", "the package index does not have tiny==999", "it has 1.0, 1.2"),
        ("tinny==1.0", "the package index does not have tinny==1.0", "correct its name"),
        (f"tiny==1.0 --hash=sha256:{'0' * 64}", "tiny==1.0 has another hash", "find out why"),
        ("tiny==1.0\ntiny==1.2", "Cannot install tiny==1.0 and tiny==1.2", "try the same"),
    ],
)
def test_a_requirement_that_cannot_be_had_is_named(
    tmp_path: Path,
    engine: str,
    base_image: str,
    index: PackageIndex,
    requirement: str,
    message: str,
    hint: str,
) -> None:
    client = Engine(engine)
    builder = DockerBuilder(
        engine=client,
        settings=DockerEngine(url=engine, network="host"),
        pip=Pip(index_url=index.url),
        registry=Registry(),
        locks=tmp_path,
        log=lambda line: None,
    )
    base = Base(image=base_image, python="3.11")
    with pytest.raises(PublishError, match=message) as caught:
        builder.dependencies("default", base, {"requirements.txt": f"{requirement}\n"})
    client.close()
    assert caught.value.hint.startswith(hint)
    assert not caught.value.passing


@pytest.mark.engine
def test_an_index_that_is_away_keeps_the_job(
    make_site: MakeSite, index: PackageIndex, hasty_base: str
) -> None:
    site = make_site(base=hasty_base)
    config = site.config.read_text()
    site.config.write_text(config.replace(index.address, f"127.0.0.1:{free_port()}"))
    said = publish(site.author("text/upper"), project("tiny==1.0\n"))
    assert "error: the package index cannot be reached" in said
    assert "job 1 is kept" in said
    assert jobs(site) == [(1, "queued")]
    site.config.write_text(config)
    assert "success: upper 1.0.0" in site.command("retry", "1").stdout


@pytest.mark.engine
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "the package index does not let this server in (HTTP 401)"),
        (403, "the package index does not let this server in (HTTP 403)"),
        (429, "the package index cannot be reached"),
        (500, "the package index cannot be reached"),
    ],
)
def test_an_index_that_refuses_keeps_the_job(
    make_site: MakeSite, index: PackageIndex, hasty_base: str, status: int, message: str
) -> None:
    site = make_site(base=hasty_base)
    index.add(make_wheel(f"kept{status}", "1.0", {}))
    index.refusal = status
    try:
        said = publish(site.author("text/upper"), project(f"kept{status}==1.0\n"))
    finally:
        index.refusal = 0
    assert f"error: {message}" in unwrapped(said)
    assert jobs(site) == [(1, "queued")]
    assert "success: upper 1.0.0" in site.command("retry", "1").stdout


@pytest.mark.engine
@pytest.mark.parametrize(
    ("base", "message"),
    [
        ({"python": "3.12"}, "the base image cannot be used: the base has Python 3.11, not 3.12"),
        (
            {"image": f"localhost:{free_port()}/none:1"},
            "/none:1 cannot be fetched: Get",
        ),
    ],
)
def test_a_base_that_does_not_fit_is_for_the_administrator(
    tmp_path: Path, engine: str, base_image: str, base: dict[str, str], message: str
) -> None:
    settings = {"base": {"default": {"image": base_image, "python": "3.11", **base}}}
    site = GitSite(tmp_path / "site", engine, base_image, settings)
    said = unwrapped(publish(site.author("text/upper"), PROJECT))
    assert message in said
    assert "the administrator corrects [base]" in said
    assert jobs(site) == [(1, "queued")]


FAILED = Ended(status=1, late=False, out_of_memory=False)


@pytest.mark.parametrize(
    ("ended", "output", "message", "passing"),
    [
        (FAILED, "", "pip could not install the requirements: exit status 1", False),
        (
            FAILED,
            "ERROR: Cannot install a==1 and b==2 because of conflicts.\n"
            "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io",
            "pip could not install the requirements: Cannot install a==1 and b==2"
            " because of conflicts.",
            False,
        ),
        (
            FAILED,
            "Collecting numpy==1.0\n  error: subprocess-exited-with-error\n"
            "      gcc: connection.c: connection timed out, line 503\n      [end of output]",
            "numpy==1.0 cannot be built: gcc: connection.c: connection timed out, line 503",
            False,
        ),
        (
            FAILED,
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'X'\n"
            "ERROR: Could not find a version that satisfies the requirement a==9"
            " (from versions: 1, 2)",
            "the package index does not have a==9",
            False,
        ),
        (
            FAILED,
            "ERROR: HTTP error 503 while getting https://files.example/a.whl",
            "the package index cannot be reached",
            True,
        ),
        (
            FAILED,
            "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool: Read timed out.",
            "the package index cannot be reached",
            True,
        ),
        (
            FAILED,
            "ERROR: Could not install packages due to an OSError: [Errno 28]"
            " No space left on device",
            "the engine's disk is full",
            True,
        ),
        (
            FAILED,
            "No broken\na 1.0 has requirement b>=2, but you have b 1.0.",
            "pip could not install the requirements: a 1.0 has requirement b>=2,"
            " but you have b 1.0.",
            False,
        ),
        (
            Ended(status=127, late=False, out_of_memory=False),
            'exec: "timeout": executable file not found in $PATH',
            'the base image cannot be used: exec: "timeout": executable file not found in $PATH',
            True,
        ),
        (FAILED, "python: No module named pip", "the base image cannot be used: python: No", True),
        (
            Ended(status=137, late=True, out_of_memory=False),
            "",
            "the requirements were not installed within 1800 s",
            False,
        ),
    ],
)
def test_what_pip_prints_is_explained(
    ended: Ended, output: str, message: str, passing: bool
) -> None:
    printed = PipOutput()
    for line in output.splitlines():
        printed.add(line)
    error = printed.explain(ended, DockerEngine(), wheels_only=False)
    assert error.message.startswith(message)
    assert error.passing == passing


@pytest.mark.parametrize(
    ("ended", "output", "message"),
    [
        (replace(FAILED, status=124), "", "x==1.0 was not built within 1800 s"),
        (replace(FAILED, status=137), "Terminated", "x==1.0 was not built within 1800 s"),
        (replace(FAILED, out_of_disk=True), "", "building x==1.0 took more than 20g of disk"),
        (replace(FAILED, out_of_memory=True), "", "building x==1.0 took more than 4g of memory"),
        (FAILED, "Collecting y\n    gcc: no\n    [end of output]", "x==1.0 cannot be built: gcc"),
        (FAILED, "ERROR: Cannot find command 'git'", "x==1.0 cannot be built: Cannot find"),
    ],
)
def test_a_build_that_failed_is_named(ended: Ended, output: str, message: str) -> None:
    printed = PipOutput(building="x==1.0")
    for line in output.splitlines():
        printed.add(line)
    error = printed.explain(ended, DockerEngine(), wheels_only=False)
    assert error.message.startswith(message)

"""A site with two engines: both build, and what one that dies had begun the other one does."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mlreef_hooks.config_images import EngineTls
from mlreef_hooks.container import Run
from mlreef_hooks.engine import Engine
from mlreef_hooks.engine_api import PING_SECONDS
from mlreef_hooks.errors import EngineGoneError, PublishError
from tests.support.certificates import make_certificate
from tests.support.docker_cli import docker, image_names, leftovers
from tests.support.engine import BASE_IMAGE, MortalEngine, import_base, private_engine
from tests.support.killing import kill_publish
from tests.support.package_index import PackageIndex, make_sdist, make_wheel, package_index
from tests.support.processes import find_program, free_port, wait_until
from tests.support.publishing import (
    entry,
    jobs,
    project,
    publish,
    push_without_hook,
    start_hook,
    unwrapped,
)
from tests.support.servers import SshServer, ssh_server
from tests.support.site import PROJECT, GitSite

pytestmark = pytest.mark.engine
MakeSite = Callable[..., GitSite]
SLOW = "import os, time\nwhile not os.path.exists('/tmp/go'): time.sleep(0.1)\n"


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index that everybody may read."""
    with package_index() as found:
        found.add(make_wheel("tiny", "1.0", {"tiny.py": ""}))
        yield found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[MortalEngine]]:
    """Two engines with the base image, one by a socket and one by TCP."""
    folder = tmp_path_factory.mktemp("engines")
    tcp = f"tcp://127.0.0.1:{free_port()}"
    with (
        private_engine(folder / "one") as one,
        private_engine(folder / "two", options=[f"--host={tcp}", "--tls=false"]),
    ):
        engines = [MortalEngine(one, folder / "one"), MortalEngine(tcp, folder / "two")]
        for each in engines:
            import_base(each.url)
        yield engines


@pytest.fixture
def engines(pair: list[MortalEngine]) -> Iterator[list[MortalEngine]]:
    """Both engines, of which the test may kill one."""
    yield pair
    for each in pair:
        each.start_again()


@pytest.fixture
def make_site(
    tmp_path: Path,
    engines: list[MortalEngine],
    registry: str,
    index: PackageIndex,
    stored_base: Path,
) -> MakeSite:
    """Makes a site with both engines, and a registry and a package index."""

    def make(use: str = "docker", **docker_table: Any) -> GitSite:
        table = {"engines": [each.url for each in engines], "network": "host", **docker_table}
        settings = {
            "builder": {"use": use, "docker": table},
            "registry": {"prefix": f"{registry}/{tmp_path.name}".lower()},
            "pip": {"index_url": index.url},
            "images": {"path": str(stored_base)},
        }
        return GitSite(tmp_path / "site", base_image=BASE_IMAGE, settings=settings, builder=use)

    return make


def running(engine: MortalEngine) -> list[str]:
    """The containers that run in an engine."""
    return docker(engine.url, "ps", "--quiet").split()


def let_go(engine: MortalEngine) -> None:
    """Let a build that waits in the engine go on."""
    for container in running(engine):
        docker(engine.url, "exec", container, "touch", "/tmp/go")


def published_in(engine: MortalEngine, site: GitSite) -> set[str]:
    """The names of modules of a site that an engine has built."""
    text = docker(engine.url, "images", "--format", "{{.Repository}}")
    prefix = re.escape(f"{site.folder.parent.name}".lower())
    return {*re.findall(rf"/{prefix}/text/(\w+)$", text, re.M)}


def test_two_builds_at_once_use_both_engines(
    make_site: MakeSite, engines: list[MortalEngine], index: PackageIndex
) -> None:
    index.add(make_sdist("first", "1.0", SLOW), make_sdist("second", "1.0", SLOW))
    site = make_site()
    authors = {name: site.author(f"text/{name}") for name in ("first", "second")}
    with ThreadPoolExecutor() as pool:
        pushes = [
            pool.submit(publish, author, project(f"{name}==1.0\n"))
            for name, author in authors.items()
        ]
        wait_until(lambda: all(running(engine) for engine in engines))
        for engine in engines:
            let_go(engine)
        said = [push.result() for push in pushes]
    assert all("success: " in text for text in said), said
    one, two = (published_in(engine, site) for engine in engines)
    assert one | two == {"first", "second"}
    assert one & two == set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_push_whose_engine_ends_is_published_by_the_other(
    make_site: MakeSite, engines: list[MortalEngine], index: PackageIndex, number: int
) -> None:
    package = f"slow{int(number)}"
    index.add(make_sdist(package, "1.0", SLOW))
    site = make_site()
    author = site.author("text/killed")
    with ThreadPoolExecutor() as pool:
        push = pool.submit(publish, author, project(f"{package}==1.0\n"))
        dead, alive = kill_who_builds(engines, number)
        wait_until(lambda: bool(running(alive)))
        let_go(alive)
        said = push.result()
    assert said.count("another engine goes on: the container engine at") == 1, said
    assert "success: killed 1.0.0 is published" in said
    assert jobs(site) == [(1, "published")]
    assert published_in(alive, site) == {"killed"}
    assert leftovers(alive.url) == set()
    began = monotonic()
    said = publish(author, {"README.md": "x"}, "1.0.1")
    assert "dependencies reused" in said
    assert "another engine" not in said
    assert monotonic() - began < 4 * PING_SECONDS

    dead.start_again()
    alive.kill()
    assert "success: " in publish(author, project("tiny==1.0\n"), "1.1")
    assert published_in(dead, site) == {"killed"}
    assert leftovers(dead.url) == set()


def kill_who_builds(
    engines: list[MortalEngine], number: int = signal.SIGKILL
) -> tuple[MortalEngine, MortalEngine]:
    """The engine that had begun a build and is dead now, and the other one."""
    wait_until(lambda: any(running(engine) for engine in engines))
    dead, alive = sorted(engines, key=lambda engine: not running(engine))
    dead.kill(number)
    return dead, alive


def test_a_wheel_whose_engine_is_killed_is_built_in_the_other(
    make_site: MakeSite, engines: list[MortalEngine], index: PackageIndex
) -> None:
    index.add(make_sdist("wheelless", "1.0", SLOW))
    site = make_site("auto")
    author = site.author("text/wheel")
    with ThreadPoolExecutor() as pool:
        push = pool.submit(publish, author, project("wheelless==1.0\n"))
        _dead, alive = kill_who_builds(engines)
        wait_until(lambda: bool(running(alive)))
        let_go(alive)
        said = push.result()
    assert said.count("another engine goes on: ") == 1, said
    assert "upper.py starts in its image" in said
    assert "success: wheel 1.0.0 is published" in said
    assert leftovers(alive.url) == set()
    alive.kill()
    assert "success: wheel 1.0.1" in publish(author, {"README.md": "x"}, "1.0.1")
    said = unwrapped(publish(author, project("tiny==1.0\n"), "1.1"))
    assert "success: wheel 1.1" in said, "an image that nobody can start is published all the same"
    assert "starts in its image" not in said


def test_what_a_killed_start_left_is_removed_by_the_next_one(
    make_site: MakeSite, engines: list[MortalEngine]
) -> None:
    site = make_site("auto", engines=[engines[0].url], builds_per_engine=1)
    slow = PROJECT["upper.py"].replace("import argparse", "import argparse, time\ntime.sleep(10)")
    repository, commit = push_without_hook(site, "text/slow", {**PROJECT, "upper.py": slow})
    hook = start_hook(site, repository, commit)
    wait_until(lambda: bool(running(engines[0])))
    assert image_names(engines[0].url, "mlreef-candidate")
    kill_publish(site, hook)
    assert leftovers(engines[0].url)
    assert "upper.py starts in its image" in publish(site.author("text/next"), PROJECT)
    assert leftovers(engines[0].url) == set()


def test_where_no_engine_is_left_the_job_waits(
    make_site: MakeSite, engines: list[MortalEngine]
) -> None:
    site = make_site()
    for each in engines:
        each.kill()
    began = monotonic()
    said = unwrapped(publish(site.author("text/upper"), PROJECT))
    assert re.search("error: the container engine at unix:.* failed: Connection refused", said)
    assert "job 1 is kept" in said
    assert monotonic() - began < 4 * PING_SECONDS
    engines[1].start_again()
    assert "success: upper 1.0.0" in site.command("retry", "1").stdout


def test_an_engine_that_hangs_is_skipped_once(
    make_site: MakeSite, engines: list[MortalEngine]
) -> None:
    site = make_site()
    author = site.author("text/hangs")
    assert "success: hangs 1.0.0" in publish(author, PROJECT)
    builder, other = sorted(engines, key=lambda engine: not published_in(engine, site))
    with other.hanging():
        began = monotonic()
        assert "success: hangs 1.0.1" in publish(author, {"README.md": "x"}, "1.0.1")
        first = monotonic() - began
        assert "success: hangs 1.0.2" in publish(author, {"README.md": "y"}, "1.0.2")
        second = monotonic() - began - first
    assert second < first < 4 * PING_SECONDS
    with builder.hanging():
        assert "success: hangs 1.0.3" in publish(author, {"README.md": "z"}, "1.0.3")
    assert published_in(other, site) == {"hangs"}, "the note is no reason where no other answers"


@pytest.mark.parametrize("use", ["docker", "auto"])
def test_doctor_tells_of_every_engine(
    make_site: MakeSite, engines: list[MortalEngine], use: str
) -> None:
    site = make_site(use)
    urls = [each.url for each in engines]
    for url in urls:
        assert f"ok: {url}: Docker engine" in site.command("doctor", expect=None).stdout
    engines[0].kill()
    said = site.command("doctor", expect=None).stdout
    assert f"warning: {urls[0]}: the container engine at {urls[0]} failed" in said
    assert "take it out of [builder.docker] engines; the others do its work" in said
    assert f"ok: {urls[1]}: Docker engine" in said
    engines[1].kill()
    said = site.command("doctor", expect=None).stdout
    word = "error" if use == "docker" else "warning"
    assert [f"{word}: {url}: the container engine at {url} failed" in said for url in urls] == [
        True, True,
    ]  # fmt: skip


def test_a_module_runs_in_the_first_engine_that_answers(
    make_site: MakeSite, engines: list[MortalEngine], tmp_path: Path
) -> None:
    site = make_site(engines=[each.url for each in reversed(engines)])
    assert "success: " in publish(site.author("text/runs"), PROJECT)
    image = entry(site, "text/runs")["image"]["reference"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("so")
    folders = ("--input", tmp_path / "in", "--output", tmp_path / "out")
    for each in engines:
        docker(each.url, "image", "rm", image, expect=None)
        said = site.command("run", "text/runs", *folders).stderr  # small layers come at one go
        assert said == "" or "image: 100% of " in said
        assert (tmp_path / "out" / "a.txt").read_text() == "SO"
        assert f"{image.rpartition(':')[0]}@" in image_digests(each)
        each.kill()
    said = site.command("run", "text/runs", *folders, expect=1).stderr
    assert "failed: Connection refused" in said


def image_digests(engine: MortalEngine) -> str:
    """The names by digest of the images that an engine has."""
    return docker(engine.url, "images", "--digests", "--format", "{{.Repository}}@{{.Digest}}")


# ways to reach an engine


@pytest.fixture
def by_ssh(
    pair: list[MortalEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SshServer]:
    """A machine by ssh whose engine is the first one; `ssh` is set up to be let in there."""
    with ssh_server({"DOCKER_HOST": pair[0].url}) as server:
        program = tmp_path / "bin" / "ssh"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {server.ssh_command} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        yield server


def ssh_programs(server: SshServer) -> list[str]:
    """The process ids of programs `ssh` that are connected to a server."""
    listed = subprocess.run(
        ["pgrep", "-f", f"^{find_program('ssh')} .*-p {server.port}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return listed.stdout.split()


def test_another_machine_that_is_gone_without_a_word_is_noticed(pair: list[MortalEngine]) -> None:
    engine = Engine(pair[1].url)
    assert engine.version()
    port = int(pair[1].url.rpartition(":")[2])
    # proc_net_tcp(5): a connection from here to that port, with a timer for keeping it alive
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert "02" in [row[5][:2] for row in rows if row[2] == f"0100007F:{port:04X}"]
    engine.close()


def test_an_engine_is_reached_by_ssh(by_ssh: SshServer, pair: list[MortalEngine]) -> None:
    socket, said = pair[0].url.removeprefix("unix://"), list[bytes]()
    for path in ("", socket):
        engine = Engine(f"ssh://{by_ssh.user}@127.0.0.1:{by_ssh.port}{path}", timeout=20)
        said.clear()
        run = Run(image=BASE_IMAGE, command=("sh", "-c", "echo a; sleep 1; echo b; exit 3"))
        ended = engine.run(run, lambda _, chunk: said.append(chunk))
        assert (ended.status, b"".join(said)) == (3, b"a\nb\n")
        assert ssh_programs(by_ssh)
        late = Run(image=BASE_IMAGE, command=("sleep", "100"), seconds=1)
        assert engine.run(late, lambda *_: None).late
        engine.close()
        assert ssh_programs(by_ssh) == []
    assert leftovers(pair[0].url) == set()


def test_ssh_that_is_not_let_in_says_why_and_asks_nobody(by_ssh: SshServer, tmp_path: Path) -> None:
    (tmp_path / "bin" / "ssh").write_text('#!/bin/sh\nexec /usr/bin/ssh -F /dev/null "$@"\n')
    with pytest.raises(EngineGoneError, match="failed: Host key verification failed"):
        Engine(f"ssh://127.0.0.1:{by_ssh.port}")
    with pytest.raises(EngineGoneError, match=r"failed: ssh: connect to host .* refused"):
        Engine(f"ssh://127.0.0.1:{free_port()}")
    (tmp_path / "bin" / "ssh").write_text("#!/bin/sh\nexec sleep 100\n")
    began = monotonic()
    with pytest.raises(EngineGoneError, match="Read timed out"):
        Engine("ssh://127.0.0.1")
    assert monotonic() - began < 2 * PING_SECONDS


def test_a_killed_process_leaves_no_ssh_behind(by_ssh: SshServer, pair: list[MortalEngine]) -> None:
    script = """
import sys
from mlreef_hooks.engine import Engine, Run
run = Run(image=sys.argv[2], command=("sh", "-c", "echo a; sleep 20"))
Engine(sys.argv[1]).run(run, lambda *_: print("runs", flush=True))
"""
    url = f"ssh://{by_ssh.user}@127.0.0.1:{by_ssh.port}"
    process = subprocess.Popen(
        [sys.executable, "-c", script, url, BASE_IMAGE], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert ssh_programs(by_ssh)
    process.kill()
    process.communicate()
    (container,) = running(pair[0])
    docker(pair[0].url, "kill", container)
    wait_until(lambda: ssh_programs(by_ssh) == [])
    engine = Engine(url)
    engine.remove_lost()
    engine.close()
    assert leftovers(pair[0].url) == set()


def test_an_engine_is_reached_by_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = make_certificate(tmp_path, "authority")
    ours, stranger = (make_certificate(tmp_path, name, authority) for name in ("ours", "localhost"))
    other = make_certificate(tmp_path, "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.path))
    url = f"tcp://localhost:{free_port()}"
    options = [
        f"--host={url}", "--tlsverify", f"--tlscacert={authority.path}",
        f"--tlscert={stranger.path}", f"--tlskey={stranger.key}",
    ]  # fmt: skip
    with private_engine(tmp_path / "engine", options=options):
        files = EngineTls(ca=str(authority.path), cert=str(ours.path), key=str(ours.key))
        engine = Engine(url, tls=files)
        assert engine.version()
        engine.close()
        for wrong in (
            replace(files, cert="", key=""),
            replace(files, ca=str(other.path)),
            replace(files, cert=str(other.path), key=str(other.key)),
            replace(files, ca="/nowhere.pem"),
            None,
        ):
            with pytest.raises(PublishError) as caught:
                Engine(url, tls=wrong)
            assert caught.value.passing

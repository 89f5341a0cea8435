"""What the engine's client agrees on, what it reports, and that every run is bounded."""

import io
import os
import re
import signal
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.container import RESULT_BYTES, Ended, Lines, Run, read_single_file, write_tar
from mlreef_hooks.engine import Engine
from mlreef_hooks.engine_image import EngineImage
from mlreef_hooks.errors import PublishError
from mlreef_hooks.process import holder, is_lost
from tests.support.docker_cli import docker, inspect_image, leftovers
from tests.support.engine import import_base, private_engine
from tests.support.package_index import make_sdist, package_index
from tests.support.publishing import (
    jobs,
    project,
    push_without_hook,
    start_hook,
    unwrapped,
)
from tests.support.site import GitSite


@contextmanager
def engine_of_version(api: str | None) -> Iterator[tuple[str, list[str]]]:
    """The URL of what answers a ping as an engine with this API does, and the paths asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            if api is not None:
                self.send_header("Api-Version", api)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"Version": "99"}')

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_address[1]}", paths
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("api", "used"), [("1.41", "v1.41"), ("1.44", "v1.44"), ("1.24", "v1.24"), ("1.300", "v1.4")]
)
def test_the_newest_api_that_both_know_is_used(api: str, used: str) -> None:
    with engine_of_version(api) as (url, paths):
        engine = Engine(url)
        assert engine.version() == "99"
        engine.close()
    assert paths[0] == "/_ping"
    assert paths[1].startswith(f"/{used}")
    assert paths[1].endswith("/version")


def test_proxy_and_roots_of_the_environment_are_not_for_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    with engine_of_version("1.41") as (url, _):
        assert Engine(url).version() == "99"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("unix:///nowhere/docker.sock", "failed: No such file or directory"),
        ("tcp://127.0.0.1:1", "failed: Connection refused"),
        ("tcp://127.0.0.1:99999", "failed: Port out of range"),
        ("nonsense", "failed: Invalid bind address format"),
    ],
)
def test_an_engine_that_is_away_is_a_failure_that_passes(url: str, said: str) -> None:
    with pytest.raises(PublishError, match=said) as caught:
        Engine(url)
    assert caught.value.passing


def test_another_server_is_no_engine() -> None:
    with (
        engine_of_version(None) as (url, _),
        pytest.raises(PublishError, match="what answers is no container engine"),
    ):
        Engine(url)


@pytest.fixture
def client(engine: str) -> Iterator[Engine]:
    """A client of the engine whose runs may be silent for longer than the engine."""
    client = Engine(engine, timeout=3)
    yield client
    client.close()


def run_shell(client: Engine, image: str, script: str, **bounds: Any) -> tuple[Ended, str]:
    """How a shell script ended in a container, and its output."""
    said: list[tuple[str, bytes]] = []
    run = Run(image=image, entrypoint=("sh", "-c"), command=(script,), **bounds)
    ended = client.run(run, lambda stream, chunk: said.append((stream, chunk)))
    # A line may come in several pieces.
    pieces = ((name, [chunk for _, chunk in group]) for name, group in groupby(said, itemgetter(0)))
    return ended, "".join(f"{name}: {b''.join(chunks).decode()}" for name, chunks in pieces)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("script", "bounds", "ended", "output"),
    [
        ("sleep 3.5; exit 7", {}, (7, False, False), ""),
        ("echo out; sleep 0.2; echo err >&2", {}, (0, False, False), "stdout: out\nstderr: err\n"),
        ("sleep 100", {"seconds": 1}, (137, True, False), ""),
        ("a=$(tr '\\0' x < /dev/zero)", {"memory": "32m"}, (137, False, True), ""),
        ("touch /x /tmp/y", {}, (1, False, False), "stderr: touch: cannot touch '/x': Read-only"),
        ("id -u; id -g", {"user": "12:34"}, (0, False, False), "stdout: 12\n34\n"),
        ("ls /sys/class/net", {}, (0, False, False), "stdout: lo\n"),
        ("grep CapEff: /proc/1/status", {}, (0, False, False), "stdout: CapEff:\t" + "0" * 16),
        ("df -h /dev/shm | grep -o 1.0G | uniq", {}, (0, False, False), "stdout: 1.0G\n"),
    ],
)
def test_a_run_is_bounded(
    client: Engine,
    base_image: str,
    script: str,
    bounds: dict[str, Any],
    ended: tuple[int, bool, bool],
    output: str,
) -> None:
    status, late, out_of_memory = ended
    found, said = run_shell(client, base_image, script, **bounds)
    assert said.startswith(output)
    assert found == Ended(status=status, late=late, out_of_memory=out_of_memory)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("script", "out_of_disk"),
    [
        ("head -c 1000000 /dev/zero > /x; sleep 1", False),
        ("head -c 99999999 /dev/zero > /x; sleep 60", True),
        ("head -c 99999999 /dev/zero > /private/x; sleep 60", True),
        ("truncate -s 1T /private/x; sleep 60", True),
        ("while :; do mkdir -p /a$((n += 1)) && head -c 999999 /dev/zero > /a$n/x; done", True),
    ],
)
def test_what_a_run_writes_is_bounded(
    client: Engine, base_image: str, script: str, out_of_disk: bool
) -> None:
    bounds = {"disk": "32m", "private": "/private", "read_only": False, "seconds": 30}
    ended, _ = run_shell(client, base_image, script, **bounds)
    assert (ended.late, ended.out_of_disk, ended.well) == (False, out_of_disk, not out_of_disk)


@pytest.mark.engine
def test_a_program_that_is_not_there_is_status_127(client: Engine, base_image: str) -> None:
    said: list[bytes] = []
    ended = client.run(
        Run(image=base_image, command=("nonsense",)), lambda _, chunk: said.append(chunk)
    )
    assert ended.status == 127
    assert b'exec: "nonsense": executable file not found' in b"".join(said)


@pytest.mark.engine
def test_output_is_not_kept_by_the_engine(client: Engine, engine: str, base_image: str) -> None:
    logged: list[str] = []

    def look(_: str, chunk: bytes) -> None:
        container = chunk.decode().strip()
        logged.append(
            docker(engine, "inspect", "--format={{.HostConfig.LogConfig.Type}}", container)
        )

    ended = client.run(Run(image=base_image, command=("cat", "/etc/hostname")), look)
    assert (ended.status, logged) == (0, ["none\n"])


@pytest.mark.engine
def test_an_engine_that_hangs_or_dies_is_a_failure_that_passes(
    tmp_path: Path, engine: str, base_image: str
) -> None:
    with private_engine(tmp_path / "engine") as url, package_index() as index:
        image = import_base(url)
        dockerd = int((tmp_path / "engine" / "dockerd.pid").read_text())
        run_until_it_hangs(url, image, dockerd)

        index.add(make_sdist("slow", "1.0", "import time\ntime.sleep(1000)"))
        settings = {"pip": {"index_url": index.url}}
        site = GitSite(tmp_path / "site", url, image, settings)
        repository, commit = push_without_hook(site, "text/upper", project("slow==1.0\n"))
        process = start_hook(site, repository, commit)
        assert process.stdout is not None
        for line in process.stdout:
            if "Preparing metadata" in line:
                os.kill(dockerd, signal.SIGKILL)
                break
        said = unwrapped(process.communicate()[0])
        assert re.search("failed: Connection (refused|reset)", said)
        assert "job 1 is kept" in said
        assert jobs(site) == [(1, "queued")]

        index.add(make_sdist("slow", "1.0"))
        GitSite(tmp_path / "site", engine, base_image, settings)
        assert "success: upper 1.0.0" in site.command("retry", "1").stdout


def run_until_it_hangs(url: str, image: str, dockerd: int) -> None:
    """A run whose engine hangs ends in its time all the same."""
    client = Engine(url, timeout=3)
    run = Run(image=image, command=("sh", "-c", "echo started; sleep 100"), seconds=1)
    try:
        assert client.run(run, lambda *_: os.kill(dockerd, signal.SIGSTOP)).late
    finally:
        os.kill(dockerd, signal.SIGCONT)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo a==1 > /private/result", None),
        ("true", "the build left no proper /private/result"),
        ("ln -s /etc/shadow /private/result", "the build left no proper /private/result"),
        ("mkdir /private/result", "the build left no proper /private/result"),
        ("head -c 9000000 /dev/zero > /private/result", "the build left no proper"),
    ],
)
def test_only_a_proper_result_is_committed(
    client: Engine, engine: str, base_image: str, script: str, message: str | None
) -> None:
    run = Run(
        image=base_image,
        command=("sh", "-c", script),
        read_only=False,
        private="/private",
        private_files={"secret": b"s3cret"},
    )
    before = leftovers(engine)

    def commit() -> Ended:
        return client.run_and_commit(
            run, print, "/private/result", lambda said: {"said": said.decode()}, "mlreef-test:1"
        )

    if message is not None:
        with pytest.raises(PublishError, match=message):
            commit()
        assert client.image("mlreef-test:1") is None
    else:
        assert commit().well
        config = inspect_image(engine, "mlreef-test:1")["Config"]
        assert config["Labels"]["said"] == "a==1\n"
        assert not config["Entrypoint"]
        client.untag("mlreef-test:1")
    assert leftovers(engine) <= before


@pytest.mark.engine
def test_an_imported_root_is_latest_where_no_tag_is_named(client: Engine) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    for name in ("localhost:5000/some/base", "base-without-tag"):
        out.seek(0)
        client.import_root(out, name, environment=("PATH=/bin",))
        found = client.image(f"{name}:latest")
        assert found is not None
        assert (found.environment, found.digest) == (("PATH=/bin",), found.id)
        client.untag(name)


@pytest.mark.engine
def test_containers_of_dead_processes_are_removed_and_no_others(
    client: Engine, engine: str, base_image: str
) -> None:
    dead = "/".join([*holder().split("/")[:2], "4194305", "1"])  # no process id is that large
    elsewhere = "another-boot/4026531836/1/1"
    made = {
        label: docker(engine, "create", f"--label=io.mlreef.run={label}", base_image, "ls").strip()
        for label in (dead, elsewhere, holder())
    }
    client.remove_lost()
    there = docker(engine, "ps", "--all", "--quiet", "--no-trunc").split()
    assert {label for label, container in made.items() if container in there} == {
        elsewhere,
        holder(),
    }
    docker(engine, "rm", made[elsewhere], made[holder()])


# without an engine


def test_a_holder_is_lost_once_its_process_is_gone() -> None:
    assert not is_lost(holder())
    assert is_lost(holder() + "0")  # the same process id, started at another time
    assert not is_lost("1")  # what another release wrote


@pytest.mark.parametrize(
    ("repository", "digests", "digest"),
    [
        ("python", ["python@sha256:a"], "sha256:a"),
        ("docker.io/library/python", ["python@sha256:a"], "sha256:a"),
        ("own", ["registry.example/own@sha256:b"], "sha256:id"),
        (
            "registry.example/own",
            ["other/own@sha256:c", "registry.example/own@sha256:b"],
            "sha256:b",
        ),
        ("sha256", [], "sha256:id"),
    ],
)
def test_a_digest_is_that_of_the_image_s_own_registry(
    repository: str, digests: Sequence[str], digest: str
) -> None:
    facts: dict[str, Any] = {
        "Id": "sha256:id", "RepoDigests": digests, "Config": None, "RootFS": {"Layers": []},
        "Architecture": "amd64", "Size": 1,
    }  # fmt: skip
    assert EngineImage.read(repository, facts).digest == digest


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb", b"c\r\nd"], ["a", "bc", "d"]),
        ([b"\n \r\n"], []),
        ([b"progress 1\rprogress 2\r"], ["progress 1", "progress 2"]),
        ([b"\xff\xc3", b"\xa4\n"], ["\ufffd\u00e4"]),
        ([b"x" * 5000] * 3 + [b"\ny"], ["x" * 4096, "y"]),
    ],
)
def test_lines_are_cut_and_bounded(chunks: Sequence[bytes], lines: Sequence[str]) -> None:
    found: list[str] = []
    cut = Lines(found.append)
    for chunk in chunks:
        cut("stdout", chunk)
    cut.flush()
    assert found == list(lines)


def test_a_single_file_is_read_from_a_tar_and_nothing_else() -> None:
    assert read_single_file([write_tar({"a": b"text"})]) == b"text"
    assert read_single_file([b"no tar"]) is None
    assert read_single_file([]) is None
    assert read_single_file([write_tar({"a": bytes(RESULT_BYTES)})]) is None


# `mlreef-hooks base`


@pytest.mark.engine
def test_a_base_that_cannot_be_made_is_no_image(
    tmp_path: Path, client: Engine, engine: str, base_image: str
) -> None:
    site = GitSite(tmp_path / "site", engine, base_image)
    words = ("--image", "mlreef-test-base:1", "--mirror", "file:///nonexistent")
    done = site.command("base", *words, expect=1)
    assert "mmdebstrap could not make the base: " in done.stderr
    assert "E: The repository 'file:/nonexistent bookworm" in done.stderr
    assert client.image("mlreef-test-base:1") is None

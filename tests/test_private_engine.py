"""`examples/private-engine`: it answers, it can be killed, and it leaves nothing behind."""

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from mlreef_hooks.engine import Engine
from tests.support.engine import PRIVATE_ENGINE, private_engine
from tests.support.processes import command_lines, find_program

LONG = "a-folder-whose-name-is-too-long-for-a-socket" * 3


def private_engine_script(
    action: str, folder: Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """What the script said and how it ended."""
    return subprocess.run(
        [PRIVATE_ENGINE, action, folder],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def processes_of(word: str) -> list[str]:
    """The command lines of all processes that name `word`."""
    lines = (
        line.replace(b"\0", b" ").decode(errors="replace") for line in command_lines().values()
    )
    return [line for line in lines if word in line]


def start_sleeper(url: str, tar: Path) -> None:
    """Let a container that holds one program and its libraries run on in the engine at `url`."""
    libraries = re.findall(r"/\S+", subprocess.check_output(["ldd", "/bin/sleep"], text=True))
    files = ["/bin/sleep", *libraries]
    subprocess.run(["tar", "--create", "--dereference", f"--file={tar}", *files], check=True)
    docker = [find_program("docker"), "--host", url]
    subprocess.run([*docker, "import", tar, "sleeper"], check=True)
    run = ["run", "--detach", "--network=host", "sleeper", "/bin/sleep", "999"]
    subprocess.run([*docker, *run], check=True)


@pytest.mark.engine
def test_an_engine_that_was_killed_leaves_nothing_and_another_runs_on(tmp_path: Path) -> None:
    short, long = tmp_path / "short", tmp_path / LONG
    with private_engine(short) as other, private_engine(long) as url:
        sockets, others = (Path(each.removeprefix("unix://")).parent for each in (url, other))
        assert len(url) < len(str(long))
        start_sleeper(url, tmp_path / "sleeper.tar")
        start_sleeper(other, tmp_path / "sleeper.tar")
        os.kill(int((long / "dockerd.pid").read_text()), signal.SIGKILL)

        stopped = private_engine_script("stop", long)

        assert (stopped.returncode, stopped.stderr) == (0, "")
        assert not sockets.exists()
        assert list(long.iterdir()) == []
        assert processes_of(LONG) == []
        assert processes_of(str(sockets)) == []
        assert LONG not in Path("/proc/self/mountinfo").read_text()
        assert len(processes_of(f"-address {others}/containerd.sock")) == 1
        client = Engine(other)
        assert client.version()
        client.close()
    assert list(short.iterdir()) == []


@pytest.mark.engine
def test_a_second_start_gives_the_same_engine() -> None:
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        private_engine(Path(folder, "engine")) as url,
    ):
        assert url == f"unix://{folder}/engine/docker.sock"
        assert private_engine_script("start", Path(folder, "engine")).stdout == f"{url}\n"


@pytest.mark.engine
def test_an_engine_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dockerd").write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    (tmp_path / "bin" / "dockerd").chmod(0o755)
    folder = tmp_path / "engine"
    started = private_engine_script("start", folder, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert started.returncode == 1
    assert f"({folder}/log):" in started.stderr
    assert "no such luck" in started.stderr
    assert [path.name for path in folder.iterdir()] == ["log"]
    assert processes_of(str(folder)) == []


def test_stop_touches_nothing_that_start_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for folder in (tmp_path, tmp_path / "missing"):
        stopped = private_engine_script("stop", folder)
        assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("with space", "a mount cannot name such a folder"),
        ("with,comma", "a mount cannot name such a folder"),
        ("full", "data exists: choose another folder"),
        ("open", "can be changed by somebody else"),
    ],
)
def test_start_refuses_a_folder_that_cannot_do(tmp_path: Path, folder: str, message: str) -> None:
    (tmp_path / "full" / "data").mkdir(parents=True)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    started = private_engine_script("start", tmp_path / folder)
    assert (started.returncode, started.stdout) == (1, "")
    assert message in started.stderr


def test_only_root_can_start_one() -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-s"]
    started = subprocess.run(
        [*nobody, "start", "/tmp/engine"],
        input=PRIVATE_ENGINE.read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 1
    assert "run it as root" in started.stderr


def test_without_an_action_it_says_how_it_is_used() -> None:
    used = subprocess.run([PRIVATE_ENGINE], capture_output=True, text=True, check=False)
    assert used.returncode == 2
    assert used.stderr.startswith("usage: private-engine start DIR")

"""`mlreef-hooks run`: what is checked before a container starts, and what passes through."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.support.docker_cli import docker, leftovers
from tests.support.publishing import publish
from tests.support.site import GitSite

pytestmark = pytest.mark.engine

SCRIPT = """\
import argparse
import json
import os
import signal
import socket
import sys
import time

def show(args):
    print(json.dumps({**vars(args), "uid": os.getuid()}))

def streams(args):
    sys.stdout.buffer.write(b"out \\xff\\x00")
    sys.stdout.flush()
    sys.stderr.buffer.write(b"err \\xfe")

def wait(args):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("waiting", flush=True)
    time.sleep(1000)

ACTIONS = {
    "show": show,
    "streams": streams,
    "version": lambda args: print(open("/module/version.txt").read()),
    "wait": wait,
    "exit": lambda args: sys.exit(args.count),
    "write": lambda args: open(f"{args.output_path}/result.txt", "w").write("done"),
    "write-input": lambda args: open(f"{args.input_path}/new.txt", "w"),
    "write-root": lambda args: open("/module/new.txt", "w"),
    "connect": lambda args: socket.create_connection(("127.0.0.1", args.count)),
    "fill": lambda args: [bytearray(1 << 20) for _ in range(1000)],
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--action", required=True, choices=list(ACTIONS))
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--loud", action="store_true")
    parser.add_argument("--words", nargs="*")
    parser.add_argument("--extra")
    args = parser.parse_args()
    ACTIONS[args.action](args)
"""
TABLE = """\
[module]
kind = "data-operation"
inputs = ["TEXT"]
outputs = ["TEXT"]
[module.resources]
memory = "128m"
"""
FILES = {"act.py": SCRIPT, "requirements.txt": "", "mlreef.toml": TABLE}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, engine: str, base_image: str) -> GitSite:
    """A site with three versions of the module `demo/act`: final, yanked, release candidate."""
    site = GitSite(tmp_path_factory.mktemp("site"), engine, base_image)
    author = site.author("demo/act")
    for version in ("1.0.0", "1.1.0", "2.0.0rc1"):
        assert "success: " in publish(author, {**FILES, "version.txt": version}, version)
    author.push(":publish/1.1.0")
    return site


@pytest.fixture
def folders(tmp_path: Path) -> Sequence[str | Path]:
    """The options for an input with one file, and for an output that is not there yet."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("text")
    return ("--input", tmp_path / "in", "--output", tmp_path / "made" / "out")


def arguments(said: str) -> dict[str, object]:
    """What the module saw."""
    found: dict[str, object] = json.loads(said)
    return found


# before anything starts


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "action=show"], "hint: give --input DIR and --output DIR"),
        (["--input", ".", "--output", "/x"], "hint: give -p action=VALUE"),
        (["-p", "count=many"], "error: count: 'many' is not of type integer"),
        (["-p", "action=jump"], "error: action: 'jump' is not one of show, "),
        (["-p", "acton=show"], "error: acton: no such parameter, did you mean action?"),
        (["-p", "loud=maybe"], "error: loud: 'maybe' is not of type boolean"),
        (["-p", "count"], "error: count: write name=value"),
        (["-p", "count=1", "-p", "count=2"], "error: count: given twice"),
        (["-p", "rate=x", "-p", "counts=1"], "rate: 'x' is not of type float; counts: no such"),
    ],
)
def test_parameters_are_checked_first(site: GitSite, words: list[str], said: str) -> None:
    engine_away = site.config.read_text().replace("docker.sock", "nothing.sock")
    config = site.folder / "away.toml"
    config.write_text(engine_away)
    done = run_command(config, "demo/act", *words)
    assert done.returncode == 1
    assert said in done.stderr.decode()


def run_command(config: Path, *words: str | Path) -> "subprocess.CompletedProcess[bytes]":
    """What `mlreef-hooks run WORDS` did."""
    command = [sys.executable, "-m", "mlreef_hooks", "--config", config, "run", *words]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("demo/akt", "error: there is no module demo/akt\nhint: did you mean demo/act?"),
        (
            "demo/act@3",
            "error: act has no version 3\nhint: its versions are 2.0.0rc1, 1.1.0, 1.0.0",
        ),
        ("demo/act@latest", "error: act has no version latest"),
        ("nothing", "error: there is no module nothing"),
    ],
)
def test_an_unknown_module_or_version_has_a_hint(site: GitSite, module: str, said: str) -> None:
    done = site.command("run", module, expect=1)
    assert said in done.stderr


def test_folders_that_cannot_be_used_are_refused(site: GitSite, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    act = ("run", "demo/act", "-p", "action=show")
    missing = site.command(
        *act, "--input", tmp_path / "none", "--output", tmp_path / "out", expect=1
    )
    assert f"error: {tmp_path}/none does not exist" in missing.stderr
    assert not (tmp_path / "out").exists()
    same = site.command(*act, "--input", tmp_path, "--output", tmp_path, expect=1)
    assert "input and output are the same folder" in same.stderr
    file = site.command(*act, "--input", tmp_path, "--output", tmp_path / "file" / "out", expect=1)
    assert "cannot be made: Not a directory" in file.stderr


# what the module gets


def test_the_module_gets_its_arguments_as_they_are_meant(
    site: GitSite, folders: Sequence[str | Path]
) -> None:
    values = ["action=show", "count=-3", "loud=true", "words=a b", 'words=["$(c)", "d e"]']
    pairs = [word for value in values for word in ("-p", value)]
    done = site.command("run", "demo/act", *folders, *pairs)
    assert arguments(done.stdout) == {
        "action": "show",
        "count": -3,
        "extra": None,
        "input_path": "/input",
        "loud": True,
        "output_path": "/output",
        "rate": None,
        "uid": os.getuid(),
        "words": ["a b", "$(c)", "d e"],
    }


def test_raw_arguments_are_added_as_they_are(site: GitSite, folders: Sequence[str | Path]) -> None:
    raw = ["--", "--action", "show", "--extra", "-p", "--loud"]
    done = site.command("run", "demo/act", *folders, "-p", "count=2", *raw, expect=2)
    assert "expected one argument" in done.stderr  # argparse, on behalf of the module
    raw = ["--", "--action", "show", "--extra=-p", "--input-path", "/elsewhere"]
    seen = arguments(site.command("run", "demo/act", *folders, "-p", "count=2", *raw).stdout)
    assert (seen["count"], seen["extra"]) == (2, "-p")
    assert (seen["input_path"], seen["output_path"]) == ("/elsewhere", "/output")


def test_a_short_name_and_a_file_as_input_will_do(site: GitSite, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    folders = ("--input", tmp_path / "a.txt", "--output", tmp_path / "out")
    seen = arguments(site.command("run", "act", *folders, "-p", "action=show").stdout)
    assert seen["input_path"] == "/input"


# what the module may do


def test_what_it_writes_belongs_to_the_caller(
    site: GitSite, engine: str, folders: Sequence[str | Path], tmp_path: Path
) -> None:
    before = leftovers(engine)
    site.command("run", "demo/act", *folders, "-p", "action=write")
    result = tmp_path / "made" / "out" / "result.txt"
    assert (result.read_text(), result.stat().st_uid) == ("done", os.getuid())
    assert leftovers(engine) <= before


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("write-input", "Read-only file system: '/input/new.txt'"),
        ("write-root", "Read-only file system: '/module/new.txt'"),
        ("fill", "error: the module needed more than 128m of memory"),
    ],
)
def test_it_is_bounded(
    site: GitSite, folders: Sequence[str | Path], action: str, said: str
) -> None:
    done = site.command("run", "demo/act", *folders, "-p", f"action={action}", expect=1)
    assert said in done.stderr


def test_it_has_no_network(site: GitSite, folders: Sequence[str | Path], registry: str) -> None:
    port = registry.rpartition(":")[2]  # of a server that would answer
    pairs = ["-p", "action=connect", "-p", f"count={port}"]
    done = site.command("run", "demo/act", *folders, *pairs, expect=1)
    assert "ConnectionRefusedError" in done.stderr


# what comes back


def test_output_passes_through_byte_by_byte(site: GitSite, folders: Sequence[str | Path]) -> None:
    done = run_command(site.config, "demo/act", *folders, "-p", "action=streams")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"out \xff\x00", b"err \xfe")


def test_its_exit_status_is_ours(site: GitSite, folders: Sequence[str | Path]) -> None:
    pairs = ["-p", "action=exit", "-p", "count=7"]
    assert site.command("run", "demo/act", *folders, *pairs, expect=7).stderr == ""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_container_too(
    site: GitSite, engine: str, folders: Sequence[str | Path], number: int, status: int
) -> None:
    before = leftovers(engine)
    run: list[str | Path] = ["-m", "mlreef_hooks", "--config", site.config, "run", "demo/act"]
    command: list[str | Path] = [sys.executable, *run, *folders, "-p", "action=wait"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell that runs the tests in the background lets them, and all they start, ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"waiting\n"
    assert leftovers(engine) > before
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, b"Traceback" in stderr) == (status, False)
    assert leftovers(engine) <= before


# which version


@pytest.mark.parametrize(
    ("wanted", "version", "warning"),
    [
        ("", "1.0.0", ""),
        ("@1.0", "1.0.0", ""),
        ("@2.0.0rc1", "2.0.0rc1", ""),
        (
            "@1.1.0",
            "1.1.0",
            "warning: demo/act@1.1.0 is yanked: the publish tag was deleted\n",
        ),
    ],
)
def test_the_version_that_runs(
    site: GitSite,
    folders: Sequence[str | Path],
    wanted: str,
    version: str,
    warning: str,
) -> None:
    done = site.command("run", f"demo/act{wanted}", *folders, "-p", "action=version")
    assert (done.stdout, done.stderr) == (f"{version}\n", warning)


def test_an_image_that_is_gone_is_said(site: GitSite, tmp_path: Path, engine: str) -> None:
    publish(site.author("demo/gone"), FILES)
    docker(engine, "image", "rm", "mlreef/demo/gone:1.0.0")
    done = site.command(
        "run", "demo/gone", "--input", tmp_path, "--output", tmp_path / "out",
        "-p", "action=show", expect=1,
    )  # fmt: skip
    assert "does not have mlreef/demo/gone:1.0.0" in done.stderr
    assert "publish into a registry" in done.stderr

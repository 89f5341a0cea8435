"""`mlreef-hooks run`: what is checked before a container starts, and what passes through."""

import hashlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks import Index, PublishError
from mlreef_hooks.file_hashes import hash_input
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


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_container_too(
    site: GitSite,
    engine: str,
    folders: Sequence[str | Path],
    tmp_path: Path,
    number: int,
    status: int,
) -> None:
    before, record = leftovers(engine), tmp_path / "run.json"
    run: list[str | Path] = ["-m", "mlreef_hooks", "--config", site.config, "run", "demo/act"]
    command: list[str | Path] = [
        sys.executable, *run, *folders, "-p", "action=wait", "--record", record
    ]  # fmt: skip
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
    assert read_record(record)["state"] == "running"
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, b"Traceback" in stderr) == (status, False)
    assert leftovers(engine) <= before
    ended = read_record(record)
    assert (ended["state"], ended["status"], ended["output"]) == ("interrupted", None, None)
    assert ended["ended_at"] > ended["started_at"]


# what is remembered of it


def read_record(path: Path) -> dict[str, Any]:
    """The record of a run, as a reader of JSON sees it."""
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_a_run_is_recorded(
    site: GitSite, folders: Sequence[str | Path], tmp_path: Path, records_of_runs: Path
) -> None:
    output = tmp_path / "made" / "out"
    output.mkdir(parents=True)
    (output / "older.txt").write_text("of another run")
    (tmp_path / "values.toml").write_text('action = "show"\ncount = 4\n')
    words = ("--parameters", tmp_path / "values.toml", "-p", "action=write")
    before = {*records_of_runs.iterdir()}
    site.command("run", "demo/act@1.0.0", *folders, *words, "--record", tmp_path / "run.json")
    (stored,) = {*records_of_runs.iterdir()} - before
    record = read_record(tmp_path / "run.json")
    assert record == read_record(stored)
    version = (site.document("demo/act") or {})["versions"][-1]
    assert (record["module"], record["version"]) == ("demo/act", "1.0.0")
    assert (record["digest"], record["commit"]) == (version["image"]["digest"], version["commit"])
    assert record["parameters"] == {"action": "write", "count": 4, "loud": False}
    assert record["input"]["sha256"] == hash_input(tmp_path / "in").sha256
    (written,) = record["output"]["entries"]
    content = (output / "result.txt").read_bytes()
    assert written == {
        "path": "result.txt", "bytes": 4, "sha256": hashlib.sha256(content).hexdigest()
    }  # fmt: skip
    assert (record["state"], record["status"], record["error"]) == ("done", 0, None)
    assert record["who"].startswith(f"{pwd.getpwuid(os.getuid()).pw_name}@")
    assert 0 < record["seconds"] < 60


@pytest.mark.parametrize(
    ("action", "count", "state", "status", "error"),
    [
        ("exit", 7, "done", 7, None),
        ("fill", 0, "failed", None, "the module needed more than 128m of memory"),
    ],
)
def test_the_exit_status_of_a_run_that_fails_is_ours_and_recorded(
    site: GitSite,
    folders: Sequence[str | Path],
    tmp_path: Path,
    action: str,
    count: int,
    state: str,
    status: int | None,
    error: str | None,
) -> None:
    words = ("-p", f"action={action}", "-p", f"count={count}", "--record", tmp_path / "run.json")
    done = site.command("run", "demo/act", *folders, *words, expect=status or 1)
    assert done.stderr.partition("\n")[0] == (f"error: {error}" if error else "")
    record = read_record(tmp_path / "run.json")
    assert (record["state"], record["status"], record["error"]) == (state, status, error)


def test_a_record_that_cannot_be_kept_is_told_before_anything_starts(
    site: GitSite, folders: Sequence[str | Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    words = ("-p", "action=write", "--runs", tmp_path / "file" / "runs")
    done = site.command("run", "demo/act", *folders, *words, expect=1)
    assert "cannot be written to" in done.stderr
    assert "name another folder with --runs" in done.stderr
    assert not (tmp_path / "made").exists()


def test_a_gpu_that_no_engine_has_is_said(
    site: GitSite, folders: Sequence[str | Path], tmp_path: Path
) -> None:
    index = tmp_path / "index"
    shutil.copytree(site.index, index)
    (document,) = index.rglob("modules/demo/act.json")
    document.write_text(document.read_text().replace('"gpu": false', '"gpu": true'))
    words = ("--index", index, "-p", "action=show")
    done = site.command("run", "demo/act", *folders, *words, expect=1)
    assert "error: the module needs a GPU, and the engine at unix://" in done.stderr
    assert "NVIDIA Container Toolkit" in done.stderr


def test_an_image_whose_name_is_none_is_asked_of_no_engine(
    site: GitSite, folders: Sequence[str | Path], tmp_path: Path
) -> None:
    index = tmp_path / "index"
    shutil.copytree(site.index, index)
    (document,) = index.rglob("modules/demo/act.json")
    text = document.read_text().replace("mlreef/demo/act:1.0.0", "../../containers/x\\u001b[31m:1")
    document.write_text(text)
    done = site.command(
        "run", "demo/act@1.0.0", "--index", index, *folders, "-p", "action=show", expect=1
    )
    assert "is not the name of an image" in done.stderr
    assert "\x1b" not in done.stderr


# from Python


def test_a_module_is_run_from_python(
    site: GitSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    index = Index(site.index, config=site.config, runs=tmp_path / "runs")
    module = index.module("demo/act")
    assert (module.name, module.version) == ("demo/act", "1.0.0")
    assert module.versions == ["2.0.0rc1", "1.1.0", "1.0.0"]
    assert module.parameters["count"].type == "integer"
    assert [each.name for each in index.search("act", kind="operation", inputs=["text"])] == ["act"]
    assert index.search("act", gpu=True) == []
    with pytest.raises(PublishError, match="'TXT' is no data type"):
        index.search(inputs=["TXT"])
    record = module.run(
        input={"left": tmp_path / "in", "right": site.config}, output=tmp_path / "out",
        action="show", count=3, parameters={"words": ("a", tmp_path)},
    )  # fmt: skip
    seen = arguments(capsys.readouterr().out)
    assert (seen["count"], seen["words"]) == (3, ["a", str(tmp_path)])
    assert record.succeeded
    assert index.runs("act") == [record]
    with pytest.raises(PublishError, match=r"<module demo/act@1\.0\.0> ended with status 5"):
        module.run(input=tmp_path / "in", output=tmp_path / "out", action="exit", count=5)
    assert len(index.runs("act")) == 2
    with pytest.raises(PublishError, match="acton: no such parameter, did you mean action"):
        module.run(input=tmp_path / "in", acton="show")
    with pytest.raises(PublishError, match="there is no module demo/akt"):
        index.module("demo/akt")


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

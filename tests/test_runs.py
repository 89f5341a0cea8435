"""`mlreef-hooks runs`: the records of an account, listed, compared and drawn."""

import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlreef_hooks.cli.configuration import user_runs
from mlreef_hooks.cli.runs import runs as command
from mlreef_hooks.errors import PublishError
from mlreef_hooks.process import holder
from mlreef_hooks.run_plot import points_of
from mlreef_hooks.run_record import RunRecord
from mlreef_hooks.run_store import RunStore, check_record_place
from tests.test_run_record import RECORD

HOSTILE = "a/</text><script>alert(1)</script>$x^{-->\x1b[31m"


def made(number: int, **more: object) -> RunRecord:
    """The record of a run, one a day; its accuracy rises with its trees."""
    trees = 10 * number
    facts = {
        "id": f"2026112{number}T120000Z-0000000{number}",
        "started_at": f"2026-11-2{number}T12:00:00Z",
        "parameters": {"trees": trees, "mode": "fast"},
        "metrics": {"accuracy": 0.9 + number / 100},
        "seconds": 1.5,
    }
    return replace(RECORD, **{**facts, **more})  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """A folder with the records of three runs."""
    store = RunStore(tmp_path / "runs")
    for number in (3, 1, 2):
        store.write(made(number))
    return store


def asked(store: RunStore, *words: str | Path) -> Result:
    """What `mlreef-hooks runs WORDS` did."""
    return CliRunner().invoke(command, ["--runs", str(store.folder), *map(str, words)])


def numbers(store: RunStore, *words: str | Path) -> list[str]:
    """The last digits of the ids of the runs that are listed."""
    said = asked(store, "--format", "json", *words)
    return [each["id"][-1] for each in json.loads(said.stdout)]


def test_runs_are_listed_the_oldest_first(store: RunStore) -> None:
    said = asked(store).stdout.splitlines()
    assert said[0].split() == ["run", "module", "state", "seconds", "metrics"]
    assert said[1] == (
        "20261121T120000Z-00000001  wine/classifier@1.2.0  done   1.500    accuracy=0.91"
    )
    assert numbers(store) == ["1", "2", "3"]
    assert asked(RunStore(store.folder / "none")).stdout == "no runs\n"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--since", "2026-11-22"], ["2", "3"]),
        (["-p", "trees=20"], ["2"]),
        (["--metric", "accuracy>0.91", "--metric", "accuracy<0.93"], ["2"]),
        (["--module", "other/module"], []),
        (["--module", "classifier@1.2.0"], ["1", "2", "3"]),
        (["00000003", "20261121"], ["1", "3"]),
    ],
)
def test_runs_are_filtered(store: RunStore, words: Sequence[str], found: list[str]) -> None:
    assert sorted(numbers(store, *words)) == found


def test_runs_are_compared_by_what_differs(store: RunStore) -> None:
    said = [line.split() for line in asked(store, "--compare").stdout.splitlines()]
    assert said[0] == ["run", "module", "state", "trees", "accuracy"]
    assert [line[-2:] for line in said[1:]] == [["10", "0.91"], ["20", "0.92"], ["30", "0.93"]]
    assert len(asked(store, "00000001", "00000002").stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["2026"], "several runs are 2026"),
        (["nothing"], "there is no run nothing"),
        (["-p", "trees"], "trees: no value"),
        (["--plot", "a.svg"], "--plot draws no metric"),
        (["--plot", "a.pdf", "--metric", "accuracy"], "a.pdf is no picture"),
        (["--plot", "/nowhere/a.svg", "--metric", "accuracy"], "there is no folder"),
        (["--plot", "a.svg", "--metric", "recall"], "no run has recall"),
        (["--plot", "a.svg", "--metric", "accuracy", "--over", "x"], "no run has accuracy and x"),
    ],
)
def test_what_cannot_be_shown_is_said(store: RunStore, words: Sequence[str], said: str) -> None:
    error = asked(store, *words).exception
    assert isinstance(error, PublishError)
    assert said in error.message


# pictures


@pytest.mark.parametrize(("ending", "begin"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_metric_is_drawn(store: RunStore, tmp_path: Path, ending: str, begin: bytes) -> None:
    name, metric = tmp_path / f"a.{ending}", HOSTILE.replace("<", "").replace(">", "")
    store.write(made(4, module=HOSTILE, metrics={"accuracy": 1, metric: 2}))
    done = asked(store, "--metric", metric, "--plot", name)
    assert done.exit_code == 0, done.exception
    done = asked(store, "--metric", "accuracy", "--plot", name, "--over", "trees")
    assert done.exit_code == 0, done.exception
    assert "\x1b" not in done.stdout
    assert name.read_bytes().startswith(begin)
    if ending == "svg":
        tags = {element.tag.rpartition("}")[2] for element in ET.parse(name).iter()}
        assert "script" not in tags
        assert "path" in tags


def test_what_is_no_number_in_one_run_is_text_in_all() -> None:
    records = [made(1), made(2), made(3, parameters={"trees": "many"}), made(4, parameters={})]
    assert [point.x for point in points_of(records[:2], "accuracy", "trees")] == [10, 20]
    assert [point.x for point in points_of(records, "accuracy", "trees")] == ["10", "20", "many"]
    endless = [*records[:2], made(3, parameters={"trees": 10**400})]  # no float is so large
    assert points_of(endless, "accuracy", "trees")[1].x == str(10**400)
    assert points_of(records[:1], "accuracy", None)[0].x == datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_without_matplotlib_it_is_said_how_to_get_it(store: RunStore, tmp_path: Path) -> None:
    script = "import sys; sys.modules['matplotlib'] = None\n"
    script += "from mlreef_hooks.cli import main\nmain.main()"
    words = ["--runs", str(store.folder), "--metric", "accuracy", "--plot", str(tmp_path / "a.svg")]
    done = subprocess.run(
        [sys.executable, "-c", script, "runs", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"error: a plot needs matplotlib\nhint: {sys.prefix}/bin/python -m pip install matplotlib\n"
    )


# the folder


def test_many_write_at_once(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "deep" / "runs")
    now = datetime.now(UTC)
    records = [made(1, id=store.new_id(now)) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.write, records))
    assert {each.id for each in store.read(pytest.fail)} == {each.id for each in records}
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in store.folder.iterdir())


def test_a_run_whose_process_is_gone_was_interrupted(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    place = holder().rpartition("/")[0].rpartition("/")[0]
    going = {"state": "running", "status": None}
    store.write(made(1, holder=holder(), **going))
    store.write(made(2, holder=f"{place}/{2**22 + 1}/1", **going))
    assert [each.state for each in store.read(pytest.fail)] == ["running", "interrupted"]


@pytest.mark.parametrize("content", ["", "[1]", '{"v": 1}', '{"v": 9}', "[" * 100_000])
def test_a_broken_record_hides_no_other(store: RunStore, content: str) -> None:
    (store.folder / "x\x1b.json").write_text(content)
    done = asked(store)
    assert len(done.stdout.splitlines()) == 4
    assert "x.json is no record of a run" in done.stderr


def test_records_with_an_impossible_begin_are_left_out_of_a_picture(
    store: RunStore, tmp_path: Path
) -> None:
    begins = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
    begins += ["9990-01-01T00:00:00Z", "2026-13-45T25:61:61Z", "2026-11-28"]
    for number, begin in enumerate(begins):
        document = made(4).to_json() | {"started_at": begin}
        (store.folder / f"x{number}.json").write_text(json.dumps(document))
    done = asked(store, "--metric", "accuracy", "--plot", tmp_path / "a.svg")
    assert done.exit_code == 0, done.exception
    for number, said in enumerate(done.stderr.splitlines()):
        assert f"x{number}.json is no record of a run" in said
    assert len(done.stderr.splitlines()) == len(begins)
    assert len(done.stdout.splitlines()) == 4


def test_values_beyond_every_axis_are_left_out_of_a_picture(
    store: RunStore, tmp_path: Path
) -> None:
    for number, value in enumerate((1.7e308, -1.7e308, math.inf, math.nan)):
        far = {"metrics": {"accuracy": value}, "parameters": {"trees": -value}}
        document = made(4).to_json() | far
        (store.folder / f"x{number}.json").write_text(json.dumps(document))
    for words in ((), ("--over", "trees")):
        done = asked(store, "--metric", "accuracy", "--plot", tmp_path / "a.svg", *words)
        assert done.exit_code == 0, done.exception


def test_an_account_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a number that a container is started with."""
    for name in ("HOME", "XDG_STATE_HOME", "MLREEF_HOOKS_RUNS"):
        monkeypatch.delenv(name, raising=False)
    child = os.fork()
    if child == 0:
        os.setuid(2**22 + 1)
        try:
            user_runs()
        except PublishError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_record_stands_where_no_module_writes(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "way").symlink_to("out")
    (tmp_path / "mine.txt").write_text("mine")
    refused = {
        tmp_path / "out" / "run.json": "is in the output folder",
        tmp_path / "way" / "run.json": "is in the output folder",
        tmp_path / "mine.txt": "is there and is no record",
        tmp_path / "none" / "run.json": "there is no folder",
    }
    for path, said in refused.items():
        with pytest.raises(PublishError, match=said):
            check_record_place(path, tmp_path / "out")
    check_record_place(tmp_path / "run.json", tmp_path / "out")
    for folder in (tmp_path, tmp_path / "out"):
        with pytest.raises(PublishError, match="would be in the output folder"):
            RunStore(tmp_path / "way" / "runs").check_apart(folder)
    RunStore(tmp_path / "runs").check_apart(tmp_path / "out")
    check_record_place(store.path_of(made(1)), None)

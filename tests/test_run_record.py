"""What a run is remembered by: hashes of files, values, metrics, and which runs are wanted."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.file_hashes import hash_input, hash_output, marks_of, read_new_file
from mlreef_hooks.image_progress import PullProgress, counted_chunks
from mlreef_hooks.manifest import Parameter
from mlreef_hooks.parameters_schema import parameters_schema
from mlreef_hooks.run_filters import (
    MetricBound,
    RunFilter,
    differing_parameters,
    parse_since,
)
from mlreef_hooks.run_metrics import find_metric, missing_metrics, read_metrics
from mlreef_hooks.run_record import RunRecord, TreeHash
from mlreef_hooks.run_values import parse_parameters, read_values, recorded_values

RECORD = RunRecord(
    id="20261128T120000Z-abcd1234",
    module="wine/classifier",
    version="1.2.0",
    kind="model",
    commit="c" * 40,
    digest="sha256:" + "d" * 64,
    parameters={"trees": 20, "mode": "fast", "input-size": 3},
    arguments=("--trees", "20"),
    input=TreeHash(path="/in", sha256="0" * 64, files=1, bytes=2),
    started_at="2026-11-28T12:00:00.000000Z",
    platform="linux/amd64",
    who="ada@host",
    state="done",
    status=0,
    metrics={"accuracy": 0.93, "F1_SCORE": 0.9},
)

# hashes of files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, a link that leads out, and a pipe that nobody writes to."""
    place = tmp_path / "data"
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "a.txt").write_text("a")
    (place / "b.txt").write_text("bb")
    (place / "out").symlink_to("/etc/shadow")
    os.mkfifo(place / "pipe")
    return place


def test_a_hash_is_what_the_docs_say(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x y").write_text("hi\n")
    (tmp_path / "a").write_text("")
    script = r"""
    find . -type f -printf '%P\0' | LC_ALL=C sort -z | while IFS= read -r -d '' path; do
        printf 'f %s %s %s\0' "$(sha256sum <"$path" | cut -d' ' -f1)" "$(stat -c%s "$path")" "$path"
    done | sha256sum | cut -d' ' -f1"""
    said = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = hash_input(tmp_path)
    assert (found.sha256, found.files, found.bytes) == (said.stdout.strip(), 2, 3)


def test_the_same_files_have_the_same_hash_wherever_they_are(folder: Path, tmp_path: Path) -> None:
    whole = hash_input(folder)
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-R", folder, copy], check=True)
    (copy / "empty").mkdir()
    assert hash_input(copy).sha256 == whole.sha256
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert hash_input(link).sha256 == whole.sha256
    held = tmp_path / "held"
    held.mkdir()
    copy.rename(held / "left")
    assert hash_input({"left": folder}).sha256 == hash_input(held).sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda place: (place / "b.txt").write_text("bc"),
        lambda place: (place / "b.txt").rename(place / "c.txt"),
        lambda place: (place / "out").unlink(),
        lambda place: (place / "new").write_text(""),
    ],
)
def test_other_files_have_another_hash(folder: Path, change: Any) -> None:
    before = hash_input(folder).sha256
    change(folder)
    assert hash_input(folder).sha256 != before


def test_an_output_is_what_was_written_since(folder: Path) -> None:
    before = marks_of(folder)
    assert hash_output(folder, before, entries=9).files == 0
    (folder / "b.txt").write_text("cc")
    (folder / b"\xff\x1b".decode(errors="surrogateescape")).write_text("new")
    found = hash_output(folder, before, entries=9)
    assert [each.path for each in found.entries] == ["b.txt", "\\xff\x1b"]
    assert hash_output(folder, before, entries=1).entries == found.entries[:1]
    json.dumps(found.entries[1].path).encode()


def test_only_a_new_and_plain_file_is_read(folder: Path) -> None:
    assert read_new_file(folder / "b.txt", {}, 2) == b"bb"
    for name, most in {"b.txt": 1, "out": 9, "pipe": 9, "deep": 9, "none": 9}.items():
        assert read_new_file(folder / name, {}, most) is None, name
    assert read_new_file(folder / "b.txt", marks_of(folder), 9) is None


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with (tmp_path / "hollow").open("wb") as file:
        file.truncate(2 << 40)  # and no byte of it is on the disk
    with pytest.raises(PublishError, match="hollow cannot be read: it claims a size"):
        hash_output(tmp_path, {}, entries=1)
    with pytest.raises(PublishError, match="gone cannot be read: No such file"):
        hash_input(tmp_path / "gone")


# records


def test_a_record_is_read_as_it_was_written() -> None:
    output = TreeHash.of("/out", [], entries=3)
    record = replace(RECORD, output=output, metrics_missing=("RECALL",))
    document = json.loads(json.dumps(record.to_json()))
    assert RunRecord.from_json({**document, "later": 1}) == record


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"module": None},
        {"metrics": {"accuracy": "high"}},
        {"metrics": [1]},
        {"metrics": {"accuracy": 10**400}},
        {"started_at": "yesterday"},
        {"started_at": "2026-11-28T12:00:00"},
        {"parameters": "none"},
        {"input": {"path": "/"}},
        {"output": 3},
    ],
)
def test_what_is_no_record_is_refused(change: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        RunRecord.from_json({**RECORD.to_json(), **change})
    with pytest.raises(ValueError, match="no record"):
        RunRecord.from_json([])


# values


def optional(name: str, kind: str, **more: Any) -> Parameter:
    """A parameter that need not be given."""
    return Parameter(name=name, type=kind, required=False, default=None, description="", **more)


PARAMETERS = [
    optional("count", "integer"),
    optional("rate", "float"),
    optional("text", "string"),
    optional("loud", "boolean", option="--loud", nargs=0),
    optional("mode", "string", choices=("a", "b")),
    optional("sizes", "list", nargs="*"),
    optional("pair", "list", nargs=2),
    optional("table", "dictionary"),
    optional("any", "object"),
]
DOCUMENTS = [parameter.to_json() for parameter in PARAMETERS]


@pytest.mark.parametrize("name", [parameter.name for parameter in PARAMETERS])
@pytest.mark.parametrize(
    "value", [0, -3, 1.5, True, "", "5", "a", [], [1, 2], ["a", "b"], {}, {"a": [1]}]
)
def test_values_are_checked_as_the_schema_says(name: str, value: Any) -> None:
    valid = jsonschema.Draft202012Validator(parameters_schema(PARAMETERS)).is_valid({name: value})
    try:
        read = read_values(DOCUMENTS, {}, given={name: value})
    except PublishError:
        assert not valid
    else:
        assert valid
        assert read == {name: value}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1}, object(), 1j, None])
def test_what_json_cannot_say_is_no_value(value: Any) -> None:
    with pytest.raises(PublishError, match="is not of type"):
        read_values(DOCUMENTS, {}, given={"any": value})


def test_all_mistakes_are_said_at_once() -> None:
    needed = Parameter(name="needed", type="string", required=True, default=None, description="")
    documents = [*DOCUMENTS, needed.to_json()]
    with pytest.raises(PublishError) as caught:
        read_values(documents, {}, pairs=["rate=x", "mode=c"], given={"cuont": 1, "loud": "yes"})
    assert caught.value.message == (
        "cuont: no such parameter, did you mean count?; loud: 'yes' is not of type boolean,"
        " write true; rate: 'x' is not of type float; mode: 'c' is not one of a, b;"
        " parameters are missing"
    )
    assert caught.value.hint == "give -p needed=VALUE"


def test_what_is_written_counts_before_the_file() -> None:
    given = parse_parameters(b"count = 1\nsizes = [1, 2]\n", "p.toml")
    assert given == parse_parameters(b'{"count": 1, "sizes": [1, 2]}', "p.json")
    read = read_values(DOCUMENTS, {}, pairs=["count=2"], given=given)
    assert read == {"count": 2, "sizes": [1, 2]}
    for content, name in ((b"[1]", "p.json"), (b"x", "p.toml"), (b"\xff", "p.toml")):
        with pytest.raises(PublishError, match=r"p\.(json|toml)"):
            parse_parameters(content, name)


def test_a_run_is_remembered_with_every_default_and_without_paths() -> None:
    documents: list[dict[str, Any]] = [
        {"name": "input_path", "default": None},
        {"name": "seed", "default": 7},
        {"name": "trees", "default": 200},
        {"name": "note", "default": None},
    ]
    values = {"input_path": "/input", "trees": 5}
    assert recorded_values(documents, values, {"input-path": "/input"}) == {"seed": 7, "trees": 5}


# metrics


@pytest.mark.parametrize(
    ("content", "metrics"),
    [
        (b'{"accuracy": 0.5, "n": 3, "ok": true, "names": ["a"], "note": "x", "none": null}',
         {"accuracy": 0.5, "n": 3}),
        (b'{"train": {"loss": 0.1}, "test": {"loss": 0.2}}',
         {"train/loss": 0.1, "test/loss": 0.2}),
        (b'{"a": NaN, "b": Infinity, "c": 1e999, "d": 1}', {"d": 1}),
        (b'{"big": 1' + b"0" * 400 + b"}", {}),
        (b'{"big": 1' + b"0" * 5000 + b"}", {}),
        (b'{"\\u001b[31mred\\u202e": 1, "": 2, "' + b"x" * 101 + b'": 3}', {"[31mred": 1}),
        (b'{"a": ' * 9 + b"1" + b"}" * 9, {}),
        (b"[" * 100_000, {}),
        (b"[1]", {}),
        (b"\xff", {}),
        (None, {}),
    ],
)  # fmt: skip
def test_metrics_are_the_finite_numbers(content: bytes | None, metrics: dict[str, float]) -> None:
    assert read_metrics(content) == metrics


def test_metrics_are_bounded() -> None:
    assert len(read_metrics(json.dumps({f"m{n}": n for n in range(5000)}).encode())) == 200


def test_what_annotations_name_is_looked_for_in_any_case() -> None:
    declared = [{"name": "RECALL"}, {"name": "F1_SCORE"}, {"name": "UNDEFINED"}, {"name": "RECALL"}]
    assert missing_metrics(declared, {"recall": 1, "f1-score": 1}) == ()
    assert missing_metrics(declared, {"val/recall": 1}) == ("RECALL", "F1_SCORE")
    assert find_metric({"Recall": 0.5, "recall": 0.6}, "recall") == 0.6
    assert find_metric({"Macro F1": 0.5}, "macro_f1") == 0.5


# which runs


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        ({}, True),
        ({"module": "wine/classifier"}, True),
        ({"module": "classifier@1.2.0"}, True),
        ({"module": "classifier@1.2"}, False),
        ({"module": "wine"}, False),
        ({"values": (("trees", "20"), ("mode", "fast"))}, True),
        ({"values": (("input_size", "3"),)}, True),
        ({"values": (("trees", "2"),)}, False),
        ({"values": (("none", ""),)}, False),
        ({"since": datetime(2026, 11, 28, 12, tzinfo=UTC)}, True),
        ({"since": datetime(2026, 11, 28, 13, tzinfo=UTC)}, False),
    ],
)
def test_runs_are_filtered(wanted: dict[str, Any], is_wanted: bool) -> None:
    assert RunFilter(**wanted)(RECORD) == is_wanted


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        ("accuracy", True),
        ("recall", False),
        ("accuracy>0.9", True),
        ("accuracy > 0.93", False),
        ("accuracy>=0.93", True),
        ("ACCURACY=0.93", True),
        ("accuracy!=0.93", False),
        ("f1_score<=1e-3", False),
        ("recall<2", False),
    ],
)
def test_metrics_are_bounds_too(bound: str, holds: bool) -> None:
    assert MetricBound.parse(bound).holds(RECORD) == holds


@pytest.mark.parametrize("text", ["", " ", ">1", "a>", "a>b", "a>>1", "a>1<2"])
def test_what_is_no_bound_is_refused(text: str) -> None:
    with pytest.raises(PublishError, match="no metric and bound"):
        MetricBound.parse(text)


def test_a_time_is_written_in_many_ways() -> None:
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert parse_since("7d", now) == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert parse_since("2026-11-28", now) == datetime(2026, 11, 28, tzinfo=UTC)
    assert parse_since("2026-11-28T13:00:00+01:00", now) == now
    for text in ("soon", "999999w", "7", ""):
        with pytest.raises(PublishError, match="is no time"):
            parse_since(text, now)


def test_the_parameters_that_differ() -> None:
    other = replace(RECORD, parameters={"trees": 20, "mode": "slow", "extra": 1})
    assert differing_parameters([RECORD, other]) == ["mode", "input-size", "extra"]
    assert differing_parameters([RECORD, RECORD]) == []


# progress


def test_the_layers_of_a_pull_are_added_up() -> None:
    seen: list[tuple[int, int]] = []
    pull = PullProgress(lambda done, total: seen.append((done, total)))
    for event in (
        {"status": "Pulling from vision/add-noise", "id": "1.2.0"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 10, "total": 100}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 5, "total": 50}},
        {"status": "Download complete", "id": "a"},
        {"status": "Pull complete", "id": "c"},
        {"status": "Downloading", "id": "d", "progressDetail": {}},
    ):
        pull(event)
    assert seen == [(10, 100), (15, 150), (105, 150)]
    seen.clear()
    assert list(counted_chunks([b"abc", b"de"], 4, lambda *each: seen.append(each))) == [
        b"abc",
        b"de",
    ]
    assert seen == [(3, 4), (4, 4)]

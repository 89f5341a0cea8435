"""A pipeline's file: everything wrong with it is said at once, with its line, before it runs."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mlreef_hooks.cli.pipeline import read_inputs
from mlreef_hooks.cli.user import find_in
from mlreef_hooks.errors import PublishError
from mlreef_hooks.file_hashes import hash_input, hash_output
from mlreef_hooks.index import Document, set_deprecated, set_yanked
from mlreef_hooks.manifest import Parameter
from mlreef_hooks.pipeline import Findings
from mlreef_hooks.pipeline_check import ResolvedPipeline, resolve_pipeline
from mlreef_hooks.pipeline_outputs import RECORD, Outputs
from mlreef_hooks.pipeline_toml import BYTES, read_pipeline
from mlreef_hooks.reader_index import Documents
from mlreef_hooks.step_cache import StepCache, StepResult
from tests.index_entries import PARAMETERS, make_entry

NOISE = "vision/add-noise@1.2.0"
NEEDED = Parameter(name="rate", type="float", required=True, default=None, description="")


def documents() -> list[Document]:
    """Modules for images, a model of tables, some without data, one with a parameter to give."""
    return [
        make_entry().document(),
        make_entry(name="train", inputs=("TABULAR",), outputs=("MODEL",)).document(),
        make_entry(name="make", inputs=("NONE",), outputs=("TABULAR",)).document(),
        make_entry(name="drop", inputs=("ANY",), outputs=("NONE",)).document(),
        make_entry(name="rated", parameters=(*PARAMETERS[:2], NEEDED)).document(),
    ]


def check(
    text: str, change: Callable[[Document], Document] | None = None
) -> tuple[ResolvedPipeline | None, list[str]]:
    """The pipeline, and what is found in it, without the name of the file."""
    found = [change(each) if change else each for each in documents()]
    findings = Findings("p.toml")
    file = read_pipeline(text.encode(), findings)
    find = partial(find_in, Documents(found))
    pipeline = resolve_pipeline(file, find, findings) if file else None
    return pipeline, [str(each).replace("p.toml:", "") for each in findings]


def one_step(more: str, *, module: str = NOISE, kind: str = "IMAGE") -> str:
    """A pipeline of one step on one input; `more` begins on line 7."""
    return f'''\
[inputs]
data = "{kind}"
[[step]]
name = "one"
module = "{module}"
input = "data"
{more}'''


def test_steps_are_put_in_an_order_in_which_they_can_run() -> None:
    pipeline, found = check("""\
title = "Backwards"
[inputs]
photos = "image"
[[step]]
name = "both"
module = "vision/add-noise@1.2"
input = { here = "photos", there = "first" }
[[step]]
name = "first"
module = "vision/add-noise@1.2.0"
input = "photos"
parameters = { mode = "salt", size = [3, 4], shuffle = false }
""")
    assert found == []
    assert pipeline is not None
    assert [step.name for step in pipeline.steps] == ["first", "both"]
    assert pipeline.steps[0].values == {"mode": "salt", "size": [3, 4], "shuffle": False}
    assert pipeline.steps[1].module == "vision/add-noise@1.2.0"  # exactly, whatever is written
    assert pipeline.outputs == {"both": "both"}  # what nobody takes, where none is named


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["error: 1: there is no step: write [[step]] with name, module and input"]),
        ("a = [1", ["error: 1: this is not TOML: Unclosed array"]),
        ("\n\udcff", ["error: 2: this is not TOML: it is not UTF-8"]),
        ("x = 1" + "." * 2000, ["error: 1: this is not read: a line has"]),
        (" " * (BYTES + 1), ["error: 1: this is too large"]),
        ("x = " + "[" * 100_000, ["error: 1: this is not TOML: it is nested too deeply"]),
        (one_step("[output]"), ["error: 7: 'output' is not a key of a pipeline: did"]),
        (one_step("[outputs]\nx = 'on'\ny = 'one'"), ["error: 8: there is no step on: did"]),
        (one_step("[outputs]\ndata = 'one'"), ["error: 8: data is the name of an input too"]),
        (one_step("modul = 3"), ["error: 7: 'modul' is not a key of [[step]]: did"]),
        (one_step("", kind="PICTURE"), ["error: 2: 'PICTURE' is not a type of data"]),
        (one_step("", kind="TABULAR"), [f"error: 6: data is TABULAR, and {NOISE} takes IMAGE"]),
        (one_step("", module="vision/noise@1"), ["error: 5: there is no module vision/noise"]),
        (one_step("", module="vision/add-noise@3"), ["error: 5: add-noise has no version 3: its"]),
        (one_step("", module="vision/add-noise"), ["error: 5: vision/add-noise names no version"]),
        (one_step("", module="vision/make@1.2.0"), ["error: 6: vision/make@1.2.0 takes no data"]),
        (one_step("", module="vision/rated@1.2.0"), ["error: 3: one lacks the parameter rate"]),
        (one_step("[[step]]\nname = 'one'\nmodule = 'vision/add-noise@1.2.0'\ninput = 'data'"),
         ["error: 8: one is the name of something else too: rename one of them"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, found: list[str]) -> None:
    findings = Findings("p.toml")
    if read_pipeline(text.encode(errors="surrogateescape"), findings) is None:
        said = [str(each).replace("p.toml:", "") for each in findings]
    else:
        _, said = check(text)
    assert [line[: len(start)] for line, start in zip(said, found, strict=True)] == found


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("mode = 3", "mode: 3 is not of type string"),
        ("mode = 'spekle'", "mode: 'spekle' is not one of speckle, salt"),
        ("mod = 'salt'", "mod: no such parameter: did you mean mode?"),
        ("shuffle = 'yes'", "shuffle: 'yes' is not of type boolean, write true: see"),
        ("shuffle = 'No'", "shuffle: 'No' is not of type boolean, write false: see"),
        ("shuffle = 'maybe'", "shuffle: 'maybe' is not of type boolean: see"),
        ("size = [1]", "size: takes 2 values and has 1"),
        ("size = 2024-01-01", "size: datetime.date(2024, 1, 1) is not of type list"),
        ("colours = ['green']", "colours: ['green'] is not one of red, blue"),
        ("colours = ['--x']", "colours: ['--x'] is not one of red, blue"),
        ("input-path = '/etc'", "input-path: no such parameter"),
        ("output_path = '/etc'", "output_path: no such parameter"),
    ],
)
def test_a_parameter_is_checked_before_anything_starts(parameter: str, said: str) -> None:
    _, found = check(one_step(f"[step.parameters]\nshuffle = true\n{parameter}".replace(
        "shuffle = true\nshuffle", "\nshuffle")))  # fmt: skip
    assert len(found) == 1
    assert found[0].startswith(f"error: 9: {said}")


def test_everything_is_said_at_once() -> None:
    _, found = check("""\
[inputs]
photos = "IMAGE"
unused = "TEXT"
[[step]]
name = "a"
module = "vision/add-nois@1.2.0"
input = "photo"
[[step]]
name = "b"
module = "vision/train@1.2.0"
input = "c"
parameters = { mode = "speckel", siz = [1, 2] }
[[step]]
name = "c"
module = "vision/add-noise@1.2.0"
input = "b"
[[step]]
name = "d"
module = "vision/train@1.2.0"
[[step]]
name = "e"
module = "vision/add-noise@1.2.0"
input = { x = "photos", y = "photos" }
""")
    said = "\n".join(found)
    for part in (
        "3: no step takes the input unused",
        "6: there is no module vision/add-nois: did you mean vision/add-noise?",
        "7: there is no input and no other step photo: did you mean photos?",
        "11: the steps go round in a circle: b <- c <- b",
        "12: mode: 'speckel' is not one of speckle, salt",
        "12: siz: no such parameter: did you mean size?",
        "16: b is MODEL, and vision/add-noise@1.2.0 takes IMAGE",
        "17: d has no input, and vision/train@1.2.0 takes TABULAR",
        "23: e takes the same data twice",
    ):
        assert f"error: {part}" in said, said


def test_a_mistyped_name_is_one_error() -> None:
    text = one_step("[outputs]\nresult = 'one'").replace('input = "data"', 'input = "dat"')
    (found,) = check(text)[1]
    assert found.startswith("error: 6: there is no input and no other step dat: did you mean data?")
    (found,) = check(one_step("[outputs]\nresult = 'onee'"))[1]
    assert found.startswith("error: 8: there is no step onee: did you mean one?")


def test_a_step_without_a_version_is_checked_all_the_same() -> None:
    text = one_step("parameters = { siz = [1, 2] }", module="vision/add-noise", kind="TABULAR")
    assert [each.partition(" ")[2][:25] for each in check(text)[1]] == [
        "5: vision/add-noise names",
        "6: data is TABULAR, and v",
        "7: siz: no such parameter",
    ]


def test_data_of_any_type_fits_and_nothing_fits_nothing() -> None:
    text = """\
[[step]]
name = "make"
module = "vision/make@1.2.0"
[[step]]
name = "train"
module = "vision/train@1.2.0"
input = "make"
[[step]]
name = "drop"
module = "vision/drop@1.2.0"
input = "train"
"""
    assert check(text)[1] == []
    more = '[[step]]\nname = "late"\nmodule = "vision/drop@1.2.0"\ninput = "drop"\n'
    assert check(text + more)[1][0].startswith("error: 15: drop is NONE, and vision/drop@1.2.0")


def test_a_yanked_or_deprecated_version_runs_with_a_warning() -> None:
    pipeline, found = check(
        one_step(""), lambda each: set_yanked(each, "1.2.0", yanked=True, reason="wrong")
    )
    assert found[0].startswith(f"warning: 5: {NOISE} is yanked: wrong")
    assert pipeline is not None
    _, found = check(one_step(""), lambda each: set_deprecated(each, None, "use other"))
    assert found[0].startswith(f"warning: 5: {NOISE} is deprecated: use other")


def test_what_a_file_quotes_does_not_reach_the_terminal() -> None:
    _, found = check('"\\u001b[2J" = 1\n')
    assert all(line.isprintable() for line in found)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "the input a is missing; the input b is missing"),
        (["a=.", "b=/nowhere", "a=."], "/nowhere does not exist; a: given twice"),
        (["a=.", "b=.", "c=."], "c: no such input, write one of a, b"),
        (["a=.", "b=.", "."], ".: write name=DIR"),
    ],
)
def test_inputs_are_named(pairs: list[str], said: str) -> None:
    with pytest.raises(PublishError) as raised:
        read_inputs({"a": "IMAGE", "b": "TEXT"}, pairs)
    assert raised.value.message.startswith(said)


def test_a_single_input_needs_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a=b").mkdir()
    assert read_inputs({"x": "ANY"}, [f"x={tmp_path}"]) == {"x": tmp_path}
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_inputs({"x": "ANY"}, ["x"]) == {"x": Path("x")}
    with pytest.raises(PublishError, match=" does not exist"):
        read_inputs({"x": "ANY"}, ["x="])
    assert read_inputs({"x": "ANY"}, [str(tmp_path / "a=b")]) == {"x": tmp_path / "a=b"}


# what is kept


def test_a_result_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    cache = StepCache(tmp_path / "steps")
    with cache.making("a1") as output:
        (output / "x").write_text("made")
        assert cache.find("a1") is None
    assert cache.find("a1") is None  # it was not kept
    with cache.making("a1") as output:
        (output / "x").write_text("made")
        result = StepResult.of(hash_input(output), "run")
        cache.keep("a1", output, result)
    assert cache.find("a1") == result
    (cache.output_of("a1") / "x").write_text("else")
    assert cache.find("a1") is None


def test_what_another_run_may_be_reading_stays(tmp_path: Path) -> None:
    """Two runs of one pipeline make the same step at once; the module is not the same each time."""
    cache = StepCache(tmp_path)
    with cache.making("a1") as slow:
        (slow / "x").write_text("slow")
        other = StepCache(tmp_path)
        child = os.fork()
        if child == 0:
            with other.making("a1") as quick:
                (quick / "x").write_text("quick")
                other.keep("a1", quick, StepResult.of(hash_input(quick), "quick"))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        with (cache.output_of("a1") / "x").open() as read:
            kept = cache.keep("a1", slow, StepResult.of(hash_input(slow), "slow"))
            assert os.fstat(read.fileno()).st_nlink == 1
    assert kept.run == "quick"
    assert cache.find("a1") == kept
    assert sorted(os.listdir(tmp_path)) == [".lock", "a1"]


def test_a_folder_of_everybody_keeps_no_results(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PublishError, match="could be anybody's"):
        StepCache(tmp_path)
    tmp_path.chmod(0o755)
    StepCache(tmp_path)


def test_what_a_killed_process_left_is_not_taken_for_done(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        cache = StepCache(tmp_path)
        with cache.making("a1") as output:
            (output / "x").write_text("half")
            os._exit(9)
    os.waitpid(child, 0)
    assert [path.name[:3] for path in tmp_path.iterdir()] == ["a1~"]
    assert StepCache(tmp_path).find("a1") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", [3, 1200])
def test_whatever_a_module_leaves_goes(tmp_path: Path, depth: int) -> None:
    """Folders in folders, which nobody may write, and a pipe."""
    cache = StepCache(tmp_path)
    with cache.making("a1") as output:
        place = os.open(output, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("a", dir_fd=place)
            outer, place = place, os.open("a", os.O_RDONLY, dir_fd=place)
            os.mkfifo("pipe", dir_fd=place)
            os.fchmod(outer, 0o500)
            os.close(outer)
        os.close(place)
        if depth > 1000:
            with pytest.raises(PublishError, match="its folders are too deep"):
                hash_output(output, {}, entries=9)
    assert list(tmp_path.iterdir()) == []


def test_outputs_replace_those_of_a_pipeline_and_nothing_else(tmp_path: Path) -> None:
    made, folder = tmp_path / "made", tmp_path / "out"
    made.mkdir()
    (made / "x").write_text("new")
    (made / "away").symlink_to("/etc/passwd")
    os.mkfifo(made / "pipe")
    outputs = Outputs(folder, {"a": "step"})
    outputs.prepare()
    outputs.write_record({})
    (folder / "a").symlink_to(tmp_path)  # whatever stands there
    outputs.prepare()
    outputs.place({"step": made})
    outputs.place({"step": made})
    assert sorted(path.name for path in folder.iterdir()) == ["a", RECORD]
    assert (folder / "a" / "x").read_text() == "new"
    assert sorted(os.listdir(folder / "a")) == ["away", "x"]
    assert os.readlink(folder / "a" / "away") == "/etc/passwd"
    assert made.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("")
    with pytest.raises(PublishError, match="holds files that no run of a pipeline wrote"):
        Outputs(tmp_path / "mine", {}).prepare()

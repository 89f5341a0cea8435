"""The names, types and help texts by which `init` tells input and output: those of newcomers'
scripts are known, and no number or name is taken for a path.
"""

import ast

import pytest

from mlreef_hooks.cli.init_function import choose_paths
from mlreef_hooks.errors import PublishError
from mlreef_hooks.proposal.paths import Takes, find_paths
from mlreef_hooks.proposal.told_paths import tell_paths
from mlreef_hooks.source.wrapped_script import WRAPPER
from tests.test_proposal import files_for, name, read, script_of


@pytest.mark.parametrize(
    ("argument", "reads"),
    [
        ('"--csv"', Takes.FILE),
        ('"--csv", help="the file to clean"', Takes.FILE),
        ('"--input-csv"', Takes.FILE),
        ('"--input_table"', Takes.FILE),
        ('"--train-data"', Takes.FILE),
        ('"--train-images", help="a folder"', Takes.FOLDER),
        ('"--images-dir"', Takes.FOLDER),
        ('"--image-file"', Takes.FILE),
        ('"--csv_path"', Takes.FILE),
        ('"--data-csv"', Takes.FILE),
        ('"--photos", nargs="+"', Takes.FILES),
        ('"--table", type=pathlib.Path', Takes.FILE),
        ('"--table", help="file to read"', Takes.FILE),
        ('"--what", type=argparse.FileType(), required=True', Takes.FILE),
    ],
)
def test_an_input_is_known(argument: str, reads: Takes) -> None:
    paths = find_paths(script_of(argument, '"--word"', imports="import pathlib").parameters)
    assert paths.reads is reads
    assert paths.target is None


@pytest.mark.parametrize(
    "argument",
    [
        '"--save"',
        '"--save", default="plot.png"',
        '"--output-csv"',
        '"--output-images"',
        '"--results"',
        '"--report", help="file for the report"',
        '"--plot", type=pathlib.Path',
        '"--plot-file"',
        '"--save-model"',
        '"--model-path", help="where the model is saved"',
        '"--csv-path", help="CSV to write"',
    ],
)
def test_an_output_is_known(argument: str) -> None:
    parameters = script_of('"infile"', argument, imports="import pathlib").parameters
    paths = find_paths(parameters)
    assert (name(paths.source), paths.target) == ("infile", parameters[1])


def test_a_model_is_the_output_of_a_script_that_trains() -> None:
    paths = find_paths(script_of('"--train-data"', '"--model-path"').parameters)
    assert (name(paths.source), name(paths.target)) == ("train-data", "model-path")
    paths = find_paths(script_of('"--input"', '"--model-path"').parameters)
    assert (name(paths.source), paths.target) == ("input", None)


@pytest.mark.parametrize(
    "argument",
    [
        '"--image-size"',
        '"--input-size", default=3',
        '"--csv", type=int',
        '"--csv", choices=["a", "b"]',
        '"--csv-separator"',
        '"--table"',
        '"--table", help="name of the table"',
        '"--data-url"',
        '"--input-csv", help="URL of what is read"',
        '"--text"',
        '"--source-text"',
        '"--train-size"',
        '"--model-path"',
        '"--weights", type=pathlib.Path, required=True',
        '"--mask", type=pathlib.Path',
        '"--left", type=pathlib.Path, required=True);'
        ' parser.add_argument("--right", type=pathlib.Path, required=True',
        '"--save", action="store_true"',
        '"--report", default="weekly"',
        '"--report", help="how often"',
        '"--plot", choices=["bar", "line"]',
        '"--save-every"',
        '"--output-format"',
    ],
)
def test_what_is_no_path_is_none(argument: str) -> None:
    paths = find_paths(script_of(argument, imports="import pathlib").parameters)
    assert (paths.source, paths.target) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "source", "target"),
    [
        ("table: Path, destination: Path, word='x'", "table", "destination"),
        ("input_csv, word", "input-csv", None),
        ("csv_path: str, result_path: str", "csv-path", "result-path"),
        ("input_table: Path | None = None, output_csv=None", "input-table", "output-csv"),
        ("word: str, frames: list[pathlib.Path]", "frames", None),
        ("left: Path, right: Path", None, None),
        ("count: int, image_size: str", None, None),
    ],
)
def test_the_parameters_of_a_function_are_told(
    arguments: str, source: str | None, target: str | None
) -> None:
    paths = find_paths(read("small.py", f"def work({arguments}): ...").parameters)
    assert (name(paths.source), name(paths.target)) == (source, target)


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        (['"docx"', '"--img_dir"'], "docx"),
        (['"column"', '"--input-csv"'], "input-csv"),
        (['"column"', '"--csv-file", required=True'], "csv-file"),
        (['"column"', '"--csv"'], "column"),
    ],
)
def test_what_stands_alone_is_the_input_beside_options(arguments: list[str], source: str) -> None:
    assert name(find_paths(script_of(*arguments).parameters).source) == source


def test_what_is_named_counts_before_all_names() -> None:
    parameters = script_of('"--input"', '"--what-else"', '"--word"').parameters
    paths = find_paths(parameters, source="what_else", target="word")
    assert (name(paths.source), name(paths.target)) == ("what-else", "word")


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ("infile, outfile", "work(infile=str(each), outfile=str(result))"),
        ("infile: Path, out: Path", "work(infile=each, out=result)"),
        ("files: list", "work(files=[str(each) for each in files_of(source)])"),
        ("files: list[Path]", "work(files=files_of(source))"),
        ("data_dir: str", "work(data_dir=str(source))"),
        ("word: str, config: Path", "work(word=args.word, config=Path(args.config))"),
    ],
)
def test_a_function_gets_paths_as_its_hints_have_them(arguments: str, call: str) -> None:
    text = files_for(read("small.py", f"def work({arguments}): ..."))[WRAPPER]
    assert call in text
    assert ("def files_of" in text) is ("files_of(" in call or "each" in call)
    ast.parse(text)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (['"--word"', '"--text"', '"-n", type=int'], [
            "no parameter looks like its input: --input-path is not read; if one is, say which"
            " (word, text): init --reads NAME",
            "no parameter looks like its output: what it prints becomes a file; if one is, say"
            " which (word, text): init --writes NAME",
        ]),
        (['"infile"', '"--save"'], [
            "--input-path is handed on as infile", "--output-path is handed on as --save",
        ]),
        (['"infile"'], [
            "--input-path is handed on as infile",
            "no parameter looks like its output: what it prints becomes a file",
        ]),
    ],
)  # fmt: skip
def test_what_becomes_of_the_folders_is_told(arguments: list[str], told: list[str]) -> None:
    script = script_of(*arguments)
    assert tell_paths(script, find_paths(script.parameters)) == told


def test_a_function_has_arguments_and_returns() -> None:
    script = read("small.py", "def work(in_file): ...")
    assert tell_paths(script, find_paths(script.parameters)) == [
        "--input-path is handed on as the argument in_file",
        "no parameter looks like its output: what it returns becomes a file",
    ]


def test_parameters_are_chosen_by_any_spelling() -> None:
    script = script_of('"--word"', '"--what-else"', '"--times", type=int')
    paths = choose_paths(script, "--what_else", "word")
    assert (name(paths.source), name(paths.target)) == ("what-else", "word")
    for wrong in ("times", "gone"):
        with pytest.raises(PublishError, match=f"no parameter {wrong} that could be a path"):
            choose_paths(script, wrong, None)

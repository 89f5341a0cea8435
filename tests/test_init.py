"""`init` as authors run it: what it writes and leaves alone, what it asks, and that a wrapper does
what its script does.
"""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.git import Author

OURS = (sys.executable, "-m", "mlreef_hooks")
# Writes what it was told into its second argument, or prints it.
SCRIPT = """\
#!/usr/bin/env python3
# -*- coding: latin-1 -*-
import argparse, json
parser = argparse.ArgumentParser()
parser.add_argument("infile")
parser.add_argument("outfile", nargs="?")
parser.add_argument("--times", "-n", type=int, default=2)
parser.add_argument("-x", action="store_true")
parser.add_argument("--word", default="caf\xe9")
parser.add_argument("--add", action="append")
parser.add_argument("--pair", nargs=2)
if __name__ == "__main__":
    args = parser.parse_args()
    said = json.dumps({**vars(args), "infile": open(args.infile).read(), "outfile": ""})
    open(args.outfile, "w").write(said)
"""
MINE = SCRIPT.replace("\n", "\r\n").encode("latin-1")


def init(folder: Path, *words: str, expect: int = 0, **environ: str) -> str:
    """What the command said, on either stream, without a terminal."""
    done = subprocess.run(
        [*OURS, "init", *words],
        cwd=folder,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


def contents(folder: Path) -> Mapping[str, bytes]:
    """The files of a folder."""
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """An author whose clone holds a script in another encoding, with the line ends of Windows."""
    found = Author(tmp_path / "turn", tmp_path / "remote.git")
    found.commit({"turn.py": MINE})
    return found


def test_a_wrapper_does_what_its_script_does(author: Author, tmp_path: Path) -> None:
    said = init(author.folder, "--yes").splitlines()
    assert [line for line in said if line.startswith("wrote")] == [
        "wrote mlreef_entry.py", "wrote mlreef.toml", "wrote requirements.txt",
    ]  # fmt: skip
    assert said[-2:] == ["next: mlreef-hooks check", "then: mlreef-hooks publish"]
    assert contents(author.folder)["turn.py"] == MINE
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "b").mkdir(parents=True)
    target.mkdir()
    (source / "a.txt").write_text("A")
    (source / "b" / "-c.txt").write_text("C")
    words = ["--input-path", "in", "--output-path", "out", "--add=-1", "--add", "2", "--times", "3"]
    command = [
        sys.executable,
        str(author.folder / "mlreef_entry.py"),
        *words,
        "--pair",
        "p",
        "q",
        "--x",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    expected = {
        "outfile": "", "times": 3, "x": True, "word": "café", "add": ["-1", "2"],
        "pair": ["p", "q"],
    }  # fmt: skip
    assert json.loads((target / "a.txt").read_text()) == {**expected, "infile": "A"}
    assert json.loads((target / "b" / "-c.txt").read_text()) == {**expected, "infile": "C"}


def test_nothing_that_is_there_is_changed(author: Author) -> None:
    (author.folder / "mlreef.toml").write_text("[module]\n")
    (author.folder / "requirements.txt").symlink_to("/nowhere")
    before = contents(author.folder)
    assert "would leave alone mlreef.toml; what is" in init(author.folder, "--yes", "--dry-run")
    assert contents(author.folder) == before
    said = init(author.folder, "--yes")
    assert "left mlreef.toml alone; what is there (-), and what init would write (+):\n" in said
    assert "\n    +# What the code" in said
    assert "[module]" not in said
    assert "left requirements.txt alone; without it, init would write:\n" in said
    after = contents(author.folder)
    assert {name: after[name] for name in before} == before
    assert {*after} - {*before} == {"mlreef_entry.py"}
    again = init(author.folder, "--yes")
    assert "mlreef_entry.py is as it should be" in again
    assert again.endswith("nothing was written: all files are there\n")


def test_scripts_that_have_no_part_in_the_module_are_named(author: Author) -> None:
    for name, text in {"near": "import far", "far": "", "b": "x", "a": "x", "__init__": ""}.items():
        (author.folder / f"{name}.py").write_text(text)
    (author.folder / "turn.py").write_bytes(MINE + b"import near\r\n")
    note = "note: turn.py does not use a.py, b.py; to begin with another script: --script FILE\n"
    assert note in init(author.folder, "--yes")


def test_requirements_with_an_old_name_stay_the_only_ones(author: Author) -> None:
    (author.folder / "requirement.txt").write_text("numpy==2.4.0\n")
    assert "left requirement.txt alone" in init(author.folder, "--yes")
    assert "requirements.txt" not in contents(author.folder)


def test_without_a_terminal_the_options_are_named(author: Author) -> None:
    said = init(author.folder, expect=1)
    assert "error: nothing tells kind and inputs and outputs" in said
    assert "give --kind data-operation --input ANY --output ANY, or take that with --yes" in said
    (author.folder / "other.py").write_bytes(MINE)
    assert "hint: name the one to begin with: --script FILE" in init(
        author.folder, "--yes", expect=1
    )
    options = ("--script", "other.py", "--kind", "model", "--input", "text", "--output", "MODEL")
    init(author.folder, *options)
    text = (author.folder / "mlreef.toml").read_text()
    assert 'title = "Other"' in text
    assert 'kind = "model"' in text
    assert 'inputs = ["TEXT"]' in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--script", "gone.py"], "gone.py is no Python file here"),
        (["--script", "../turn/turn.py"], "is no Python file here"),
        (["--script", "broken.py"], "broken.py:1: this is not Python 3.11"),
        (["--script", "part.py"], "part.py is a part of a package"),
    ],
)
def test_what_cannot_be_begun_with(author: Author, words: list[str], said: str) -> None:
    (author.folder / "broken.py").write_text("def:\n")
    (author.folder / "part.py").write_text("from . import x\n")
    assert said in init(author.folder, "--yes", *words, expect=1)


def test_on_a_terminal_it_asks_what_it_cannot_tell(author: Author) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*OURS, "init"], cwd=author.folder, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        for question, answer in (
            (b"What kind of module", b"data-visualization"),
            (b"Which data goes in", b"audio"),
            (b"Which data comes out", b""),
        ):
            while question not in said:
                said += os.read(ours, 4096)
            os.write(ours, answer + b"\n")
        while b"then: mlreef-hooks publish" not in said:
            said += os.read(ours, 4096)
    os.close(ours)
    assert process.returncode == 0
    text = (author.folder / "mlreef.toml").read_text()
    assert 'kind = "data-visualization"\n' in text
    assert 'inputs = ["AUDIO"]\noutputs = ["ANY"]\n' in text


def test_a_notebook_runs_beside_its_data_and_requires_what_is_installed(tmp_path: Path) -> None:
    project, target = tmp_path / "project", tmp_path / "out"
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    package = site / "Some_Package-2.5.dist-info"
    package.mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: Some.Package\nVersion: 2.5\n")
    (package / "RECORD").write_text("other_name/__init__.py,,\n")
    project.mkdir()
    target.mkdir()
    notebook = "# In[1]:\ntext = open('a.txt').read()\nopen('b.txt', 'w').write(text * 2)\n"
    (project / "work.py").write_text(f"{notebook}if not text:\n    import other_name\n")
    init(project, "--yes", VIRTUAL_ENV=str(tmp_path / "venv"))
    assert (project / "requirements.txt").read_text() == "Some.Package==2.5\n"
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.txt").write_text("x")
    words = ("--input-path", source, "--output-path", target)
    subprocess.run([sys.executable, project / "mlreef_entry.py", *words], check=True)
    assert {each.name: each.read_text() for each in target.iterdir()} == {"b.txt": "xx"}


def test_an_empty_folder_gets_a_module_that_works(tmp_path: Path) -> None:
    said = init(tmp_path, "--yes", "--name", "mine")
    assert "wrote module.py\nwrote mlreef.toml\nwrote requirements.txt\n" in said
    done = subprocess.run(
        [*OURS, "check"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "mine (data-operation) is publishable" in done.stdout
    assert "is not a module name" in init(tmp_path, "--name", "No Name", expect=2)

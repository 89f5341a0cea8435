"""`mlreef-hooks check --fix`: on a folder, twice, dry, and what it refuses."""

import os
import stat
from pathlib import Path

import click
import pytest

from mlreef_hooks.cli.author import check
from mlreef_hooks.errors import PublishError
from mlreef_hooks.project_files import ProjectFiles
from tests.test_completion import PROCESSOR

PATHS = '@parameter("input-path", "STRING", True)\n@parameter("output-path", "STRING", True)\n'
SCRIPT = f"""\
import argparse

{PROCESSOR}
{PATHS}@parameter("rate", "FLOAT")  # of what
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--mode", default="a")
"""
FIXED = SCRIPT.replace("def main", '@parameter("mode", "STRING", False, "a")\ndef main') + (
    '    parser.add_argument("--rate", type=float)\n'
)
FILES = {"turn.py": SCRIPT, "requirement.txt": "# c\r\nnumpy>=2  # fast\r\nnope\r\n"}
SAID = [
    "fixed: requirement.txt:2: numpy is pinned to 2.4.6, which is installed",
    "fixed: requirement.txt: it is requirements.txt now",
    "not fixed: requirement.txt:3: nope is not installed in your Python; --python names another",
    'fixed: turn.py: "mode" is annotated, as argparse has it',
    'fixed: turn.py: argparse accepts "rate", as it is annotated',
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with faults, and an active environment that has numpy 2.4.6."""
    info = tmp_path / "venv/lib/python3.11/site-packages/numpy-2.4.6.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 2.4.6\n")
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    folder = tmp_path / "turn"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_bytes(text.encode())
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, list[str], str]:
    """Exit status, lines of the output, and what was said aside."""
    status = check.main([str(word) for word in words], standalone_mode=False, obj=None)
    assert isinstance(status, int)
    out = capsys.readouterr()
    return status, out.out.splitlines(), out.err


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_that_is_mechanical_is_mended_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "turn.py").chmod(0o750)
    status, lines, _ = call(capsys, project, "--fix")
    assert status == 1
    assert lines == [
        *SAID,
        "error: requirements.txt:3: nope is not pinned: write nope==<version>"
        " [requirement-unpinned]",
        "not publishable: 1 error",
    ]
    after = contents(project)
    assert after == {
        "turn.py": FIXED.encode(),
        "requirements.txt": b"# c\r\nnumpy==2.4.6  # fast\r\nnope\r\n",
    }
    assert stat.S_IMODE((project / "turn.py").stat().st_mode) == 0o750
    _, again, _ = call(capsys, project, "--fix")
    assert contents(project) == after
    assert not [line for line in again if line.startswith("fixed")]


def test_a_dry_run_shows_what_would_change_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(project)
    status, lines, _ = call(capsys, project, "--fix", "--dry-run")
    assert status == 1
    assert contents(project) == before
    assert [line for line in lines if line.startswith("would fix: ")] == [
        line.replace("fixed", "would fix") for line in SAID if line.startswith("fixed")
    ]
    assert lines.index("--- a/requirement.txt") + 1 == lines.index("+++ b/requirements.txt")
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == [
        "-numpy>=2  # fast",
        "+numpy==2.4.6  # fast",
        '+@parameter("mode", "STRING", False, "a")',
        '+    parser.add_argument("--rate", type=float)',
    ]
    assert lines[-1] == "not publishable: 4 errors"


def test_other_formats_are_kept_apart_from_what_was_fixed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, lines, aside = call(capsys, project, "--fix", "--format", "json")
    assert lines[0] == "{"
    assert aside.splitlines() == SAID


def test_of_several_requirements_files_none_is_renamed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "requirements.txt").symlink_to("requirement.txt")
    _, lines, _ = call(capsys, project, "--fix")
    said = "requirements.txt and requirement.txt are there; keep one of them"
    assert f"not fixed: requirement.txt: {said}" in lines
    assert (project / "requirements.txt").is_symlink()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fix", "--rev", "HEAD"], "not a revision"),
        (["--fix", "--git-dir", "."], "not a revision"),
        (["--watch", "--rev", "HEAD"], "not a revision"),
        (["--fix", "--watch"], "not both"),
        (["--dry-run"], "go with --fix"),
        (["--python", "python3"], "go with --fix"),
    ],
)
def test_what_means_nothing_together_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        check.main(words, standalone_mode=False, obj=None)


def test_only_files_of_the_project_itself_are_written(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    for folder in (project, outside):
        folder.mkdir()
        (folder / "a.txt").write_text("a")
    (project / "link.txt").symlink_to(outside / "a.txt")
    (project / "folder").symlink_to(outside)
    os.mkfifo(project / "pipe")
    files = ProjectFiles(project)
    assert files.read("a.txt") == b"a"
    for path in ("link.txt", "folder/a.txt", "../outside/a.txt", "pipe", "gone", "folder"):
        assert files.read(path) is None
    for path in ("x" * 5000, "\0", "\ud800"):
        assert files.read(path) is None
    with pytest.raises(PublishError, match="there already"):
        files.write("a.txt", "link.txt", b"b")
    assert (outside / "a.txt").read_text() == (project / "a.txt").read_text() == "a"

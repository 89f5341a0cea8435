"""`mlreef-hooks check --watch`: what a save shows, what is none, and how it ends."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.ignored_files import not_ignored
from mlreef_hooks.saves import saved_files
from tests.support.git import Author

FILES = {
    "turn.py": "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n"
    "    p.add_argument('--input-path')\n    p.add_argument('--output-path')\n",
    "requirements.txt": "numpy\n",
    "mlreef.toml": '[module]\nkind = "model"\noutputs = ["MODEL"]\n',
    ".gitignore": "*.log\n/cache/\n",
}
UNPINNED = b"not publishable: 1 error\n"
GOOD = b"ok: turn (model) is publishable: 2 parameters, 1 requirement\n"


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """An author of a project with one fault."""
    author = Author(tmp_path / "turn", "/nowhere/turn")
    author.commit(FILES)
    return author


@contextmanager
def watching(folder: Path, stdout: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A `check --watch` of a folder, which is killed at the end where it goes on."""
    command = [sys.executable, "-m", "mlreef_hooks", "check", "--watch", str(folder)]
    environment = {**os.environ, "MLREEF_HOOKS_CONFIG": "", "TERM": "xterm"}
    started = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=environment)
    with started as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(descriptor: int, end: bytes) -> bytes:
    """What is said until these words."""
    said = b""
    while not said.endswith(end):
        more = os.read(descriptor, 1 << 16)
        assert more, said
        said += more
    return said


def in_place(path: Path, text: str) -> None:
    """Write into a file."""
    path.write_text(text)


def by_rename(path: Path, text: str) -> None:
    """Write a file beside it, and move that to its place."""
    beside = path.with_name(f"{path.name}~")
    beside.write_text(text)
    beside.replace(path)


def in_a_burst(path: Path, text: str) -> None:
    """Write several times, the last time what counts."""
    for length in range(len(text) + 1):
        path.write_text(text[:length])


def test_each_save_shows_what_is_found_and_ctrl_c_ends_it_quietly(author: Author) -> None:
    place = author.folder / "requirements.txt"
    with watching(author.folder, subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        out = process.stdout.fileno()
        assert b"\x1b" not in read_until(out, UNPINNED)
        save: Callable[[Path, str], None]
        for save in (in_place, by_rename, in_a_burst):
            save(place, "numpy==2.4.6\n")
            read_until(out, GOOD)
            save(place, "numpy>=2.4\n")
            read_until(out, UNPINNED)
        place.unlink()
        assert b"requirements-missing" in read_until(out, UNPINNED)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read().strip() == b""


def test_a_terminal_is_cleared_before_each_time(author: Author) -> None:
    ours, theirs = pty.openpty()
    try:
        with watching(author.folder, theirs):
            first = read_until(ours, UNPINNED.replace(b"\n", b"\r\n"))
            assert first.startswith(b"\x1b[")
    finally:
        os.close(ours)
        os.close(theirs)


def test_what_git_keeps_for_itself_is_no_save(author: Author) -> None:
    saves = saved_files(author.folder)
    assert next(saves) == set()
    (author.folder / ".git" / "index.lock").write_text("")
    (author.folder / "a.txt").write_text("")
    seen: set[str] = set()
    while "a.txt" not in seen:
        seen |= next(saves)
    assert not [path for path in seen if ".git" in path]


def test_what_git_ignores_is_no_save(author: Author, tmp_path: Path) -> None:
    saved = {"turn.py", "new.txt", "run.log", "cache/a", "\udcff", "-x", ".gitignore"}
    assert not_ignored(author.folder, saved) == saved - {"run.log", "cache/a"}
    assert not_ignored(tmp_path, saved) == saved  # no repository


def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="cannot be watched"):
        next(saved_files(tmp_path / "gone"))


def test_a_name_that_is_no_text_ends_it_with_a_reason(author: Author) -> None:
    saves = saved_files(author.folder)
    assert next(saves) == set()
    (author.folder / "\udcff.txt").write_text("")
    with pytest.raises(PublishError, match="cannot be watched"):
        list(saves)


def test_the_watcher_is_imported_only_where_somebody_watches() -> None:
    code = (
        "import sys\nimport mlreef_hooks.cli.fix, mlreef_hooks.cli.watching\nprint([*sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "mlreef_hooks.saves" in done.stdout
    assert "watchfiles" not in done.stdout

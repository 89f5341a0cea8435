"""`mlreef-hooks check`: text, JSON, exit status, on a folder and on a revision of a repository."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.cli.author import check
from mlreef_hooks.errors import PublishError
from mlreef_hooks.working_tree import read_working_tree
from tests.support.git import Author, GitError, make_bare

TEN_MISTAKES = Path(__file__).parent / "projects" / "ten-mistakes"
SCRIPT = """\
import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Turns pictures")
    parser.add_argument("--input-path", required=True, help="pictures")
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--mode", choices=["a", "b"], default="a")
"""
TOML = '[module]\nkind = "data-operation"\ninputs = ["IMAGE"]\noutputs = ["IMAGE"]\n'
GOOD = {"turn.py": SCRIPT, "requirements.txt": "numpy==2.1.0\n", "mlreef.toml": TOML}
UNPINNED = {"requirements.txt": "# c\n\nnumpy\n"}


def write(folder: Path, files: dict[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(*words: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """What `mlreef-hooks check WORDS` did, without any configuration file."""
    return subprocess.run(
        [sys.executable, "-m", "mlreef_hooks", "check", *words],
        cwd=cwd,
        env={**os.environ, "MLREEF_HOOKS_CONFIG": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    """Exit status and output of the command, called in this process."""
    status = check.main([str(word) for word in words], standalone_mode=False, obj=None)
    assert isinstance(status, int)
    return status, capsys.readouterr().out


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """An author of a good project, pushed to a bare repository `turn.git` with a tag."""
    author = Author(tmp_path / "clone", make_bare(tmp_path / "turn.git"))
    author.commit(GOOD)
    author.tag("publish/1.0", "first")
    author.push("master", "publish/1.0")
    return author


# -- exit status, streams --------------------------------------------------------------------------


def test_a_good_project(tmp_path: Path) -> None:
    done = run(cwd=write(tmp_path / "Turn It", GOOD))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "ok: turn-it (data-operation) is publishable: 3 parameters, 1 requirement\n"
    )


def test_a_project_with_ten_mistakes() -> None:
    done = run(TEN_MISTAKES)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 11
    assert all(line.startswith("error: ") for line in lines[:10])
    assert lines[3] == (
        "error: requirements.txt:2: pandas is not pinned: write pandas==<version>"
        " [requirement-unpinned]"
    )
    assert lines[10] == "not publishable: 10 errors"


def test_in_a_folder_of_the_project_the_project_is_named(author: Author) -> None:
    write(author.folder / "data" / "deep", {"a.txt": ""})
    for folder, above in (("data", ".."), ("data/deep", "../..")):
        done = run(cwd=author.folder / folder)
        assert done.returncode == 1
        assert done.stdout.endswith(f"hint: the project begins above: mlreef-hooks check {above}\n")
    assert not json.loads(run("data", "--format", "json", cwd=author.folder).stdout)["ok"]
    os.remove(author.folder / "turn.py")
    assert "begins above" not in run(cwd=author.folder).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "does not exist"),
        (["turn.py"], "is a file"),
        (["--format", "xml"], "is not one of"),
        (["--nonsense"], "No such option"),
        ([".", "--git-dir", "."], "not both"),
        (["--git-dir", "."], "not a git repository"),
        (["--rev", "HEAD"], "not a git repository"),
        (["a", "b"], "unexpected"),
    ],
)
def test_usage(words: list[str], said: str, tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    done = run(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_revision_that_is_not_there_is_a_usage_error(author: Author) -> None:
    bare = author.folder.parent / "turn.git"
    for revision in ("publish/9.9", "--output=x", "HEAD:turn.py", "", "\udcff"):
        done = run("--git-dir", bare, "--rev", revision)
        assert (done.returncode, done.stdout) == (2, "")
        assert "has no revision" in done.stderr


# -- JSON ------------------------------------------------------------------------------------------


def test_the_json_of_a_good_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = call(capsys, write(tmp_path / "turn", GOOD), "--format", "json")
    more = {"negative": None, "nargs": None, "repeated": False}
    module = {
        "name": "turn",
        "title": "turn",
        "description": "Turns pictures",
        "kind": "data-operation",
        "author": None,
        "visibility": None,
        "tags": [],
        "inputs": ["IMAGE"],
        "outputs": ["IMAGE"],
        "entry_point": "turn.py",
        "parameters": [
            {"name": "input-path", "type": "string", "required": True, "default": None,
             "description": "pictures", "choices": None, "option": "--input-path", **more},
            {"name": "output-path", "type": "string", "required": True, "default": None,
             "description": "", "choices": None, "option": "--output-path", **more},
            {"name": "mode", "type": "string", "required": False, "default": "a",
             "description": "", "choices": ["a", "b"], "option": "--mode", **more},
        ],
        "requirements": ["numpy==2.1.0"],
        "base": "default",
        "environment": {},
        "resources": {"gpu": False, "memory": None},
    }  # fmt: skip
    assert status == 0
    assert json.loads(out) == {"ok": True, "module": module, "modules": [module], "problems": []}


def test_the_json_of_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = call(capsys, write(tmp_path / "turn", GOOD | UNPINNED), "--format", "json")
    document = json.loads(out)
    assert (status, document["ok"], document["module"]["name"]) == (1, False, "turn")
    assert document["problems"] == [
        {
            "rule": "requirement-unpinned",
            "severity": "error",
            "path": "requirements.txt",
            "line": 3,
            "message": "numpy is not pinned",
            "hint": "write numpy==<version>",
        }
    ]


def test_the_json_of_a_project_without_a_module(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = call(capsys, write(tmp_path / "turn", {"a.txt": ""}), "--format", "json")
    document = json.loads(out)
    assert (status, document["ok"], document["module"], document["modules"]) == (1, False, None, [])
    assert [each["line"] for each in document["problems"]] == [None, None]


def test_a_warning_does_not_change_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "turn", GOOD | {"sub/mlreef.toml": ""})
    status, out = call(capsys, folder)
    assert status == 0
    assert out.splitlines() == [
        "warning: sub/mlreef.toml: only the mlreef.toml at the root is read: move it there, or"
        " delete it [toml-misplaced]",
        "ok: turn (data-operation) is publishable: 3 parameters, 1 requirement",
    ]


def test_several_modules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = '[[module]]\nname = "{0}"\nentry_point = "{0}.py"\nkind = "model"\noutputs = ["TEXT"]\n'
    files = {"mlreef.toml": table.format("a") + table.format("b"), "a.py": SCRIPT, "b.py": SCRIPT}
    folder = write(tmp_path / "turn", GOOD | files)
    assert call(capsys, folder) == (
        0,
        "ok: a (model) is publishable: 3 parameters, 1 requirement\n"
        "ok: b (model) is publishable: 3 parameters, 1 requirement\n",
    )
    document = json.loads(call(capsys, folder, "--format", "json")[1])
    assert [each["name"] for each in document["modules"]] == ["a", "b"]
    assert document["module"] == document["modules"][0]


# -- revisions -------------------------------------------------------------------------------------


def checked(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    """The JSON document of a check."""
    document: dict[str, Any] = json.loads(call(capsys, *words, "--format", "json")[1])
    return document


def test_revisions_of_a_bare_repository(author: Author, capsys: pytest.CaptureFixture[str]) -> None:
    bare = author.folder.parent / "turn.git"
    first = author.git("rev-parse", "HEAD")
    author.commit(UNPINNED)
    author.push()
    for revision in ("publish/1.0", "refs/tags/publish/1.0", first, first[:10], "master~1"):
        document = checked(capsys, "--git-dir", bare, "--rev", revision)
        assert (document["ok"], document["module"]["name"]) == (True, "turn")
    for words in (["--rev", "master"], []):  # without a revision it is HEAD
        document = checked(capsys, "--git-dir", bare, *words)
        assert [each["rule"] for each in document["problems"]] == ["requirement-unpinned"]


def test_a_revision_and_the_folder_of_a_clone(
    author: Author, capsys: pytest.CaptureFixture[str]
) -> None:
    write(author.folder, UNPINNED)
    assert not checked(capsys, author.folder)["ok"]
    assert checked(capsys, author.folder, "--rev", "HEAD")["ok"]
    assert checked(capsys, "--git-dir", author.folder)["module"]["name"] == "turn"
    assert checked(capsys, "--git-dir", author.folder / ".git")["module"]["name"] == "turn"


def test_a_sha256_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = make_bare(tmp_path / "turn.git", "sha256")
    author = Author(tmp_path / "clone", bare, object_format="sha256")
    author.commit(GOOD)
    author.push()
    assert checked(capsys, "--git-dir", bare)["ok"]


def test_folder_and_commit_have_the_same_findings(
    author: Author, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(TEN_MISTAKES, author.folder, dirs_exist_ok=True)
    author.commit({"link": "", "run.sh": "#!/bin/sh\n"}, executable=["run.sh"])
    (author.folder / "link").unlink()
    (author.folder / "link").symlink_to("../outside")
    author.commit({"caf\u00e9 \u754c/Train.py": "", "caf\u00e9 \u754c/train.py": ""})
    folder = checked(capsys, author.folder)
    assert len(folder["problems"]) == 12
    assert checked(capsys, author.folder, "--rev", "HEAD") == folder


# -- folders ---------------------------------------------------------------------------------------


def test_what_git_ignores_is_not_read(author: Author, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {".gitignore": "data\n", "data/train.py": SCRIPT, "data/mlreef.toml": ""}
    write(author.folder, broken)
    assert checked(capsys, author.folder)["ok"]
    write(author.folder, {"more/turn.py": SCRIPT})  # not yet added, but it would be
    assert [each["rule"] for each in checked(capsys, author.folder)["problems"]] == [
        "entry-point-several"
    ]


def test_a_repository_inside_the_folder_is_a_submodule(
    author: Author, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = Author(author.folder / "inner", "/nowhere")
    inner.commit({"train.py": SCRIPT})
    document = checked(capsys, author.folder)
    assert [(each["rule"], each["path"]) for each in document["problems"]] == [
        ("tree-submodule", "inner")
    ]
    assert document["ok"]


def test_a_folder_without_git(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", {"a/b.txt": "b", ".git/config": "", "sub/.git": "gitdir: x"})
    (folder / "run.sh").touch(0o755)
    (folder / "up").symlink_to("../x")
    (folder / "linked").symlink_to("a")
    os.mkfifo(folder / "pipe")
    tree = read_working_tree(folder, None)
    assert [(entry.path, entry.mode, entry.size) for entry in tree.entries] == [
        ("a/b.txt", 0o100644, 1),
        ("linked", 0o120000, 1),
        ("run.sh", 0o100755, 0),
        ("up", 0o120000, 4),
    ]
    assert (tree.read("a/b.txt"), tree.read("up")) == (b"b", b"../x")


def test_a_file_that_is_gone_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"a": ""})
    tree = read_working_tree(tmp_path, ["a", "b", "a/c", "a"])
    assert [entry.path for entry in tree.entries] == ["a"]
    (tmp_path / "a").unlink()
    with pytest.raises(PublishError, match="a cannot be read: No such file or directory"):
        tree.read("a")


def test_a_folder_that_looks_like_a_repository_runs_nothing(
    author: Author, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = tmp_path / "ran"
    core = f'repositoryFormatVersion = 0\nworktree = .\nfsmonitor = "touch {ran}; false"\n'
    hostile = {
        "HEAD": "ref: refs/heads/x\n",
        "config": f"[core]\n{core}",
        "objects/x": "",
        "refs/x": "",
    }
    author.commit({f"module/{path}": text for path, text in {**hostile, **GOOD}.items()})
    call(capsys, author.folder)
    for words in ([], ["--rev", "HEAD"]):
        run(author.folder / "module", *words)
        run(author.folder / "module" / "refs", *words)
    assert not ran.exists()


@pytest.mark.parametrize("kept", ["config", "worktree", "included"])
@pytest.mark.parametrize("name", ["core.fsmonitor", "filter.a=b.clean", "filter.x.process"])
def test_settings_of_a_repository_run_nothing(
    author: Author, name: str, kept: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(author.folder / "turn.py", (2**30, 2**30))
    filters = name.rpartition(".")[0].removeprefix("filter.")
    author.git("add", "turn.py")
    write(author.folder / ".git" / "info", {"attributes": f"*.py filter={filters}\n"})
    ran = tmp_path / "ran"
    place = {"worktree": ["--worktree"], "included": ["--file", str(tmp_path / "settings")]}
    author.git("config", "extensions.worktreeConfig", "true")
    author.git("config", "include.path", str(tmp_path / "settings"))
    for key, value in {name: f"touch {ran}; false", f"filter.{filters}.required": "true"}.items():
        author.git("config", *place.get(kept, []), key, value)
    # A file as old as the index is one that git reads to see whether it changed.
    os.utime(author.folder / ".git" / "index", (2**30, 2**30))
    for words in (["ls-files", "--others"], ["diff-index", "HEAD"]):
        with suppress(GitError):
            author.git(*words)
    ran.unlink()  # git itself runs it
    assert checked(capsys, author.folder)["ok"]
    assert not ran.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize("committed", [False, True])
def test_a_clone_of_somebody_else(committed: bool, tmp_path: Path) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    if committed:
        author.commit(GOOD)
    write(author.folder, {**GOOD, ".gitignore": "data\n", "data/train.py": SCRIPT})
    for path in (author.folder, author.folder / ".git"):
        os.chown(path, 65534, 65534)
    for status, words in {1: [], 2: ["--rev", "HEAD"]}.items():
        done = run(author.folder, *words)
        assert (done.returncode, done.stdout) == (status, "")
        assert "detected dubious ownership" in done.stderr
        assert f"git config --global --add safe.directory {author.folder}" in done.stderr


def test_a_repository_that_git_cannot_read_is_not_taken_for_none(author: Author) -> None:
    write(author.folder, {".git/config": "[x"})
    done = run(author.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "bad config line" in done.stderr
    bare = author.folder.parent / "turn.git"
    for folder in (bare, bare / "refs"):
        done = run(folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "name one that you trust by --git-dir" in done.stderr
    assert run("--git-dir", bare).returncode == 0


def test_a_machine_without_git(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlreef_hooks", "check", write(tmp_path / "turn", GOOD)],
        env={"HOME": str(tmp_path), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: git is not installed\nhint: install the package git\n"


def test_a_path_with_a_line_break(author: Author, capsys: pytest.CaptureFixture[str]) -> None:
    folder = author.folder.rename(author.folder.with_name("a\nb"))
    write(folder, UNPINNED)
    assert [each["rule"] for each in checked(capsys, folder)["problems"]] == [
        "requirement-unpinned"
    ]


def test_names_that_are_hostile_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "turn", GOOD)
    name = b"\x1b[31m\xe2\x80\xae\xff\nsuccess: it is published"
    (folder / os.fsdecode(name)).touch()
    status, out = call(capsys, folder)
    assert status == 1
    assert out.splitlines() == [
        "error: \\x1b[31m\\u202e\\udcff\\nsuccess: it is published: the path holds a control or"
        " direction character or is not UTF-8: rename it [tree-path]",
        "not publishable: 1 error",
    ]
    document = checked(capsys, folder)
    assert document["problems"][0]["path"] == ("\\x1b[31m\\u202e\\udcff\\nsuccess: it is published")


def test_the_configuration_counts(author: Author, tmp_path: Path) -> None:
    author.commit(UNPINNED)
    config = write(tmp_path, {"c.toml": "[rules]\nrequirement-unpinned = 'warning'\n"}) / "c.toml"
    words = [sys.executable, "-m", "mlreef_hooks", "--config", str(config), "check"]
    words.append(str(author.folder))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("warning: requirements.txt:3: numpy is not pinned")
    config.write_text("[limits]\nfiles = 1\n")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "[tree-too-many-files]" in done.stdout

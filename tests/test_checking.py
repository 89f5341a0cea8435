"""What `check` finds with and without what it remembers, and in a folder as in a commit of it."""

import json
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.checking import check_commit, check_folder
from mlreef_hooks.config import Config, Limits
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_working_tree import ask_changes, list_working_tree
from mlreef_hooks.problems import Problem
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.validation import Validation, validate
from mlreef_hooks.working_tree import read_working_tree
from tests.support.git import Author, GitError
from tests.support.site import PROJECT

Said = tuple[tuple[Problem, ...], int, list[dict[str, Any]]]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
MANY = {f"d{x}/e{y}/f{z}.txt": f"{x}{y}{z}" for x in range(5) for y in range(5) for z in range(21)}


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """An author with a project of so many files that its folders are remembered."""
    author = Author(tmp_path / "clone", "nowhere")
    others = {
        ".gitignore": "ignored\n*.log\n",
        "lib/steps.py": "import argparse\n",
        "lib/pointer.bin": POINTER,
        "d3/e1/g.py": "x = 1\n",
        "Large/e1/f1.txt": "",
    }
    author.commit({**PROJECT, **MANY, **others})
    (author.folder / "d3" / "link").symlink_to("../lib/steps.py")
    author.commit({})
    return author


def said(found: Validation) -> Said:
    """What `check` says of what was found."""
    return found.problems, found.files, [each.to_json() for each in found.manifests]


def check_all(folder: Path, config: Config) -> Said:
    """What is found where every file of the folder is read."""
    tree = read_working_tree(folder, list_working_tree(folder))
    return said(validate(tree, name="x", config=config))


def check_changes(folder: Path, caches: Path, config: Config | None = None) -> Said:
    """What is found in the folder where what did not change is not read."""
    changes = ask_changes(folder)()
    return said(check_folder(folder, changes, "x", config or Config(), caches))


def check_revision(author: Author, caches: Path, config: Config | None = None) -> Said:
    """What is found in the last commit."""
    with closing(GitRepository(author.folder)) as repository:
        commit = author.git("rev-parse", "HEAD")
        return said(check_commit(repository, commit, "x", config or Config(), caches))


def write(author: Author, path: str, text: str = "") -> None:
    """Write a file, in place of a link too, and tell git nothing."""
    place = author.folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_text(text)


def link(author: Author, path: str, target: str) -> None:
    """Put a symbolic link at a path."""
    (author.folder / path).unlink(missing_ok=True)
    (author.folder / path).symlink_to(target)


def delete(author: Author, path: str) -> None:
    """Delete a file or a folder."""
    place = author.folder / path
    shutil.rmtree(place) if place.is_dir() else place.unlink()


def git(author: Author, *words: str) -> None:
    """Run git."""
    author.git(*words)


def touch(author: Author, path: str) -> None:
    """Give a file another time and mode, and the same content."""
    os.utime(author.folder / path)
    (author.folder / path).chmod(0o755)


def conflict(author: Author, path: str, deleted: str) -> None:
    """Leave a merge with a conflict in two files, one of them deleted on disk."""
    author.git("branch", "other")
    author.commit({path: "ours", deleted: "ours"})
    author.git("checkout", "--quiet", "other")
    author.commit({path: "theirs", deleted: "theirs"})
    with pytest.raises(GitError):
        author.git("merge", "master")
    assert "<<<<<<<" in (author.folder / path).read_text()
    delete(author, deleted)


def submodule(author: Author, path: str) -> None:
    """Put a repository with a commit inside the folder."""
    Author(author.folder / path, "/nowhere").commit({"train.py": PROJECT["upper.py"]})


MODULE = PROJECT["upper.py"]
Change = Sequence[tuple[Callable[..., None], *tuple[str, ...]]]
CHANGES: dict[str, Change] = {
    "nothing": [],
    "an edit": [(write, "d1/e1/f1.txt", "other words")],
    "an edit of the requirements": [(write, "requirements.txt", "numpy\n")],
    "a broken entry point": [(write, "upper.py", "def (\n")],
    "another entry point": [(write, "d2/e1/main.py", MODULE)],
    "one that is ignored": [(write, "ignored/main.py", MODULE)],
    "one in place of another text": [(write, "d3/e1/g.py", MODULE)],
    "a broken file that is imported": [
        (write, "upper.py", "import lib.steps\n" + MODULE),
        (write, "lib/steps.py", "def (\n"),
    ],
    "a deleted entry point": [(delete, "upper.py")],
    "a deleted file": [(delete, "d1/e1/f1.txt")],
    "the deleted target of a link": [(delete, "lib")],
    "a file in place of a folder": [(delete, "d2"), (write, "d2", "text")],
    "a folder taken out of the index": [(git, "rm", "-rq", "--cached", "d2")],
    "only in the index": [
        (write, "d2/e2/new.py", MODULE),
        (git, "add", "d2"),
        (delete, "d2/e2/new.py"),
    ],
    "added": [(write, "d2/e2/mlreef.toml"), (git, "add", "d2")],
    "added by intent": [(write, "d2/x/mlreef.toml"), (git, "add", "--intent-to-add", "d2/x")],
    "an odd name": [(write, "d2/e1/a\u202eb")],
    "a name that is not UTF-8": [(write, os.fsdecode(b"d2/e1/\xff\n"))],
    "another case": [(write, "D2/e1/f1.txt"), (write, "d1/E2/F1.txt")],
    "another case of a large letter": [(write, "large/e1/f1.txt")],
    "an edit below a large letter": [
        (write, "Large/e1/mlreef.toml"),
        (write, "Large/e1/f1.txt", "x"),
    ],
    "a link out": [(link, "d2/e2/link", "../../../x")],
    "a link in place of a file": [(link, "d2/e2/f1.txt", "../../../x")],
    "a link through a folder": [(link, "lib/up", ".."), (link, "d1/e1/l", "../../lib/up/../x")],
    "a file in place of a link": [(write, "d3/link", "text")],
    "a submodule": [(submodule, "d1/inner")],
    "an added submodule": [(submodule, "inner"), (git, "add", "inner")],
    "pointers": [(write, ".gitattributes", "*.bin filter=lfs\n")],
    "a conflict": [(conflict, "d1/e1/f1.txt", "d1/e1/f2.txt")],
    "another time and mode": [(touch, "d1/e1/f1.txt")],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_same_is_found_however_little_is_read(
    author: Author, change: Change, tmp_path: Path
) -> None:
    config, caches, empty = Config(), tmp_path / "caches", tmp_path / "empty"
    check_changes(author.folder, caches)
    assert list(caches.iterdir())
    for step, *words in change:
        step(author, *words)
    expected = check_all(author.folder, config)
    assert check_changes(author.folder, empty) == expected
    for _ in range(2):
        assert check_changes(author.folder, caches) == expected
    for inner in ("d1", "lib"):
        if (author.folder / inner).is_dir():
            found = check_changes(author.folder / inner, caches)
            assert found == check_all(author.folder / inner, config)
    author.git("add", "--all")
    author.git("commit", "--quiet", "--allow-empty", "--message=x")
    for place in (caches, tmp_path / "none"):
        assert check_revision(author, place) == check_all(author.folder, config)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(files=500),
        Limits(tree_bytes=1500),
        Limits(depth=1),
        Limits(file_bytes=100),
        Limits(files=len(MANY) + 10),
    ],
)
def test_limits_count_what_is_not_read(author: Author, limits: Limits, tmp_path: Path) -> None:
    check_changes(author.folder, tmp_path / "caches")
    for deleted in ("d1", "d2"):
        write(author, "d3/e2/new.txt", deleted)
        config = Config(limits=limits)
        expected = check_all(author.folder, config)
        assert check_changes(author.folder, tmp_path / "caches", config) == expected
        delete(author, deleted)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize(("files", "found"), [(16, []), (15, ["tree-too-many-files"])])
def test_folders_count_as_in_a_commit(
    committed: bool, files: int, found: list[str], tmp_path: Path
) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    more = {f"a{number}/b/c.txt": "" for number in range(5)}
    if committed:
        author.commit({**PROJECT, **more})
    for path, text in {**PROJECT, **more, "a0/b/d.txt": ""}.items():
        write(author, path, text)
    config = Config(limits=Limits(files=files + len(PROJECT)))
    for _ in range(2):
        problems = check_changes(author.folder, tmp_path / "caches", config)[0]
        assert [each.rule for each in problems] == found
    author.commit({})
    problems = check_revision(author, tmp_path / "caches", config)[0]
    assert [each.rule for each in problems] == found
    (author.folder / ".git").rename(tmp_path / "elsewhere")
    problems = check_changes(author.folder, tmp_path / "caches", config)[0]
    assert [each.rule for each in problems] == found


def test_what_was_cut_off_by_a_limit_is_not_remembered(author: Author, tmp_path: Path) -> None:
    author.commit({".gitattributes": "*.bin filter=lfs\n"})
    expected = check_revision(author, tmp_path / "none")
    assert [each.rule for each in expected[0]] == ["tree-lfs-pointer"]
    for limits in (Limits(files=300), Limits(files=550), Limits(tree_bytes=300), Limits(depth=1)):
        assert check_revision(author, tmp_path / "caches", Config(limits=limits)) != expected
        assert check_revision(author, tmp_path / "caches") == expected


def test_what_did_not_change_is_not_read(author: Author, tmp_path: Path) -> None:
    first = check_revision(author, tmp_path / "caches")
    blob = author.git("rev-parse", "HEAD:d1/e1/f1.txt")
    (author.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert check_revision(author, tmp_path / "caches") == first
    with pytest.raises(PublishError, match="missing"):
        check_revision(author, tmp_path / "none")
    # In the folder every file is there all the same.
    assert check_changes(author.folder, tmp_path / "none") == first


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"00000000\n", b"00000000\n{}", b"\xff" * 99, b"[" * 9999]
)
def test_a_broken_memory_is_no_memory(author: Author, content: bytes, tmp_path: Path) -> None:
    caches = tmp_path / "caches"
    expected = check_revision(author, caches)
    (file,) = caches.iterdir()
    whole = file.read_bytes()
    for broken in (content, whole[:-1], whole.replace(b"f", b"g")):
        file.write_bytes(broken)
        assert check_revision(author, caches) == expected
        assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "kept",
    [
        lambda whole: None,
        lambda whole: [1, 2],
        lambda whole: [["a", "b"]],
        lambda whole: 5,
        lambda whole: dict.fromkeys(whole),
        lambda whole: {key: {} for key in whole},
        lambda whole: {key: [] for key in whole},
        lambda whole: {key: {**each, "size": "x"} for key, each in whole.items()},
        lambda whole: {key: {**each, "more": 1} for key, each in whole.items()},
        lambda whole: {key: {**each, "special": [1]} for key, each in whole.items()},
        lambda whole: {key: {**each, "python": {"x": 1}} for key, each in whole.items()},
        lambda whole: {key: {**each, "links": {"x": None}} for key, each in whole.items()},
    ],
)
def test_a_memory_of_something_else_is_no_memory(
    author: Author, kept: Callable[[Any], Any], tmp_path: Path
) -> None:
    caches = tmp_path / "caches"
    expected = check_revision(author, caches)
    (file,) = caches.iterdir()
    whole = file.read_bytes()
    content = json.dumps(kept(json.loads(whole[9:]))).encode()
    for other in (content, b"[" * 99_999):
        for check in (partial(check_changes, author.folder), partial(check_revision, author)):
            file.write_bytes(b"%08x\n" % zlib.crc32(other) + other)
            assert check(caches) == expected
            assert json.loads(file.read_bytes()[9:]).keys() >= json.loads(whole[9:]).keys()


def test_a_memory_that_cannot_be_written(author: Author, tmp_path: Path) -> None:
    expected = check_revision(author, tmp_path / "caches")
    (tmp_path / "file").write_text("")
    assert check_revision(author, tmp_path / "file") == expected
    (file,) = (tmp_path / "caches").iterdir()
    (tmp_path / "folders" / file.name / "x").mkdir(parents=True)
    assert check_revision(author, tmp_path / "folders") == expected


def test_a_small_repository_leaves_no_file(tmp_path: Path) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    author.commit({**PROJECT, "a/b.txt": ""})
    check_changes(author.folder, tmp_path / "caches")
    assert not (tmp_path / "caches").exists()


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    for path, text in PROJECT.items():
        write(author, path, text)
    found = check_changes(author.folder, tmp_path / "caches")
    assert found == check_all(author.folder, Config())
    assert not found[0]


def test_a_changed_folder_is_not_remembered_as_the_committed_one(
    author: Author, tmp_path: Path
) -> None:
    delete(author, "d1/e1/f1.txt")
    check_changes(author.folder, tmp_path / "caches")
    author.git("checkout", "--quiet", ".")
    found = check_changes(author.folder, tmp_path / "caches")
    assert found == check_all(author.folder, Config())

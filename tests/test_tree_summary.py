"""Folders that were looked at before: not read again, and nothing is overlooked for that."""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.config import Config, Limits
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_summary import key_of, recall_from, summarise
from mlreef_hooks.validation import Validation, validate
from tests.support.git import Author
from tests.support.site import PROJECT

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"


class Memory:
    """A cache in memory that keeps JSON, as that of a server does."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def find(self, keys: Iterable[str]) -> Mapping[str, Any]:
        """What is kept under keys."""
        return {key: json.loads(self.kept[key]) for key in keys if key in self.kept}

    def keep(self, tree: SourceTree, validation: Validation) -> None:
        """Keep what was found without fault."""
        for id_, summary in summarise(tree, validation.problems).items():
            self.kept[key_of(id_)] = json.dumps(summary.to_json())


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """An author with a project of several folders."""
    author = Author(tmp_path / "clone", "nowhere")
    folders = {
        f"d{x}/e{y}/f{z}.txt": str(x + y + z) for x in range(4) for y in range(4) for z in range(9)
    }
    author.commit({**PROJECT, **folders, "lib/helper.py": "import argparse\n"})
    return author


def read(
    author: Author, memory: Memory | None, limits: Limits | None = None
) -> tuple[SourceTree, Validation]:
    """The tree of the last commit and what is found in it, with what is known."""
    config = Config(limits=limits or Limits())
    recall = recall_from(memory.find if memory else lambda keys: {})
    with closing(GitRepository(author.folder)) as repository:
        tree = repository.read_tree(author.git("rev-parse", "HEAD"), config.limits, recall)
        validation = validate(tree, name="x", config=config)
        summarise(tree, validation.problems)
        return tree, validation


def test_what_did_not_change_is_not_listed(author: Author) -> None:
    memory = Memory()
    tree, validation = read(author, memory)
    assert tree.known == {}
    memory.keep(tree, validation)
    author.commit({"d1/e1/f1.txt": "changed"})
    tree, validation = read(author, memory)
    listed = {entry.path.rpartition("/")[0] for entry in tree.entries}
    assert listed == {"", "d1/e1"}
    assert tree.known.keys() == {"d0/", "d2/", "d3/", "lib/", "d1/e0/", "d1/e2/", "d1/e3/"}
    assert tree.files == 4 * 4 * 9 + len(PROJECT) + 1
    memory.keep(tree, validation)
    assert read(author, memory)[0].known.keys() == {"d0/", "d1/", "d2/", "d3/", "lib/"}


def test_files_in_known_folders_are_found_and_read(author: Author) -> None:
    memory = Memory()
    memory.keep(*read(author, memory))
    with closing(GitRepository(author.folder)) as repository:
        commit = author.git("rev-parse", "HEAD")
        tree = repository.read_tree(commit, Limits(), recall_from(memory.find))
        plain = repository.read_tree(commit, Limits())
        assert tree.all_entries() == list(plain.entries)
        assert tree.read("d1/e2/f3.txt") == b"6"
        assert "d1/e2/f3.txt" in tree
        for path in ("d1", "d1/e2", "d1/e2/f3.txt/x", "d1/e9/f", "d9/x"):
            assert path not in tree
            assert tree.get(path) is None


CHANGES: Mapping[str, Mapping[str, str | None]] = {
    "a link out": {"d2/link": "-> ../../x"},
    "a link through a known folder": {"lib/up": "-> ..", "d3/e1/link": "-> ../../lib/up/../x"},
    "an odd name": {"d2/e1/a\u202eb": ""},
    "a pointer": {".gitattributes": "*.bin filter=lfs\n", "d1/x.bin": POINTER},
    "another toml": {"d1/e1/mlreef.toml": ""},
    "another entry point": {"d3/e2/main.py": PROJECT["upper.py"]},
    "a broken helper": {
        "lib/helper.py": "def (\n",
        "upper.py": "import lib.helper\n" + PROJECT["upper.py"],
    },
    "a misspelt entry point": {"mlreef.toml": '[module]\nentry_point = "lib/hepler.py"\n'},
    "case": {"d2/E1/f": "", "D2/e1/f": ""},
    "nothing": {},
}


def write(author: Author, files: Mapping[str, str | None]) -> None:
    """Commit files, and links where a text begins with an arrow."""
    for path, text in files.items():
        if text is not None and text.startswith("-> "):
            place = author.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(text.removeprefix("-> "))
    author.commit(
        {path: text for path, text in files.items() if not (text or "").startswith("-> ")}
    )


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_same_is_found_with_and_without_memory(
    author: Author, change: Mapping[str, str | None]
) -> None:
    if "mlreef.toml" not in change:
        author.commit({"mlreef.toml": PROJECT["mlreef.toml"]})
    memory = Memory()
    memory.keep(*read(author, memory))
    write(author, change)
    for _ in range(3):
        tree, known = read(author, memory)
        plain = read(author, None)[1]
        assert known.problems == plain.problems
        assert known.manifests == plain.manifests
        assert known.files == plain.files
        memory.keep(tree, known)
        author.commit({"README.md": os.urandom(4).hex()})


@pytest.mark.parametrize("root", ["", "src/", "src/deep/"])
def test_imports_from_folders_without_a_file_of_their_own_are_of_the_repository(
    author: Author, root: str
) -> None:
    imports = "import helpers.tools\nfrom single import x\nimport absent\n"
    main = {f"{root}upper.py": imports + PROJECT["upper.py"]}
    author.commit({"upper.py": None, f"{root}helpers/deep/tools.py": "", f"{root}single.py": ""})
    author.commit({**main, "mlreef.toml": f'[module]\nentry_point = "{root}upper.py"\n'})
    memory = Memory()
    for _ in range(3):
        tree, validation = read(author, memory)
        (manifest,) = validation.manifests
        assert {each.name for each in manifest.imports} == {"absent", "argparse", "pathlib"}
        memory.keep(tree, validation)
        author.commit({"README.md": os.urandom(4).hex()})


def test_what_was_not_searched_before_is_not_taken_as_absent(author: Author) -> None:
    annotated = '@data_processor(name="Up", type="OPERATION")\ndef init(): pass\n'
    author.commit({"upper.py": None, "annotated.py": annotated, "a/b/tool.py": PROJECT["upper.py"]})
    memory = Memory()
    memory.keep(*read(author, memory))  # one with annotations: nothing is searched for argparse
    for change in ({"annotated.py": None, "a/README": ""}, {"x.md": ""}, {"other.py": "import os"}):
        author.commit(change)
        tree, validation = read(author, memory)
        assert tree.known
        assert [each.entry_point for each in validation.manifests] == ["a/b/tool.py"]
        memory.keep(tree, validation)
    words = {len(each.summary.python) for each in read(author, memory)[0].known.values()}
    assert words == {2}  # what was known before was searched for more, and that is remembered


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        (Limits(files=100), "tree-too-many-files"),
        (Limits(tree_bytes=300), "tree-too-large"),
        (Limits(depth=1), "tree-too-deep"),
        (Limits(file_bytes=100), "tree-file-too-large"),
    ],
)
def test_limits_count_what_is_known(author: Author, limits: Limits, rule: str) -> None:
    author.commit({"d1/e1/large": "x" * 200})
    memory = Memory()
    memory.keep(*read(author, memory))
    known = read(author, memory, limits)[1]
    assert rule in {each.rule for each in known.problems}
    assert known.problems == read(author, None, limits)[1].problems

"""How code is divided into layers: how many, how stable, and that nothing is lost."""

import hashlib
import random
from collections.abc import Mapping, Sequence

import pytest

from mlreef_hooks.code_layers import Part, divide_code
from mlreef_hooks.tree_entry import FILE, Child, folder_child

Folder = dict[str, "Folder | int"]  # names to folders, or to the sizes of files
MB = 1 << 20


class Tree:
    """A tree in memory: the children of each folder by an id that its content decides."""

    def __init__(self, root: Folder) -> None:
        self.folders: dict[str, list[Child]] = {}
        self.looked_up: list[str] = []
        self.root = self._add("", root)

    def _add(self, name: str, folder: Folder) -> Child:
        inside = [
            Child(name, FILE, f"{name}-{inner}", inner, 1)
            if isinstance(inner, int)
            else self._add(name, inner)
            for name, inner in sorted(folder.items())
        ]
        id_ = hashlib.sha256(repr(inside).encode()).hexdigest()
        self.folders[id_] = inside
        return folder_child(name, id_, inside)

    def children(self, id_: str) -> list[Child]:
        """What is directly in a folder."""
        self.looked_up.append(id_)
        return self.folders[id_]

    def divide(
        self, room: int = 48, memory: dict[str, list[str]] | None = None
    ) -> tuple[Part, ...]:
        """The parts of the whole tree."""
        return divide_code(self.folders[self.root.id], self.children, room, memory)

    def files(self, parts: Sequence[Part]) -> list[str]:
        """Every file of some parts."""
        found = []
        waiting = [(part.folder, member) for part in parts for member in part.members]
        while waiting:
            folder, member = waiting.pop()
            if member.id in self.folders:
                inner = f"{folder}{member.name}/"
                waiting += [(inner, each) for each in self.folders[member.id]]
            else:
                found.append(folder + member.name)
        return sorted(found)


def wide(folders: int, files: int, size: int) -> Folder:
    """Folders with as many files of a size each."""
    return {f"d{x}": {f"f{y}": size for y in range(files)} for x in range(folders)}


def deep(levels: int, size: int) -> Folder:
    """A file in a folder in a folder, and a file beside each."""
    folder: Folder = {"f": size}
    for level in range(levels):
        folder = {"in": folder, f"beside{level}": size}
    return folder


SHAPES: Mapping[str, Folder] = {
    "nothing": {},
    "one file": {"x.py": 100},
    "one large file": {"x.bin": 300 * MB},
    "few files": {f"{x}.py": 1000 for x in range(20)},
    "one folder of many": {"data": {f"{x}": 10_000 for x in range(20_000)}},
    "many folders": wide(200, 100, 15_000),
    "many folders of nothing": wide(5000, 1, 0),
    "deep": deep(60, 2 * MB),
    "deep in one": {"a": {"b": {"c": {"d": wide(10, 100, 20_000)}}}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("room", [1, 2, 7, 48])
def test_every_file_is_in_one_part(shape: Folder, room: int) -> None:
    tree = Tree(shape)
    parts = tree.divide(room)
    assert 1 <= len(parts) <= room
    whole = Part(folder="", members=tuple(tree.folders[tree.root.id]))
    assert tree.files(parts) == tree.files([whole])
    assert len({part.key for part in parts}) == len(parts)


def test_a_small_tree_is_one_layer() -> None:
    assert len(Tree(SHAPES["few files"]).divide()) == 1


@pytest.mark.parametrize("shape", ["one folder of many", "many folders", "deep in one"])
def test_a_change_of_one_file_changes_one_small_part(shape: str) -> None:
    moves = random.Random(3)
    before = Tree(SHAPES[shape])
    parts = {part.key: part for part in before.divide()}
    for _ in range(10):
        changed = {**SHAPES[shape]}
        folder = changed
        while not isinstance(folder[name := moves.choice(sorted(folder))], int):
            inner = folder[name]
            assert not isinstance(inner, int)
            folder[name] = folder = {**inner}
        size = folder[name]
        assert isinstance(size, int)
        folder[name] = size + 7
        new = [part for part in Tree(changed).divide() if part.key not in parts]
        assert len(new) == 1
        assert new[0].cost < before.root.size / 4 + MB


def test_more_of_one_folder_leaves_the_others_alone() -> None:
    shape = SHAPES["many folders"]
    before = {part.key for part in Tree(shape).divide()}
    first = shape["d0"]
    assert not isinstance(first, int)
    grown = {**shape, "d0": {**first, **{f"new{x}": 10_000 for x in range(50)}}}
    after = {part.key for part in Tree(grown).divide()}
    assert len(after - before) <= 2


def test_what_is_remembered_is_not_looked_up() -> None:
    memory: dict[str, list[str]] = {}
    shape = {**SHAPES["many folders"], "deep": SHAPES["deep in one"]}
    first = Tree(shape)
    keys = [part.key for part in first.divide(memory=memory)]
    assert len(first.looked_up) > 3
    second = Tree({**shape, "new.py": 10})
    again = [part.key for part in second.divide(memory=memory)]
    assert len({*again} - {*keys}) == 1
    assert second.looked_up == []
    assert again == [part.key for part in second.divide()]


def test_the_key_names_place_and_content() -> None:
    member = Child("x", FILE, "1", 100, 1)
    changed = (member, member._replace(name="y"), member._replace(id="2"), member._replace(mode=8))
    keys = {Part(folder=folder, members=(each,)).key for folder in ("", "a/") for each in changed}
    assert len(keys) == 8
    same = Part(folder="", members=(member._replace(size=5, entries=7),))
    assert same.key == Part(folder="", members=(member,)).key

"""Trees that no git command writes, and those that are too much."""

import os
from collections.abc import Callable, Mapping

from tests.redteam.attack import TAG, Attack, Refs, files
from tests.support.git import Author
from tests.support.raw_objects import RawObjects
from tests.support.site import PROJECT

LIMITS: Mapping[str, int] = {
    "files": 5000,
    "depth": 50,
    "file_bytes": 1 << 20,
    "image_bytes": 360 << 20,
}
Row = tuple[str, bytes, str]
_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 99\n"
_SUBMODULES = (
    '[submodule "x"]\n\tpath = sub\n\turl = ext::sh -c touch% /tmp/x\n\tupdate = !touch x\n'
)
_NAMES = (
    b"..", b".", b".git", b".GIT", b"a\nb", b"\x1b[31mred", b"\x1b]0;title\x07",
    "\u202egnp.exe".encode(), b"latin-\xe9", b".wh.upper.py", b"x" * 300,
)  # fmt: skip
_SHELL_NAMES = (
    b"$(touch x)",
    b"`touch x`",
    b";touch x",
    b"'\"",
    b"-rf",
    b"--help",
    b"a b",
    b"%s%n",
)
_LINKS = {
    "absolute": "/etc/passwd", "outside": "../../../etc/passwd", "circle": "circle",
    "up": "folder/inner", "through": "up/../../../../etc", "nothing": "", "long": "a/" * 3000,
}  # fmt: skip


def _planted(plant: Callable[[RawObjects, str], list[Row]]) -> Callable[[Author], Refs]:
    """Pushes a code project whose root has more rows, in whatever order and form they are.

    `plant` gets the id of a file as well.
    """

    def prepare(author: Author) -> Refs:
        author.commit(PROJECT)
        raw = RawObjects(author.folder / ".git")
        listed = (line.split(maxsplit=3) for line in author.git("ls-tree", "HEAD").splitlines())
        rows: list[Row] = [(mode, os.fsencode(name), id_) for mode, _, id_, name in listed]
        commit = raw.commit(raw.tree(*rows, *plant(raw, rows[0][2])))
        author.git("update-ref", "refs/heads/master", commit)
        author.tag(TAG, target=commit)
        return ("master", TAG)

    return prepare


def _named(raw: RawObjects, blob: str) -> list[Row]:
    hooks = raw.tree(("100755", b"post-receive", blob))
    inside = raw.tree(("100644", b"x", blob), ("40000", b"hooks", hooks))
    folders = [("40000", name, inside) for name in _NAMES[:3]]
    return [*folders, *(("100755", name, blob) for name in (*_NAMES[3:], *_SHELL_NAMES))]


def _misplaced(raw: RawObjects, blob: str) -> list[Row]:
    folder = raw.tree(("100644", b"__init__.py", blob))
    return [("40000", b"shared", folder), ("100644", b"shared/planted.py", blob)]


def _doubled(raw: RawObjects, blob: str) -> list[Row]:
    other = raw.put("blob", b"/etc/passwd")
    inner = raw.tree(("100644", b"x", blob))
    twice = [("40000", b"d", inner), ("40000", b"d", raw.tree(("100644", b"y", blob)))]
    return [*twice, ("120000", b"f", other), ("100644", b"f", blob), ("100644", b"d", blob)]


def _linked(raw: RawObjects, blob: str) -> list[Row]:
    inner = raw.tree(("100644", b"file", blob))
    outer = raw.tree(("40000", b"inner", inner))
    links = [
        ("120000", name.encode(), raw.put("blob", target.encode()))
        for name, target in _LINKS.items()
    ]
    return [("40000", b"folder", outer), *links]


def _many_links(raw: RawObjects, blob: str) -> list[Row]:
    target = raw.put("blob", b"a/" * 2047 + b"a")
    return [("120000", b"z%d" % place, target) for place in range(3000)]


def _deep(raw: RawObjects, blob: str) -> list[Row]:
    leaf = raw.tree(("100644", b"x", blob))
    for _ in range(2000):
        leaf = raw.tree(("40000", b"d", leaf))
    return [("40000", b"d", leaf)]


def _bomb(raw: RawObjects, blob: str) -> list[Row]:
    leaf = raw.tree(("100644", b"x.py", blob))
    for _ in range(12):
        leaf = raw.tree(*[("40000", b"%d" % place, leaf) for place in range(10)])
    return [("40000", b"d", leaf)]


def _giant(author: Author) -> Refs:
    """Nothing, which git packs into nearly nothing."""
    with (author.folder / "giant.bin").open("wb") as file:
        file.truncate(16 << 20)
    author.git("config", "core.bigFileThreshold", "1m")
    return files({"small.bin": b"x" * (LIMITS["file_bytes"] + 1)})(author)


def _modules(raw: RawObjects, blob: str) -> list[Row]:
    settings = raw.put("blob", _SUBMODULES.encode())
    return [("100644", b".gitmodules", settings), ("160000", b"sub", "4" * 40)]


TREES = (
    Attack(
        name="names that lead out, hide, or speak to the terminal",
        prepare=_planted(_named),
        said=(
            "../x: the path has a part . or ..", "./x: the path has a part . or ..",
            ".git/hooks/post-receive: the",
            ".GIT: the path has a part .git", "a\\nb: the path holds a control",
            "\\x1b[31mred: the path holds a control", "\\x1b]0;title\\x07: the path holds",
            "\\u202egnp.exe: the path holds a control", "latin-\\udce9: the path holds",
            ".wh.upper.py: the path has a part .wh.*", "has a part longer than 255 bytes",
            "[tree-path]",
        ),
    ),
    Attack(
        name="a file in the folder of another tree, and in the layer of all who have that one",
        prepare=_planted(_misplaced),
        said=("is malformed",),
    ),
    Attack(
        name="entries that stand twice",
        prepare=_planted(_doubled),
        said=("d: the name stands twice", "f: the name stands twice", "[tree-duplicate]"),
    ),
    Attack(
        name="links out of the tree, and through links",
        prepare=_planted(_linked),
        said=(
            "absolute: the symbolic link leads out", "outside: the symbolic link leads out",
            "through: the symbolic link leads out", "circle: the symbolic link leads in a circle",
            "nothing: the symbolic link", "long: the symbolic link has a target", "[tree-symlink]",
        ),
    ),
    Attack(
        name="three thousand links of two thousand parts",
        prepare=_planted(_many_links),
        said=("the symbolic link is one of more than can be followed", "[tree-symlink]"),
    ),
    Attack(
        name="names that differ in case alone",
        prepare=_planted(lambda raw, blob: [("100644", b"UPPER.py", blob)]),
        said=("[tree-case-clash]",),
        published=True,
    ),
    Attack(
        name="a submodule whose settings are commands",
        prepare=_planted(_modules),
        said=("[tree-submodule]",),
        published=True,
    ),
    Attack(
        name="a pointer of LFS",
        prepare=files({".gitattributes": "*.bin filter=lfs\n", "model.bin": _POINTER}),
        said=("model.bin", "[tree-lfs-pointer]"),
    ),
    Attack(name="two thousand folders", prepare=_planted(_deep), said=("[tree-too-deep]",)),
    Attack(
        name="a million million files", prepare=_planted(_bomb), said=("[tree-too-many-files]",)
    ),
    Attack(
        name="a giant file", prepare=_giant, said=("giant.bin", "16777216", "[tree-file-too-large]")
    ),
)  # fmt: skip

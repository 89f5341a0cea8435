"""Reading repositories: real ones of every shape, and objects that no git command would write."""

import os
import random
import subprocess
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from mlreef_hooks.config import Limits
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import git_environment, list_working_tree
from mlreef_hooks.git_objects import tree_entries
from mlreef_hooks.repository import TAG_DEPTH, GitRepository
from mlreef_hooks.tree import ReadObjects, SourceTree
from mlreef_hooks.tree_entry import EXECUTABLE, FILE, SUBMODULE, SYMLINK
from tests.support.git import Author, make_bare
from tests.support.processes import PATH
from tests.support.raw_objects import AUTHOR_LINE, MADE_AT, RawObjects

SUBMODULE_ID = {"sha1": "1" * 40, "sha256": "1" * 64}
FILES: dict[str, bytes | str | None] = {
    "add_noise.py": "import argparse\n",
    "run.sh": "#!/bin/sh\n",
    "empty": "",
    "a/b/c/deep.py": b"\0 argparse behind a zero byte",
    "a-b": "sorts between a and a/b",
    "a.py": "no parser here",
    "bin\N{EN DASH}\N{SNOWMAN}.py": "argparse",
    "line\nbreak.py": "argparse",
    'quote"\\.py': "argparse",
    "colon:and space.py": "argparse",
    os.fsdecode(b"latin-\xe9.py"): "argparse",
    "hidden/x.py": "argparse",
    "hidden/.gitattributes": "*.py binary -diff -text diff=nothing\n",
    "notes.txt": "argparse, but no Python file",
    "upper.PY": "argparse, but no Python file for anybody",
}


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("PATH", PATH)


@pytest.fixture(params=["sha1", "sha256"], scope="module")
def author(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Author:
    """An author with a clone of two commits."""
    folder = tmp_path_factory.mktemp(request.param)
    author = Author(folder, "nowhere", object_format=request.param)
    author.commit({"old": "old"})
    (folder / "link.py").symlink_to("add_noise.py")
    (folder / "a").mkdir()
    (folder / "a" / "dangling").symlink_to("../../x")
    cacheinfo = f"160000,{SUBMODULE_ID[request.param]},sub/module"
    author.git("update-index", "--add", "--cacheinfo", cacheinfo)
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content or b"")
    (folder / "run.sh").chmod(0o755)
    author.git("add", "--force", "a", "link.py", *FILES)
    author.git("commit", "--quiet", "--message=Everything that git can hold")
    return author


def _clone(author: Author, path: Path, *options: str) -> Path:
    author.git("clone", "--quiet", "--bare", *options, author.folder.as_uri(), str(path))
    return path


def _repack(author: Author, path: Path, *options: str) -> Path:
    author.git("--git-dir", str(path), "repack", "-a", "-d", "-q", *options)
    return path


def _local(author: Author, path: Path, *options: str) -> Path:
    author.git("clone", "--quiet", "--bare", *options, str(author.folder), str(path))
    return path


def _alternate_of_alternate(author: Author, path: Path) -> Path:
    middle = _local(author, path.with_name("middle.git"), "--shared")
    author.git("clone", "--quiet", "--bare", "--shared", str(middle), str(path))
    with (middle / "objects" / "info" / "alternates").open("a") as alternates:
        alternates.write(
            f"# a comment, an empty line, nothing, a circle\n\n/nowhere\n{path}/objects\n"
        )
    return path


def _multi_pack(author: Author, path: Path) -> Path:
    path = _clone(author, path)
    author.git("--git-dir", str(path), "multi-pack-index", "write")
    return path


def _in(author: Author, path: Path, *words: str) -> None:
    author.git("--git-dir", str(path), *words)


def _partly_mapped(author: Author, path: Path) -> Path:
    """A pack with a bitmap, and a later one without."""
    commit = author.git("rev-parse", "HEAD")
    author.git("init", "--quiet", "--bare", f"--object-format={_ids(author)}", str(path))
    before = author.git("rev-parse", "HEAD~1")
    _in(author, path, "fetch", "--quiet", str(author.folder), f"{before}:refs/heads/old")
    _in(author, path, "repack", "-adbq")
    _in(author, path, "-c", "fetch.unpackLimit=1", "fetch", "--quiet", str(author.folder),
         f"{commit}:refs/heads/new")  # fmt: skip
    packs = path / "objects" / "pack"
    assert len([*packs.glob("*.bitmap")]) == 1 < len([*packs.glob("*.pack")])
    return path


def _ids(author: Author) -> str:
    return author.git("rev-parse", "--show-object-format")


def _mapped_packs(author: Author, path: Path) -> Path:
    """A multi-pack-index with a bitmap of its own over packs of several pushes."""
    path = _partly_mapped(author, path)
    _in(author, path, "repack", "-dq", "--write-midx", "--write-bitmap-index", "--geometric=2")
    _in(author, path, "multi-pack-index", "write", "--bitmap")
    assert [*(path / "objects" / "pack").glob("multi-pack-index-*.bitmap")]
    return path


def _cruft(author: Author, path: Path) -> Path:
    """All of it in a cruft pack: no ref leads there any more."""
    path = _partly_mapped(author, path)
    _in(author, path, "update-ref", "-d", "refs/heads/new")
    _in(author, path, "repack", "--cruft", "-dq")
    assert [*(path / "objects" / "pack").glob("*.mtimes")]
    return path


def _graphs(author: Author, path: Path) -> Path:
    """A chain of commit-graphs."""
    path = _partly_mapped(author, path)
    for ref in ("refs/heads/old", "refs/heads/new"):
        commit = author.git("--git-dir", str(path), "rev-parse", ref)
        author.git("--git-dir", str(path), "update-ref", "refs/heads/x", commit)
        _in(author, path, "commit-graph", "write", "--reachable", "--split=no-merge")
    assert [*(path / "objects" / "info" / "commit-graphs").glob("*.graph")]
    return path


SHAPES: dict[str, Callable[[Author, Path], Path]] = {
    "working tree": lambda author, path: author.folder,
    "its .git": lambda author, path: author.folder / ".git",
    "a folder in it": lambda author, path: author.folder / "a" / "b",
    "loose objects": lambda author, path: _local(author, path, "--no-hardlinks"),
    "one pack": lambda author, path: _repack(author, _local(author, path)),
    "no deltas": lambda author, path: _repack(author, _clone(author, path), "-F", "--depth=0"),
    "multi-pack index": _multi_pack,
    "a bitmap of some packs": _partly_mapped,
    "a bitmap of many packs": _mapped_packs,
    "cruft": _cruft,
    "commit-graphs": _graphs,
    "alternates": lambda author, path: _local(author, path, "--shared"),
    "alternates of alternates": _alternate_of_alternate,
    "shallow": lambda author, path: _clone(author, path, "--depth=1"),
}


def _listed(author: Author) -> list[tuple[int, str, int, str]]:
    """Mode, id, size and path of each entry of HEAD as git says."""
    said = author.git("ls-tree", "-r", "-l", "-z", "--full-tree", "HEAD")
    rows = (row.partition("\t") for row in said.split("\0") if row)
    facts = ((head.split(), path) for head, _, path in rows)
    return [
        (int(mode, 8), id_, 0 if size == "-" else int(size), path)
        for (mode, _, id_, size), path in facts
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tree_is_what_git_says_it_is(author: Author, tmp_path: Path, shape: str) -> None:
    commit = author.git("rev-parse", "HEAD")
    place = SHAPES[shape](author, tmp_path / "x.git")
    with closing(GitRepository(place)) as repository, warnings.catch_warnings():
        warnings.simplefilter("error")  # an object store that is not closed
        tree = repository.read_tree(commit, Limits())
        found = [(entry.mode, entry.id, entry.size, entry.path) for entry in tree.entries]
        assert sorted(found) == sorted(_listed(author))
        assert tree.beyond is None
        for path, content in FILES.items():
            assert tree.read(path) == (content.encode() if isinstance(content, str) else content)
        assert tree.read("link.py") == b"add_noise.py"
        assert tree.get("link.py") is None
        assert {entry.mode for entry in tree.entries} == {FILE, EXECUTABLE, SYMLINK, SUBMODULE}


@pytest.mark.parametrize(
    "settings",
    ["", "[color]\n\tgrep = always\n[grep]\n\tlineNumber = true\n\tpatternType = perl\n"],
    ids=["plain", "with settings of the account"],
)
def test_the_search_finds_what_a_plain_reading_finds(
    author: Author, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    (tmp_path / "gitconfig").write_text(settings)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.chdir(author.folder / "a" / "b")
    with closing(GitRepository(author.folder)) as repository:
        tree = repository.read_tree(author.git("rev-parse", "HEAD"), Limits())
        words = ["argparse", "a.p"]
        plain = SourceTree(tree.entries, ReadObjects(lambda entry: tree.read(entry.path)))
        assert tree.python_files_with(words) == plain.python_files_with(words)
        assert len(tree.python_files_with(words)) == 8
        assert tree.python_files_with(["nowhere to be found"]) == set()


def test_a_search_ignores_a_work_tree_that_the_repository_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    commit = author.commit({"x.py": "argparse", "sub/y.py": "argparse"})
    author.git("config", "core.worktree", str(author.folder))
    monkeypatch.chdir(author.folder / "sub")
    with closing(GitRepository(author.folder / ".git")) as repository:
        tree = repository.read_tree(commit, Limits())
        assert tree.python_files_with(["argparse"]) == {"x.py", "sub/y.py"}


def test_objects_are_read_while_the_repository_is_repacked(author: Author, tmp_path: Path) -> None:
    path = _repack(author, _local(author, tmp_path / "x.git", "--no-hardlinks"))
    commit = author.git("rev-parse", "HEAD")
    with closing(GitRepository(path)) as repository:
        tree = repository.read_tree(commit, Limits())
        author.git("--git-dir", str(path), "commit-tree", "-m", "x", f"{commit}^{{tree}}")
        _repack(author, path, "-f", "--window=0")
        assert tree.read("notes.txt") == b"argparse, but no Python file"


@pytest.fixture
def raw(tmp_path: Path) -> RawObjects:
    """An empty repository."""
    return RawObjects(tmp_path / "raw.git")


@pytest.fixture
def repository(raw: RawObjects) -> Iterator[GitRepository]:
    """The repository of `raw`, open."""
    with closing(GitRepository(raw.git_dir)) as opened:
        yield opened


HOSTILE_NAMES = [
    b"..", b".", b".git", b".GIT", b"a\nb", b"\xff\xfe", b"-rf",
    b"\xe2\x80\xae.py", b"x" * 5000, b" ", b"\x01",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=repr)
def test_hostile_names_are_listed_as_they_are(
    raw: RawObjects, repository: GitRepository, name: bytes
) -> None:
    blob = raw.put("blob", b"argparse")
    commit = raw.commit(raw.tree(("100644", name, blob)))
    tree = repository.read_tree(commit, Limits())
    assert [os.fsencode(path) for path in tree] == [name]
    assert tree.read(os.fsdecode(name)) == b"argparse"


@pytest.mark.parametrize("name", [b"/etc/passwd", b"a/../../b", b"a/", b"a/b"], ids=repr)
@pytest.mark.parametrize("mode", ["100644", "40000"])
def test_no_tree_puts_anything_into_the_folder_of_another_one(
    raw: RawObjects, repository: GitRepository, name: bytes, mode: str
) -> None:
    blob = raw.put("blob", b"")
    inner = raw.tree(("100644", b"c", blob))
    root = raw.tree(("40000", b"a", inner), (mode, name, inner if mode == "40000" else blob))
    with pytest.raises(PublishError, match=f"the object {root} is malformed"):
        repository.read_tree(raw.commit(root), Limits())


MODES = [
    "100644", "100755", "100664", "100600", "100777", "000100644", "120000", "120777", "160000",
    "0", "20000", "140000",
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode)[:16])
def test_modes_are_read_as_git_reads_them(
    raw: RawObjects, repository: GitRepository, mode: str
) -> None:
    root = raw.tree((mode, b"x", raw.put("blob", b"b")))
    said = _git(raw, "ls-tree", root).split()
    tree = repository.read_tree(raw.commit(root), Limits())
    assert [f"{entry.mode:06o}".encode() for entry in tree.entries] == said[:1]


def _git(raw: RawObjects, *words: str) -> bytes:
    command = ["git", f"--git-dir={raw.git_dir}", *words]
    return subprocess.run(command, env=git_environment(), capture_output=True, check=True).stdout


def test_of_a_name_that_stands_twice_the_first_counts(
    raw: RawObjects, repository: GitRepository
) -> None:
    # Ids in descending order, so that an order by id would take the second.
    second, first = sorted(raw.put("blob", content) for content in (b"1", b"2"))
    folders = [("40000", b"d", raw.tree(("100755", b"x", id_))) for id_ in (first, second)]
    files = [("120000", b"f", first), ("100644", b"f", second)]
    commit = raw.commit(raw.tree(*folders, *files))
    tree = repository.read_tree(commit, Limits())
    assert [(entry.path, entry.id) for entry in tree.entries] == [
        ("d/x", first), ("d/x", second), ("f", first), ("f", second),
    ]  # fmt: skip
    assert tree.read("d/x") == tree.read("f") == _git(raw, "cat-file", "blob", first)
    assert _git(raw, "show", f"{commit}:d/x") == tree.read("d/x")


def _bomb(raw: RawObjects, leaf: str, folders: int, depth: int) -> str:
    for _ in range(depth):
        leaf = raw.tree(*[("40000", b"%d" % place, leaf) for place in range(folders)])
    return raw.commit(leaf)


@pytest.mark.parametrize(
    ("folders", "depth", "files", "limits", "beyond"),
    [
        (2, 60, 0, Limits(), "tree-too-many-files"),
        (10, 10, 0, Limits(), "tree-too-many-files"),
        (10, 10, 5, Limits(files=1000), "tree-too-many-files"),
        (1, 101, 1, Limits(), "tree-too-deep"),
        (1, 100, 1, Limits(), None),
        (1, 1000, 1, Limits(), "tree-too-deep"),
        (0, 1, 11, Limits(files=10), "tree-too-many-files"),
        (0, 1, 10, Limits(files=10), None),
        (1, 1, 10, Limits(files=10), "tree-too-many-files"),
    ],
)
def test_a_tree_bomb_is_listed_up_to_a_bound(
    raw: RawObjects,
    repository: GitRepository,
    folders: int,
    depth: int,
    files: int,
    limits: Limits,
    beyond: str | None,
) -> None:
    blob = raw.put("blob", b"argparse")
    leaf = raw.tree(*[("100644", b"%d.py" % place, blob) for place in range(files)])
    commit = _bomb(raw, leaf, folders, depth) if folders else raw.commit(leaf)
    tree = repository.read_tree(commit, limits)
    assert tree.beyond == beyond
    assert len(tree.entries) <= limits.files + 1
    # By its own means: git would search on and on.
    assert tree.python_files_with(["argparse"]) == set(tree)


def test_long_folder_names_do_not_multiply(raw: RawObjects, repository: GitRepository) -> None:
    blob = raw.put("blob", b"")
    wide = raw.tree(*[("100644", b"%d" % place, blob) for place in range(1000)])
    commit = raw.commit(raw.tree(("40000", b"n" * 100_000, wide), ("100644", b"z", blob)))
    tree = repository.read_tree(commit, Limits())
    assert (list(tree), tree.beyond) == (["z"], "tree-too-deep")


def test_an_empty_tree_is_read(tmp_path: Path) -> None:
    author = Author(tmp_path, "nowhere")
    commit = author.commit({})  # git knows the empty tree without storing it
    with closing(GitRepository(tmp_path)) as repository:
        tree = repository.read_tree(commit, Limits())
        assert (tree.entries, tree.python_files_with(["x"])) == ((), set())


MALFORMED_TREES = [
    b"100644 a\0\x12", b"100644 a", b"100644", b"garbage", b"-100644 a\0" + b"\x11" * 20,
    b"7777777100644 a\0" + b"\x11" * 20, b" a\0" + b"\x11" * 20,
    b"0o100644 a\0" + b"\x11" * 20, b"\0", b"9 a\0" + b"\x11" * 20,
]  # fmt: skip


@pytest.mark.parametrize("content", MALFORMED_TREES, ids=repr)
def test_a_malformed_tree_is_an_error_for_people(
    raw: RawObjects, repository: GitRepository, content: bytes
) -> None:
    with pytest.raises(PublishError, match="malformed"):
        repository.read_tree(raw.commit(raw.put("tree", content)), Limits())


@pytest.mark.parametrize("mode", [b"+10064", b"1_0644", b"0o0644", b" 10064", b"-10064", b"\n0644"])
def test_a_mode_of_a_large_tree_object_is_as_strict_as_of_a_small_one(mode: bytes) -> None:
    assert [*tree_entries(b"10064 a\0" + b"\x11" * 20, 20)]
    with pytest.raises(ValueError, match="mode"):
        list(tree_entries(mode + b" a\0" + b"\x11" * 20, 20))


def _trees_that_lie(raw: RawObjects) -> dict[str, str]:
    blob, empty = raw.put("blob", b"b"), raw.tree()
    commit = raw.commit(empty)
    return {
        "a folder that is a blob": raw.commit(raw.tree(("40000", b"d", blob))),
        "a file that is a tree": raw.commit(raw.tree(("100644", b"f", empty))),
        "a link that is a commit": raw.commit(raw.tree(("120000", b"f", commit))),
        "a file that is missing": raw.commit(raw.tree(("100644", b"f", "1" * 40))),
        "a file without an object": raw.commit(raw.tree(("100644", b"f", "0" * 40))),
        "a folder that is missing": raw.commit(raw.tree(("40000", b"d", "1" * 40))),
        "a commit of a blob": raw.commit(blob),
        "a commit of a missing tree": raw.commit("1" * 40),
        "a commit of no tree": raw.put("commit", AUTHOR_LINE + MADE_AT + b"\nx\n"),
        "a commit of a tree of another format": raw.commit("1" * 64),
        "a commit of an option": raw.put("commit", b"tree --batch-all-objects\n\nx"),
        "a commit of nothing": raw.put("commit", b""),
        "a commit of bytes": raw.put("commit", b"tree \xff\xfe\n"),
        "a blob": blob,
        "a tree": empty,
        "nothing": "2" * 40,
    }


def test_trees_that_lie_are_errors_for_people(raw: RawObjects, repository: GitRepository) -> None:
    for what, commit in _trees_that_lie(raw).items():
        with pytest.raises(PublishError):
            pytest.fail(f"{what}: {repository.read_tree(commit, Limits()).entries}")


def test_a_tree_object_of_a_million_entries_is_not_read(
    raw: RawObjects, repository: GitRepository
) -> None:
    blob = raw.put("blob", b"")
    huge = raw.tree(*[("100644", b"%07d" % place, blob) for place in range(300_000)])
    commit = raw.commit(raw.tree(("40000", b"data", huge)))
    tracemalloc.start()
    tree = repository.read_tree(commit, Limits(files=1000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tree.beyond == "tree-too-many-files"
    assert len(tree.entries) <= 1001
    assert most < 4 << 20  # the object has eleven million bytes


@pytest.mark.parametrize("files", [1, 40_000])
def test_a_large_tree_object_is_read_like_a_small_one(
    raw: RawObjects, repository: GitRepository, files: int
) -> None:
    blob = raw.put("blob", b"x")
    rows = [("100755" if place % 2 else "100644", b"%07d" % place, blob) for place in range(files)]
    tree = repository.read_tree(raw.commit(raw.tree(*rows)), Limits())
    assert [each.path for each in tree.entries] == [name.decode() for _, name, _ in rows]
    assert {each.id for each in tree.entries} == {blob}
    assert [each.mode for each in tree.entries] == [int(mode, 8) for mode, _, _ in rows]


@pytest.mark.parametrize("seed", range(8))
def test_damaged_objects_raise_nothing_but_errors_for_people(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    author = Author(tmp_path / "clone", "nowhere")
    commit = author.commit({f"{place}.py": str(place) * 50 for place in range(5)})
    if seed % 4:
        author.git("repack", "-a", "-d", "-q")
    objects = [path for path in (author.folder / ".git" / "objects").rglob("*") if path.is_file()]
    for path in objects:
        content = bytearray(path.read_bytes())
        for _ in range(1 + len(content) // 40):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.chmod(0o644)
        path.write_bytes(content[: chance.choice([None, 0, 1, 20])])
    with closing(GitRepository(author.folder)) as repository, suppress(PublishError):
        tree = repository.read_tree(commit, Limits())
        for name in tree:
            tree.read(name)


TIMES: list[tuple[bytes, int]] = [
    (MADE_AT, 1767225600),
    (b"committer Ada <a@b> 1767225600 +9999\n", 1767225600),
    (b"committer 1767225600 +0000\n", 0),
    (b"", 0),
    (b"committer \n", 0),
    (b"committer Ada <a@b> -5 +0000\n", 0),
    (b"committer Ada <a@b> 0 +0000\n", 0),
    (b"committer Ada <a@b> 253402300800 +0000\n", 253402300799),
    (b"committer Ada <a@b> " + b"9" * 6000 + b" +0000\n", 253402300799),
    (b"committer Ada <a@b> 1e9 +0000\n", 0),
    (b"committer Ada <a@b> \xd9\xa1 +0000\n", 0),
    (b"committer Ada <a@b> 12\n", 0),
    (b"committer Ada\r <a@b> 7 +0000\n", 7),
    (b"gpgsig x\n committer Eve <e@b> 5 +0000\n" + MADE_AT, 1767225600),
    (b"\ncommitter Eve <e@b> 5 +0000\n", 0),
    (b"\xff\0\xfe\n" + MADE_AT, 1767225600),
]


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_commit_times(raw: RawObjects, packed: bool) -> None:
    tree = raw.tree()
    commits = {raw.commit(tree, AUTHOR_LINE + lines): time for lines, time in TIMES}
    if packed:
        pack = str(raw.git_dir / "objects" / "pack" / "pack")
        command = ["git", f"--git-dir={raw.git_dir}", "pack-objects", "--quiet", pack]
        asked = "".join(f"{commit}\n" for commit in [*commits, tree]).encode()
        subprocess.run(command, input=asked, env=git_environment(), capture_output=True, check=True)
        _git(raw, "prune-packed")
    with closing(GitRepository(raw.git_dir)) as repository:
        assert {commit: repository.commit_time(commit) for commit in commits} == commits


SIGNATURES = ["PGP SIGNATURE", "PGP MESSAGE", "SSH SIGNATURE", "SIGNED MESSAGE"]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_tag_message_ends_at_its_signature(
    raw: RawObjects, repository: GitRepository, signature: str
) -> None:
    text = f"Notes \N{SNOWMAN}\n\nof -----BEGIN {signature}----- in a line\n"
    signed = f"{text}-----BEGIN {signature}-----\nabc\n-----END {signature}-----\n"
    commit = raw.commit(raw.tree())
    peeled = repository.peel(raw.tag(commit, "commit", signed.encode()))
    assert (peeled.type, peeled.id, peeled.message) == ("commit", commit, text.strip())


@pytest.mark.parametrize("kind", ["commit", "tree", "blob"])
@pytest.mark.parametrize("depth", [0, 1, 2, TAG_DEPTH, TAG_DEPTH + 1, TAG_DEPTH + 4])
def test_tags_are_peeled_up_to_a_bound(
    raw: RawObjects, repository: GitRepository, kind: str, depth: int
) -> None:
    blob, tree = raw.put("blob", b""), raw.tree()
    target = id_ = {"commit": raw.commit(tree), "tree": tree, "blob": blob}[kind]
    for place in range(depth):
        id_ = raw.tag(id_, "tag" if place else kind, b"tag %d" % place)
    peeled = repository.peel(id_)
    assert peeled.message == (f"tag {depth - 1}" if depth else "")
    assert peeled.type == (kind if depth <= TAG_DEPTH else "tag")
    assert (peeled.id == target) == (depth <= TAG_DEPTH)


def test_a_message_is_text_whatever_it_holds(raw: RawObjects, repository: GitRepository) -> None:
    tag = raw.tag(raw.commit(raw.tree()), "commit", b"\xff\xfe caf\xe9\0\n")
    assert repository.peel(tag).message == "\ufffd\ufffd caf\ufffd\0"


def _tags_that_lie(raw: RawObjects) -> dict[str, str]:
    commit = raw.commit(raw.tree())
    return {
        "of nothing": raw.put("tag", b""),
        "of an option": raw.put("tag", b"object --batch-all-objects\ntype commit\n\nx"),
        "of a name": raw.put("tag", b"object HEAD\ntype commit\ntag x\n\nx"),
        "of bytes": raw.put("tag", b"object \xff\xfe\n\nx"),
        "of a missing object": raw.tag("1" * 40, "commit"),
        "of an id of another format": raw.tag("1" * 64, "commit"),
        "with a message that is no text": raw.tag(commit, "commit", b"x" * 70_000),
        "that is missing": "3" * 40,
    }


def test_tags_that_lie_are_errors_for_people(raw: RawObjects, repository: GitRepository) -> None:
    for what, tag in _tags_that_lie(raw).items():
        with pytest.raises(PublishError):
            pytest.fail(f"{what}: {repository.peel(tag)}")


def test_replaced_objects_are_not_what_was_pushed(tmp_path: Path) -> None:
    author = Author(tmp_path, "nowhere")
    good = author.commit({"x": "good"})
    bad = author.commit({"x": "bad"})
    author.git("replace", good, bad)
    author.git("replace", "-f", f"{good}:x", f"{bad}:x")
    author.git("reset", "--quiet", "--hard", good)
    with closing(GitRepository(tmp_path)) as repository:
        assert repository.read_tree(good, Limits()).read("x") == b"good"
        assert not repository.is_on_branch(bad, "master")


REFS = [
    b"refs/tags/publish/1.0", b"refs/tags/$(touch${IFS}pwned)", b"refs/tags/a;b'c\"d",
    b"refs/tags/-x", b"refs/tags/\xff\xfe", "refs/tags/\u202eabc".encode(), b"refs/tags/a\xc2\x85b",
    "refs/tags/\u2028".encode(),
]  # fmt: skip


def test_refs_keep_every_byte_of_their_names(raw: RawObjects, repository: GitRepository) -> None:
    commit = raw.commit(raw.tree())
    lines = b"".join(commit.encode() + b" " + ref + b"\n" for ref in sorted(REFS))
    (raw.git_dir / "packed-refs").write_bytes(
        b"# pack-refs with: peeled fully-peeled sorted \n" + lines
    )
    assert repository.refs("refs/tags/") == {os.fsdecode(ref): commit for ref in REFS}
    assert repository.refs("refs/heads/") == {}


def test_a_commit_is_on_the_branch_of_exactly_that_name(tmp_path: Path) -> None:
    author = Author(tmp_path, "nowhere")
    first = author.commit({"x": "1"})
    second = author.commit({"x": "2"})
    author.git("branch", "old", first)
    author.git("branch", "refs/tags/odd", first)
    author.git("checkout", "--quiet", "--orphan", "other")
    alone = author.commit({"x": "3"})
    for name in ("refs/heads/master", "refs/heads/none", "master", "heads/master"):
        author.tag(name, target=alone)
    author.git("update-ref", "refs/master", alone)
    with closing(GitRepository(tmp_path)) as repository:
        found = {
            (name, branch): repository.is_on_branch(commit, branch)
            for name, commit in {"first": first, "second": second, "alone": alone}.items()
            for branch in ("master", "old", "refs/tags/odd", "none", "refs/heads/master", "m*", "")
        }
        assert [place for place, on in found.items() if on] == [
            ("first", "master"), ("first", "old"), ("first", "refs/tags/odd"), ("second", "master"),
        ]  # fmt: skip
        with pytest.raises(PublishError):
            repository.is_on_branch("1" * 40, "master")


def test_ancestry_holds_under_clock_skew(raw: RawObjects, repository: GitRepository) -> None:
    parent, tree = "", raw.tree()
    commits = []
    for seconds in (5000, 10, 9000, 1, 7000):
        line = f"parent {parent}\n".encode() if parent else b""
        made = f"committer A <a@b> {seconds} +0000\n".encode()
        commits.append(raw.commit(tree, line + AUTHOR_LINE + made))
        parent = commits[-1]
    (raw.git_dir / "refs" / "heads" / "master").write_text(f"{parent}\n")
    assert all(repository.is_on_branch(commit, "master") for commit in commits)
    assert not repository.is_on_branch(raw.commit(tree), "master")


@pytest.mark.parametrize(
    ("revision", "found"),
    [
        ("HEAD", True), ("master", True), ("publish/1.0", True), ("HEAD~5", False), ("", False),
        ("--all", False), ("--git-dir", False), ("HEAD:x", False), ("no", False), ("\udcff", False),
    ],
)  # fmt: skip
def test_revisions(tmp_path: Path, revision: str, found: bool) -> None:
    author = Author(tmp_path, "nowhere")
    commit = author.commit({"x": "1"})
    author.tag("publish/1.0", "annotated")
    with closing(GitRepository(tmp_path)) as repository:
        assert repository.commit_of(revision) == (commit if found else None)


def test_settings_of_a_repository(raw: RawObjects, repository: GitRepository) -> None:
    assert repository.settings() == {}
    for name, value in (("mlreef.Visibility", "public"), ("mlreef.note", "two\nlines=x")):
        _git(raw, "config", name, value)
    with (raw.git_dir / "config").open("a") as config:
        config.write("[mlreef]\n\tflag\n[mlreefish]\n\tx = 1\n")
    assert repository.settings() == {}
    assert repository.settings(anew=True) == {
        "mlreef.visibility": "public", "mlreef.note": "two\nlines=x", "mlreef.flag": "",
    }  # fmt: skip


HOSTILE_ENVIRONMENT = {
    "GIT_DIR": ".", "GIT_WORK_TREE": "/nowhere", "GIT_OBJECT_DIRECTORY": "/nowhere",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/nowhere", "GIT_QUARANTINE_PATH": "/nowhere",
    "GIT_COMMON_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere", "GIT_NAMESPACE": "x",
    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "mlreef.x", "GIT_CONFIG_VALUE_0": "1",
    "GIT_CONFIG_PARAMETERS": "'mlreef.visibility'='public'", "GIT_TRACE": "1", "GIT_EXEC_PATH": "/",
    "GIT_REPLACE_REF_BASE": "refs/heads", "GIT_LITERAL_PATHSPECS": "1", "GIT_ICASE_PATHSPECS": "1",
    "GIT_SHALLOW_FILE": "/nowhere", "GIT_DEFAULT_HASH": "sha256", "LD_PRELOAD": "",
    "HTTP_AUTHORIZATION": "Basic c2VjcmV0", "LC_ALL": "de_DE.UTF-8", "GIT_PAGER": "false",
}  # fmt: skip


def test_the_environment_of_a_hook_does_not_leak_through(
    author: Author, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = author.git("rev-parse", "HEAD")
    bare = _clone(author, tmp_path / "x.git")
    for name, value in HOSTILE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert not {*HOSTILE_ENVIRONMENT} - {"LC_ALL"} & {*git_environment()}
    assert git_environment()["LC_ALL"] == "C"
    monkeypatch.chdir(bare)
    with closing(GitRepository(Path("."))) as repository:
        assert repository.git_dir == bare
        assert repository.settings() == {}
        assert repository.is_on_branch(commit, "master")
        tree = repository.read_tree(commit, Limits())
        assert len(tree.entries) == len(FILES) + 4
        assert len(tree.python_files_with(["argparse"])) == 8


@pytest.mark.parametrize("place", [".git", "."])
def test_a_working_tree_as_a_hook_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    commit = author.commit({"x.py": "argparse"})
    monkeypatch.setenv("GIT_DIR", place)
    monkeypatch.chdir(author.folder if place == ".git" else author.folder / ".git")
    with closing(GitRepository(Path(place))) as repository:
        assert repository.git_dir == author.folder / ".git"
        assert repository.read_tree(commit, Limits()).python_files_with(["argparse"]) == {"x.py"}


def test_a_linked_working_tree_reads_the_common_objects(tmp_path: Path) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    commit = author.commit({"x.py": "argparse"})
    author.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    with closing(GitRepository(tmp_path / "linked")) as repository:
        assert repository.read_tree(commit, Limits()).read("x.py") == b"argparse"


@pytest.mark.parametrize("name", ["a b", "\N{SNOWMAN}", "\u2028", "\x85\x1c", "quote'\"", "\udcff"])
def test_a_repository_may_have_any_path(tmp_path: Path, name: str) -> None:
    raw = RawObjects(tmp_path / name)
    commit = raw.commit(raw.tree(("100644", b"x.py", raw.put("blob", b"argparse"))))
    with closing(GitRepository(raw.git_dir)) as repository:
        assert repository.git_dir == raw.git_dir
        assert repository.read_tree(commit, Limits()).python_files_with(["argparse"]) == {"x.py"}


def test_sites_that_restrict_where_git_looks(
    raw: RawObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gitconfig").write_text("[safe]\n\tbareRepository = explicit\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    with closing(GitRepository(raw.git_dir)) as repository:
        assert repository.refs("refs/") == {}


@pytest.mark.parametrize("place", ["missing", "file", "folder", "line\nbreak"])
def test_what_is_no_repository_is_an_error_for_people(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("gitdir: nowhere")
    if "\n" in place:
        make_bare(tmp_path / place)
    with pytest.raises(PublishError, match="cannot be read by git"):
        GitRepository(tmp_path / place)


def test_without_git_an_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PublishError, match="git is not installed"):
        GitRepository(tmp_path)


def test_files_of_a_working_tree(tmp_path: Path) -> None:
    author = Author(tmp_path / "clone", "nowhere")
    author.commit({".gitignore": "ignored\n", "sub/tracked.py": ""})
    for name in ("ignored", "new.py", "sub/odd\n\N{SNOWMAN}"):
        (author.folder / name).write_text("")
    found = list_working_tree(author.folder)
    assert sorted(found or []) == [".gitignore", "new.py", "sub/odd\n\N{SNOWMAN}", "sub/tracked.py"]
    assert sorted(list_working_tree(author.folder / "sub") or []) == [
        "odd\n\N{SNOWMAN}", "tracked.py",
    ]  # fmt: skip
    assert list_working_tree(tmp_path) is None

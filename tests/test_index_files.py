"""The index on disk: who sees what, several writers, writers that are killed, a full disk."""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.durable_files import locked
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, listing_line
from mlreef_hooks.index_audience import SCHEMAS, audience_of
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_repair import set_aside_broken
from mlreef_hooks.index_store import LOCK
from mlreef_hooks.provenance import Places
from tests.forks import PASSING, REFUSED, child, ends_within, run_all
from tests.index_entries import make_entry
from tests.test_index import validator

HALF_A_NOTE = "..pending.new"  # all that a killed writer may leave for the next one to replace
NAMESPACES = ("vision", "vision/lab", "text")


@pytest.fixture
def index(tmp_path: Path) -> IndexFiles:
    """An empty index."""
    return IndexFiles(tmp_path / "index")


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other accounts can enter, as those of pytest cannot."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def add(index: IndexFiles, version: str = "1.0", **facts: Any) -> bool:
    """What `IndexFiles.add` says of a version, which names two files beside it."""
    document = make_entry(version, **facts).document()
    places = vars(Places.of(document["namespace"], document["name"], version))
    files = {key: f'{{"{key}": "{version}"}}'.encode() for key in ("statement", "sbom")}
    document["versions"][0]["provenance"] = {
        key: {"path": places[key], "sha256": hashlib.sha256(content).hexdigest()}
        for key, content in files.items()
    }
    return index.add(document, {places[key]: content for key, content in files.items()})


def audiences(root: Path) -> list[Path]:
    """The folders of audiences that there are."""
    candidates = ["public", "internal", *(audience_of("private", each) for each in NAMESPACES)]
    return [root / each for each in candidates if (root / each / "index.json").exists()]


def check(root: Path) -> None:
    """Everything in the index fits its schema and everything else in it."""
    assert not (root / ".pending").exists()
    for audience in audiences(root):
        entrance = json.loads((audience / "index.json").read_bytes())
        validator("index").validate(entrance)
        lines: dict[str, list[Document]] = {}
        attached: dict[str, str] = {}
        for path in (audience / "modules").rglob("*.json"):
            document = json.loads(path.read_bytes())
            validator("module").validate(document)
            namespace = document["namespace"]
            assert path == audience / "modules" / namespace / f"{document['name']}.json"
            assert audience == root / audience_of(document["visibility"], namespace)
            if document["versions"]:
                lines.setdefault(namespace, []).append(listing_line(document))
            for version in document["versions"]:
                facts = version["provenance"].values()
                attached |= {each["path"]: each["sha256"] for each in facts}
        assert attached == {
            str(path.relative_to(audience)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (audience / "provenance").rglob("*")
            if path.is_file()
        }
        assert {*entrance["namespaces"]} == {*lines}
        for namespace, facts in entrance["namespaces"].items():
            content = (audience / facts["path"]).read_bytes()
            listing = json.loads(content)
            validator("listing").validate(listing)
            assert hashlib.sha256(content).hexdigest() == facts["sha256"]
            assert len(listing["modules"]) == facts["modules"]
            assert listing["modules"] == sorted(lines[namespace], key=lambda line: line["name"])
        for name in SCHEMAS:
            place = entrance["schemas"][name]
            content = (audience / place["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == place["sha256"]
    assert not [path for path in root.rglob(".*.new") if path != root / HALF_A_NOTE]


def test_what_a_reader_finds(index: IndexFiles) -> None:
    assert (index.find("vision", "add-noise"), index.lines()) == (None, [])
    assert add(index, "1.0", visibility="public")
    assert add(index, "1.0", name="b", visibility="internal")
    assert add(index, "1.0", name="c", namespace="vision/lab", visibility="private")
    check(index.root)
    names = [(line["namespace"], line["name"], line["visibility"]) for line in index.lines()]
    assert names == [
        ("vision", "add-noise", "public"), ("vision", "b", "internal"),
        ("vision/lab", "c", "private"),
    ]  # fmt: skip
    for namespace, name, _ in names:
        document = index.find(namespace, name)
        assert document is not None
        assert (document["namespace"], document["name"]) == (namespace, name)
    assert index.find("vision/lab", "add-noise") is None


def test_a_version_is_added_once(index: IndexFiles) -> None:
    assert add(index, "1.0", published_at="2026-01-01T00:00:00Z")
    before = index.find("vision", "add-noise")
    assert not add(index, "1.0", published_at="2027-01-01T00:00:00Z", title="Other")
    assert not add(index, "1.0.0", tag="publish/1.0.0")
    assert index.find("vision", "add-noise") == before
    check(index.root)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"commit": "5" * 40}, "tag-moved"),
        ({"commit": "5" * 40, "tag": "v1.0"}, "version-taken"),
        ({"repository": "vision/other"}, "module-taken"),
        ({"version": "2.0", "repository": "vision/other"}, "module-taken"),
    ],
)
def test_what_is_published_stays(index: IndexFiles, facts: dict[str, Any], said: str) -> None:
    add(index, "1.0")
    before = index.find("vision", "add-noise")
    with pytest.raises(PublishError) as refused:
        add(index, **{"version": "1.0", **facts})
    assert f"[{said}]" in refused.value.hint
    assert not refused.value.passing
    assert index.find("vision", "add-noise") == before
    check(index.root)


def test_an_older_version_does_not_move_the_title(index: IndexFiles) -> None:
    add(index, "2.0", title="Two")
    add(index, "1.0", title="One", commit="5" * 40)
    (line,) = index.lines()
    assert (line["title"], line["version"]) == ("Two", "2.0")
    check(index.root)


def test_a_yank_is_said_and_taken_back(index: IndexFiles) -> None:
    add(index, "1.0")
    add(index, "2.0", commit="5" * 40)
    before = index.find("vision", "add-noise")
    index.yank("vision", "add-noise", "2.0", reason="broken", visibility="public")
    (line,) = index.lines()
    assert (line["version"], line["yanked"]) == ("1.0", False)
    index.yank("vision", "add-noise", "1", reason="broken too", visibility="public")
    (line,) = index.lines()
    assert (line["version"], line["yanked"]) == ("2.0", True)
    check(index.root)
    for version in ("1.0", "2.0"):
        index.yank("vision", "add-noise", version, reason=None, visibility="public")
    assert index.find("vision", "add-noise") == before
    for name, version in (("add-noise", "3.0"), ("other", "1.0")):
        with pytest.raises(KeyError):
            index.yank("vision", name, version, reason=None, visibility="public")


@pytest.mark.parametrize(
    ("module", "repository", "expected"),
    [
        ("public", "private", "private"), ("public", "internal", "internal"),
        ("internal", "public", "internal"), ("private", "public", "private"),
        ("public", "public", "public"),
    ],
)  # fmt: skip
def test_a_yank_makes_a_module_no_more_visible_than_its_repository(
    index: IndexFiles, module: str, repository: str, expected: str
) -> None:
    add(index, "1.0", visibility=module)
    index.yank("vision", "add-noise", "1.0", reason="broken", visibility=repository)
    check(index.root)
    ((line),) = index.lines()
    assert (line["visibility"], line["yanked"]) == (expected, True)


FLIPS = [
    ("public", "private"), ("private", "public"), ("public", "internal"), ("internal", "public"),
    ("internal", "private"), ("private", "internal"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), FLIPS)
@pytest.mark.parametrize("again", ["1.0", "2.0"], ids=["same version", "next version"])
def test_a_flip_of_visibility_leaves_nothing_behind(
    index: IndexFiles, before: str, after: str, again: str
) -> None:
    add(index, "1.0", namespace="vision/lab", visibility=before)
    add(index, "1.0", name="stays", namespace="text", visibility=before)
    add(index, again, namespace="vision/lab", visibility=after)
    check(index.root)
    old, new = (index.root / audience_of(each, "vision/lab") for each in (before, after))
    # A reader of the old audience learns nothing of the module, not even its namespace.
    left = [path for path in old.rglob("*") if "private/text" not in path.as_posix()]
    assert not [path for path in left if "vision" in path.relative_to(old).as_posix()]
    assert not [path for path in left if path.is_file() and b'"add-noise"' in path.read_bytes()]
    assert (new / "modules" / "vision" / "lab" / "add-noise.json").exists()
    found = {(line["name"], line["visibility"]) for line in index.lines()}
    assert found == {("add-noise", after), ("stays", before)}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_file_modes_give_each_audience_its_folder(index: IndexFiles, umask: int) -> None:
    before = os.umask(umask)
    try:
        for visibility in ("public", "internal", "private"):
            add(index, "1.0", name=visibility, visibility=visibility)
    finally:
        os.umask(before)
    modes = {"public": (0o755, 0o644), "internal": (0o750, 0o640), "private": (0o750, 0o640)}
    for folder, (of_folders, of_files) in modes.items():
        for path in [index.root / folder, *(index.root / folder).rglob("*")]:
            wanted = of_folders if path.is_dir() else of_files
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert stat.S_IMODE(index.root.stat().st_mode) == 0o755
    assert stat.S_IMODE((index.root / ".lock").stat().st_mode) == 0o600


def test_a_folder_that_was_given_to_a_group_stays_with_it(index: IndexFiles) -> None:
    add(index, "1.0", visibility="private")
    folder = index.root / "private" / "vision"
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, -1, os.getgid())
        if path.is_dir():
            path.chmod(0o2750)
    add(index, "1.0", name="next", namespace="vision", visibility="private")
    add(index, "1.0", name="deep", namespace="vision/lab", visibility="private")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_dir()}
    assert modes == dict.fromkeys(modes, 0o2750)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_what_root_does_belongs_to_the_owner_of_the_index(index: IndexFiles) -> None:
    index.root.mkdir()
    os.chown(index.root, 65534, 65534)
    add(index, "1.0", visibility="private")
    paths = [index.root, *index.root.rglob("*")]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in paths} == {(65534, 65534)}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_document_that_cannot_be_read_is_not_a_missing_one(reachable: Path) -> None:
    root = reachable / "index"
    root.mkdir()
    os.chown(root, 65534, 65534)
    index = IndexFiles(root)
    add(index, "1.0", visibility="private")
    path = root / "private/vision/modules/vision/add-noise.json"
    os.chown(path, 0, 0)
    before = path.read_bytes()

    def as_nobody() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        assert index.find("vision", "add-noise") is None
        add(index, "2.0", visibility="private", repository="vision/other")

    assert run_all(as_nobody) == [PASSING]
    assert path.read_bytes() == before


def test_eight_writers_of_different_modules(index: IndexFiles) -> None:
    names = [f"module-{number}" for number in range(8)]
    visibilities = ["public", "internal", "private"]

    def write(number: int) -> None:
        for version in range(3):
            visibility = visibilities[(number + version) % 3]
            add(index, f"{version}.0", name=names[number], visibility=visibility)

    assert run_all(*(partial(write, number) for number in range(8))) == [0] * 8
    check(index.root)
    assert [line["name"] for line in index.lines()] == names
    assert {line["version"] for line in index.lines()} == {"2.0"}


def test_eight_writers_of_the_same_version(index: IndexFiles, tmp_path: Path) -> None:
    def write(number: int) -> None:
        commit = "5" * 40 if number % 2 else "4" * 40
        if add(index, "1.0", commit=commit):
            (tmp_path / f"won-{number}").write_text(commit)

    statuses = run_all(*(partial(write, number) for number in range(8)))
    ((winner),) = tmp_path.glob("won-*")
    document = index.find("vision", "add-noise")
    assert document is not None
    ((version),) = document["versions"]
    assert version["commit"] == winner.read_text()
    # Those with the same commit found it published, the others were refused.
    assert sorted(statuses) == [0] * 4 + [REFUSED] * 4
    check(index.root)


def write_on_and_on(index: IndexFiles, seed: int) -> None:
    """Publish, yank and flip without an end."""
    chance = random.Random(seed)
    while True:
        number = chance.randrange(1, 1_000_000)
        name, namespace = chance.choice("abc"), chance.choice(NAMESPACES)
        facts = {"name": name, "namespace": namespace, "repository": f"{namespace}/{name}"}
        visibility = chance.choice(["public", "internal", "private"])
        add(index, f"{number}.0", visibility=visibility, commit=f"{number:040x}", **facts)
        index.yank(namespace, name, f"{number}.0", reason="broken", visibility="public")


def read_on_and_on(root: Path) -> None:
    """Every file that has a name is whole, at any moment."""
    while True:
        for folder, _, names in os.walk(root):
            for name in names:
                if not name.startswith("."):
                    with suppress(FileNotFoundError):
                        assert isinstance(json.loads((Path(folder) / name).read_bytes()), dict)


def set_edge(index: IndexFiles, commit: str, **facts: Any) -> None:
    """Let the edge of a module be at a commit."""
    index.set_channels(make_entry("", commit=commit, tag="refs/heads/main", **facts).document())


def test_an_edge_moves_beside_the_versions(index: IndexFiles) -> None:
    add(index, "1.0", title="First")
    before = index.find("vision", "add-noise")
    lines = index.lines()
    assert before
    for digit in "56":
        set_edge(index, digit * 40, title="Another")
        check(index.root)
        document = index.find("vision", "add-noise")
        assert document
        edge = document.pop("channels")["edge"]
        assert (edge["commit"], edge["branch"]) == (digit * 40, "main")
        assert document == before
        assert index.lines() == lines
    add(index, "2.0", title="Second")
    index.yank("vision", "add-noise", "2.0", reason="broken", visibility="public")
    check(index.root)
    assert (index.find("vision", "add-noise") or {})["channels"]["edge"] == edge


def test_an_edge_alone_is_a_document_that_no_listing_has(index: IndexFiles) -> None:
    set_edge(index, "5" * 40, title="First")
    check(index.root)
    assert index.lines() == []
    set_edge(index, "6" * 40, title="Second", visibility="private")
    check(index.root)
    document = index.find("vision", "add-noise")
    assert document
    assert (document["title"], document["versions"]) == ("Second", [])
    assert not (index.root / "public/modules").exists()
    add(index, "1.0", title="Third")
    check(index.root)
    assert [line["title"] for line in index.lines()] == ["Third"]


def test_an_edge_of_another_repository_or_folder_is_refused(index: IndexFiles) -> None:
    set_edge(index, "5" * 40)
    with pytest.raises(PublishError, match="the name add-noise belongs to"):
        set_edge(index, "6" * 40, repository="vision/other")
    for change in (add, partial(set_edge, commit="6" * 40)):
        with pytest.raises(PublishError, match="the namespace vision belongs to the folder vision"):
            change(index, name="other", repository="Vision/other")
    check(index.root)


@pytest.mark.parametrize("seed", range(2))
def test_writers_that_are_killed_leave_a_whole_index(index: IndexFiles, seed: int) -> None:
    chance = random.Random(seed)
    add(index, "1.0", name="first", namespace="text", repository="text/first")
    with child(partial(read_on_and_on, index.root)) as reader:
        for round_ in range(20):
            with child(partial(write_on_and_on, index, round_)) as writer:
                assert not ends_within(writer, chance.uniform(0.001, 0.06))
            # Whoever looks at the index next completes it.
            index.find("text", "first")
            check(index.root)
            assert len(list(index.root.rglob(".*.new"))) <= 2
        assert not ends_within(reader, 0)  # no half file was ever seen
    assert len(index.lines()) > 1


def test_an_index_is_whole_after_a_kill_at_any_call(index: IndexFiles, tmp_path: Path) -> None:
    """The same without chance: the writer is killed before its first, second, ... write."""
    add(index, "1.0", name="other", visibility="public")
    add(index, "1.0", visibility="public")
    before = index.root
    for calls in range(1, 100):
        index = IndexFiles(shutil.copytree(before, tmp_path / f"index-{calls}"))

        def write(index: IndexFiles = index, calls: int = calls) -> None:
            left = iter(range(calls - 1))

            def trace(event: str, arguments: tuple[Any, ...]) -> None:
                changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")
                opens = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
                if (changes or opens) and next(left, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(trace)
            add(index, "2.0", visibility="private", commit="5" * 40)

        status = run_all(write)
        document = IndexFiles(index.root).find("vision", "add-noise")
        check(index.root)
        assert document is not None
        if status == [0]:
            break
        assert status == [-signal.SIGKILL]
        versions = [version["version"] for version in document["versions"]]
        assert (document["visibility"], versions) in (
            ("public", ["1.0"]), ("private", ["2.0", "1.0"]),
        )  # fmt: skip
        assert len(index.lines()) == 2
    assert calls > 20
    assert index.lines()[0]["visibility"] == "private"


def test_a_full_disk_passes(index: IndexFiles) -> None:
    add(index, "1.0", name="first")
    for blocks in range(0, 16_000, 500):

        def write(blocks: int = blocks) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (blocks, blocks))
            add(index, "1.0", name=f"module-{blocks}", notes="x" * 8000)

        assert run_all(write)[0] in (0, PASSING)
        assert not list(index.root.rglob(".*.new"))
        index.find("vision", "first")
        check(index.root)
        assert not add(index, "1.0", name="first")
    (last,) = [line for line in index.lines() if line["name"] == "module-15500"]
    assert last["version"] == "1.0"
    assert index.find("vision", "module-0") is None


@pytest.mark.parametrize("content", ["{", "[]", "\0", ""])
def test_a_damaged_file_is_an_error_for_people(index: IndexFiles, content: str) -> None:
    add(index, "1.0")
    (index.root / "public/modules/vision/add-noise.json").write_text(content)
    with pytest.raises(PublishError, match=r"add-noise\.json is not"):
        index.find("vision", "add-noise")
    with pytest.raises(PublishError, match=r"add-noise\.json is not"):
        add(index, "2.0")


def test_a_place_that_cannot_be_written_passes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    index = IndexFiles(tmp_path / "file" / "index")
    with pytest.raises(PublishError, match="the index cannot be written") as refused:
        add(index, "1.0")
    assert refused.value.passing
    assert (index.find("vision", "x"), index.lines()) == (None, [])


def test_texts_keep_their_lines_and_nothing_that_moves_a_cursor(index: IndexFiles) -> None:
    notes = "\N{SNOWMAN} \0\x1b[31m\u202e\udcff </script>\n\t- second line\n"
    add(index, "1.0", notes=notes, title='"\\\x07', description="a\u2066b")
    document = index.find("vision", "add-noise")
    assert document is not None
    assert document["versions"][0]["notes"] == "\N{SNOWMAN} [31m </script>\n\t- second line"
    assert (document["title"], document["description"]) == ('"\\', "ab")
    check(index.root)


def altered(change: Callable[[Document], object]) -> Callable[[bytes], bytes]:
    """A document with a change."""

    def alter(content: bytes) -> bytes:
        document: Document = json.loads(content)
        change(document)
        return json.dumps(document).encode()

    return alter


@pytest.mark.parametrize(
    ("file", "alter", "said"),
    [
        ("modules/vision/add-noise", lambda _: b"[" * 100_000, "is not JSON"),
        ("modules/vision/add-noise", lambda _: b'{"v": 1}', "is no module document"),
        ("modules/vision/add-noise", lambda _: b'"text"', "is not a document"),
        ("modules/vision/add-noise", lambda _: b"\xff", "is not JSON"),
        ("modules/vision/add-noise", altered(lambda d: d.update(v=2)), "is of a newer format"),
        (
            "modules/vision/add-noise",
            altered(lambda d: d["versions"][0].update(version="no")),
            "versions/0/version",
        ),
        (
            "modules/vision/add-noise",
            altered(lambda d: d["versions"][0].update(parameters=[{"name": 3}])),
            "versions/0/parameters/0",
        ),
        ("listing/vision", altered(lambda d: d["modules"][0].pop("version")), "modules/0"),
        ("listing/vision", altered(lambda d: d.update(modules=None)), "is no listing document"),
        (
            "index",
            altered(lambda d: d["namespaces"]["vision"].update(path="listing/../../x.json")),
            "namespaces/vision/path",
        ),
        ("index", altered(lambda d: d.update(v=7)), "is of a newer format"),
    ],
)
def test_a_document_that_is_not_what_it_should_be_is_refused(
    index: IndexFiles, file: str, alter: Callable[[bytes], bytes], said: str
) -> None:
    add(index, "1.0")
    path = index.root / "public" / f"{file}.json"
    path.write_bytes(alter(path.read_bytes()))
    reader = IndexFiles(index.root, check_document)

    def read_all() -> None:
        reader.find("vision", "add-noise")
        reader.lines()

    with pytest.raises(PublishError, match=said) as refused:
        read_all()
    assert str(path) in refused.value.message


NOT_WAYS_IN = [
    "{}", "[]", "null", '"text"', '{"v": 1}', '{"v": 1, "namespaces": null}',
    '{"v": 1, "schemas": {}, "namespaces": {"vision": []}}',
]  # fmt: skip
NOT_LISTINGS = [
    "{}", "[]", '{"modules": null}', '{"modules": [{}]}', '{"x": NaN}',
    '{"v": 1, "namespace": "vision", "modules": [], "later": 1e999}',
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "content"),
    [("index", each) for each in NOT_WAYS_IN] + [("listing/vision", each) for each in NOT_LISTINGS],
)
def test_no_change_follows_from_a_file_that_somebody_broke(
    index: IndexFiles, file: str, content: str
) -> None:
    add(index, "1.0")
    add(index, "1.0", namespace="text", repository="text/add-noise")
    path = index.root / "public" / f"{file}.json"
    path.write_text(content)
    yank = partial(index.yank, "vision", "add-noise", "1.0", reason="x", visibility="public")
    for change in (yank, index.lines, partial(add, index, "2.0")):  # what is begun stays to be done
        with pytest.raises(PublishError) as refused:
            change()
        assert str(path) in refused.value.message
        assert "mlreef-hooks reindex" in refused.value.hint
    assert path.read_text() == content
    set_aside_broken(index.root, check_document)
    for document in list(index.documents()):
        index.mend(document["namespace"], document["name"])
    check(index.root)
    assert [line["yanked"] for line in index.lines()] == [False, True]


def test_unknown_fields_are_ignored(index: IndexFiles) -> None:
    add(index, "1.0")
    path = index.root / "public" / "modules" / "vision" / "add-noise.json"
    path.write_bytes(altered(lambda d: d.update(later={"x": 1}))(path.read_bytes()))
    assert IndexFiles(index.root, check_document).find("vision", "add-noise")


def test_the_listing_is_read_without_the_modules(index: IndexFiles) -> None:
    for number in range(3):
        add(index, "1.0", name=f"module-{number}")
    for path in (index.root / "public" / "modules").rglob("*.json"):
        path.write_text("unread")
    assert len(index.lines()) == 3


@pytest.mark.parametrize(
    "note",
    [
        {"namespace": "../../../home", "name": "config", "audience": "public"},
        {"namespace": "vision", "name": "../../../../home/config", "audience": "public"},
        {"namespace": "vision", "name": "a", "audience": "../home"},
        {"namespace": ["vision"], "name": "a", "audience": "public"},
        {"name": "a"},
    ],
)
def test_a_note_of_somebody_else_leads_nowhere(tmp_path: Path, note: dict[str, object]) -> None:
    victim = tmp_path / "home" / "config.json"
    victim.parent.mkdir()
    victim.write_text('{"kept": true}')
    root = tmp_path / "index"
    for audience in ("public", "internal"):
        (root / audience / "modules").mkdir(parents=True)
    (root / ".pending").write_text(json.dumps(note))
    assert IndexFiles(root).lines() == []
    assert victim.read_text() == '{"kept": true}'


def test_who_may_read_is_asked_while_nobody_else_can_write(index: IndexFiles) -> None:
    def ask() -> str:
        with pytest.raises(BlockingIOError), locked(index.root / LOCK, wait=False):
            pass
        return "internal"

    index.add(make_entry("1.0").document(), ask=ask)
    assert [line["visibility"] for line in index.lines()] == ["internal"]
    moved = index.set_visibility("vision", "add-noise", lambda before: ask() and "public")
    assert moved == ("internal", "public")
    with pytest.raises(KeyError):
        index.set_visibility("vision", "nothing", lambda before: "public")


@pytest.mark.parametrize("limit", ["public", "internal", "private"])
def test_no_change_is_wider_than_the_author_wants(index: IndexFiles, limit: str) -> None:
    entry = make_entry("1.0", visibility="private")
    manifest = replace(entry.manifest, visibility=limit)
    index.add(replace(entry, manifest=manifest).document())
    assert index.set_visibility("vision", "add-noise", lambda before: "public")[1] == limit

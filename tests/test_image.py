"""The code layer, the image configuration and the archive: every byte, from real repositories."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mlreef_hooks.code_layers import write_code
from mlreef_hooks.config import Limits
from mlreef_hooks.image import (
    ArchivedLayer,
    Dependencies,
    ImageSpec,
    docker_archive,
    entry_command,
    image_config,
    image_reference,
    timestamp,
)
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.tree import ReadObjects, SourceTree
from mlreef_hooks.tree_entry import EXECUTABLE, FILE, SUBMODULE, TreeEntry
from tests.support.git import Author

MADE_AT = 1_767_225_660
LONG = "/".join([f"a-folder-with-a-long-name-{place:02}" for place in range(12)])
NAMES = [
    "add_noise.py", "a/b/c.py", "name with space", "\N{SNOWMAN}/gr\xfc\xdfe.py", "x" * 101,
    "y" * 255, f"{LONG}/deep.py", f"{LONG}/{'z' * 200}", "back\\slash", "empty", "-rf",
    ".hidden/.gitignore",
]  # fmt: skip
# What hashes a code layer in a process of its own: repository, commit.
HASH_LAYER = """\
import io, sys
from contextlib import closing
from pathlib import Path
from mlreef_hooks.config import Limits
from mlreef_hooks.code_layers import write_code
from mlreef_hooks.oci import HashingWriter
from mlreef_hooks.repository import GitRepository
with closing(GitRepository(Path(sys.argv[1]))) as repository:
    tree = repository.read_tree(sys.argv[2], Limits())
    out = HashingWriter(io.BytesIO())
    write_code(tree.all_entries(), tree.stream, repository.commit_time(sys.argv[2]), out)
    print(out.digest)
"""


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Author:
    """An author whose clone holds every kind of entry."""
    author = Author(tmp_path_factory.mktemp("author"), "nowhere")
    for place, name in enumerate(NAMES):
        path = author.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty" else name.encode() * (place * 1000))
    (author.folder / "add_noise.py").chmod(0o755)
    (author.folder / "link").symlink_to("a/b")
    # Bytes that are not UTF-8 beside some that are: no locale's encoding holds both.
    os.symlink(b"\xe2\x98\x83 caf\xe9", os.fsencode(author.folder / "odd-link"))
    (author.folder / "long-link").symlink_to(f"{LONG}/{'z' * 200}")
    author.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/sub")
    (author.folder / "vendor" / "sub").mkdir(parents=True)
    author.commit({})
    return author


def _layer(place: Path, commit: str) -> tuple[str, bytes]:
    with closing(GitRepository(place)) as repository:
        layer = _code(repository.read_tree(commit, Limits()), repository.commit_time(commit))
    return f"sha256:{hashlib.sha256(layer).hexdigest()}", layer


def _code(tree: SourceTree, seconds: int = 0) -> bytes:
    out = io.BytesIO()
    write_code(tree.all_entries(), tree.stream, seconds, out)
    return out.getvalue()


def test_the_code_layer_is_the_commit(author: Author) -> None:
    _, layer = _layer(author.folder, author.git("rev-parse", "HEAD"))
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        members = {member.name: member for member in tar.getmembers()}
        for name in NAMES:
            content = tar.extractfile(f"module/{name}")
            assert content is not None
            assert content.read() == (author.folder / name).read_bytes()
        assert len(members) == len(tar.getnames())
    owners = {(each.uid, each.gid, each.uname, each.gname) for each in members.values()}
    assert owners == {(0, 0, "", "")}
    assert {each.mtime for each in members.values()} == {MADE_AT}
    modes = {name: members[f"module/{name}"].mode for name in NAMES}
    assert modes == dict.fromkeys(NAMES, 0o644) | {"add_noise.py": 0o755}
    assert (members["module/link"].issym(), members["module/link"].linkname) == (True, "a/b")
    assert members["module/long-link"].linkname == f"{LONG}/{'z' * 200}"


def test_folders_come_before_what_they_hold(author: Author) -> None:
    _, layer = _layer(author.folder, author.git("rev-parse", "HEAD"))
    seen: set[str] = set()
    folders = []
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        members = tar.getmembers()
    for member in members:
        assert not {parent.as_posix() for parent in Path(member.name).parents} - seen - {"."}
        seen.add(member.name)
        if member.isdir():
            folders.append(member.name)
            assert member.mode == 0o755
    assert len(folders) == len({*folders})
    assert {"module", "module/vendor/sub", f"module/{LONG}"} <= {*folders}


def test_the_system_tar_unpacks_the_layer(author: Author, tmp_path: Path) -> None:
    _, layer = _layer(author.folder, author.git("rev-parse", "HEAD"))
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=layer, check=True)
    for name in NAMES:
        assert (tmp_path / "module" / name).read_bytes() == (author.folder / name).read_bytes()
    assert os.readlink(tmp_path / "module" / "link") == "a/b"
    odd = os.readlink(os.fsencode(tmp_path / "module" / "odd-link"))
    assert odd == b"\xe2\x98\x83 caf\xe9"


PLACES = [
    {"TZ": "Asia/Tokyo", "LC_ALL": "C"},
    {"TZ": "America/New_York", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
    # A locale whose encoding is not UTF-8, as Python itself sees it.
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONHASHSEED": "2"},
]


def test_the_same_commit_is_the_same_bytes_anywhere(author: Author, tmp_path: Path) -> None:
    commit = author.git("rev-parse", "HEAD")
    processes = []
    for number, (place, umask) in enumerate(zip(PLACES, (0o000, 0o022, 0o077), strict=True)):
        clone = tmp_path / f"clone-{number}"
        author.git("clone", "--quiet", "--no-local", str(author.folder), str(clone))
        if number:
            author.git("-C", str(clone), "repack", "-a", "-d", "-f", f"--depth={number}")
        environment = {
            **place, "PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1]),
            "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(tmp_path),
        }  # fmt: skip
        command = [sys.executable, "-c", HASH_LAYER, str(clone), commit]
        processes.append(
            subprocess.Popen(
                command, env=environment, umask=umask, cwd=clone, stdout=subprocess.PIPE, text=True
            )
        )
    said = {process.communicate()[0].strip() for process in processes}
    assert said == {_layer(author.folder, commit)[0]}


def _tree(*entries: tuple[str, int, bytes]) -> SourceTree:
    contents = {path: content for path, _, content in entries}
    listed = [
        TreeEntry(path=path, mode=mode, size=len(content), id="") for path, mode, content in entries
    ]
    return SourceTree(listed, ReadObjects(lambda entry: contents[entry.path]))


@pytest.mark.parametrize("seconds", [0, 1, 8**11 - 1, 8**11, 253_402_300_799])
def test_any_time_of_a_commit_fits(seconds: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(_code(_tree(("x", FILE, b"")), seconds))) as tar:
        assert {member.mtime for member in tar} == {seconds}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../x", "a//b", "//", "a/../..", ".git/config", "a/" * 200 + "x"]
)
def test_no_path_becomes_absolute(path: str) -> None:
    tree = _tree((path, EXECUTABLE, b"x"), ("s" + path, SUBMODULE, b""))
    with tarfile.open(fileobj=io.BytesIO(_code(tree))) as tar:
        assert all(name == "module" or name.startswith("module/") for name in tar.getnames())


DEPENDENCIES = Dependencies(
    id="sha256:" + "a" * 64,
    layers=("sha256:" + "1" * 64, "sha256:" + "2" * 64),
    environment=("PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8", "HOME=/root", "A=b=c", "UNSET"),
    architecture="amd64",
    locked=("numpy==2.1.0",),
    base_name="default",
    base_image="python:3.11",
    base_digest="sha256:" + "b" * 64,
    reused=True,
)
SPEC = ImageSpec(
    reference="mlreef/vision/add-noise:1.2.0",
    dependencies=DEPENDENCIES,
    tree=_tree(("x.py", FILE, b"")),
    created=MADE_AT,
    command=entry_command("src/x.py"),
    environment={"LANG": "de_DE.UTF-8", "QUOTED": 'a "b" $c\n'},
    labels={"org.opencontainers.image.title": "Noise \N{SNOWMAN}"},
)
CODE = "sha256:" + "3" * 64


def test_the_image_configuration() -> None:
    config = json.loads(image_config(SPEC, [CODE]))
    assert config["config"] == {
        "Entrypoint": ["python", "/module/src/x.py"],
        "Env": [
            "A=b=c", "HOME=/tmp", "LANG=de_DE.UTF-8", "PATH=/usr/local/bin:/usr/bin",
            "PYTHONUNBUFFERED=1", 'QUOTED=a "b" $c\n',
        ],
        "Labels": {"org.opencontainers.image.title": "Noise \N{SNOWMAN}"},
        "Volumes": {"/tmp": {}},
        "WorkingDir": "/",
    }  # fmt: skip
    assert config["rootfs"] == {"type": "layers", "diff_ids": [*DEPENDENCIES.layers, CODE]}
    assert (config["architecture"], config["os"]) == ("amd64", "linux")
    assert config["created"] == "2026-01-01T00:01:00Z"
    assert len(config["history"]) == 3


def test_the_order_of_what_is_said_does_not_change_the_image() -> None:
    turned = replace(
        SPEC,
        dependencies=replace(DEPENDENCIES, environment=DEPENDENCIES.environment[::-1]),
        environment=dict(reversed([*SPEC.environment.items()])),
    )
    assert image_config(turned, [CODE]) == image_config(SPEC, [CODE])
    assert image_config(SPEC, ["sha256:" + "4" * 64]) != image_config(SPEC, [CODE])


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 10_240, 3_000_000])
def test_the_archive_is_a_docker_archive(size: int) -> None:
    config = image_config(SPEC, [CODE])
    layer = os.urandom(size)
    code = ArchivedLayer(size=size, open=lambda: io.BytesIO(layer))
    chunks = docker_archive("candidate:x", config, [None, None, code])
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        ((image),) = json.loads(manifest.read())
        stored = tar.extractfile(image["Layers"][-1])
        described = tar.extractfile(image["Config"])
        assert stored is not None
        assert described is not None
        assert (stored.read(), described.read()) == (layer, config)
        assert {*tar.getnames()} == {"manifest.json", image["Config"], image["Layers"][-1]}
    assert image["RepoTags"] == ["candidate:x"]
    assert image["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    assert len(image["Layers"]) == len({*image["Layers"]}) == 3


@pytest.mark.parametrize(
    ("version", "reference"),
    [
        ("1.2.0", "reg.example:5000/mlreef/vision/add-noise:1.2.0"),
        ("1!2.0", "reg.example:5000/mlreef/vision/add-noise:1-2.0"),
        ("1.0rc1.post2.dev3", "reg.example:5000/mlreef/vision/add-noise:1.0rc1.post2.dev3"),
    ],
)
def test_references(version: str, reference: str) -> None:
    prefix = "reg.example:5000/mlreef"
    assert image_reference(prefix, "vision", "add-noise", version) == reference


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (MADE_AT, "2026-01-01T00:01:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_written_in_utc(seconds: int, text: str) -> None:
    assert timestamp(seconds) == text

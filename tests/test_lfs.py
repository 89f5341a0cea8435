"""Files of Git LFS: their contents take the place of pointers where the server has them."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.lfs_pointer import Pointer, read_pointer
from mlreef_hooks.lfs_store import LfsStore
from tests.support.git import Author
from tests.support.publishing import entry, publish, unwrapped
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site

WEIGHTS = bytes(range(256)) * 8192  # two reads of the store
OID = hashlib.sha256(WEIGHTS).hexdigest()
HEAD = b"version https://git-lfs.github.com/spec/v1\n"
POINTER = HEAD + b"oid sha256:%s\nsize %d\n" % (OID.encode(), len(WEIGHTS))
ATTRIBUTES = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"}
PUBLISHED = "is published ("


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    return make_site(tmp_path / "site", builder={"layers": {"start": "never"}})


@pytest.fixture
def author(site: GitSite) -> Author:
    """An author without git-lfs, who commits pointers as they are."""
    return site.author(MODULE)


def own_store(site: GitSite) -> Path:
    return site.repositories / f"{MODULE}.git" / "lfs" / "objects"


def store(folder: Path, content: bytes = WEIGHTS, oid: str = OID, *, rest: bool = False) -> Path:
    """The file of a content in a store, of the form of git-lfs or with the rest of the hash."""
    path = folder / oid[:2] / oid[2:4] / (oid[4:] if rest else oid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files(site: GitSite, version: dict[str, Any]) -> dict[str, bytes]:
    """The files of the code in an image."""
    blobs = site.state / "images" / "blobs" / "sha256"
    manifest = json.loads((blobs / version["image"]["digest"][7:]).read_bytes())
    found: dict[str, bytes] = {}
    for layer in manifest["layers"]:
        with tarfile.open(blobs / layer["digest"][7:]) as tar:
            contents = {each.name: tar.extractfile(each) for each in tar if each.isfile()}
            found |= {name: each.read() for name, each in contents.items() if each}
    return {name[7:]: content for name, content in found.items() if name.startswith("module/")}


def layers(site: GitSite, version: dict[str, Any]) -> list[str]:
    path = site.state / "images" / "blobs" / "sha256" / version["image"]["digest"][7:]
    return [layer["digest"] for layer in json.loads(path.read_bytes())["layers"]]


def version(site: GitSite, number: str) -> dict[str, Any]:
    document = site.document(MODULE) or {"versions": []}
    (found,) = [each for each in document["versions"] if each["version"] == number]
    assert isinstance(found, dict)
    return found


def test_a_push_by_git_lfs_publishes_the_real_content(site: GitSite) -> None:
    """git-lfs itself sends the content into the repository, before the push."""
    author = site.author(MODULE)
    author.git("lfs", "install", "--local")
    said = publish(author, {**PROJECT, **ATTRIBUTES, "data/weights.bin": WEIGHTS})
    assert PUBLISHED in said
    assert author.git("show", "HEAD:data/weights.bin").encode() + b"\n" == POINTER
    assert files(site, entry(site, MODULE))["data/weights.bin"] == WEIGHTS
    assert "the same" in site.command("verify", f"{MODULE}@1.0.0").stdout
    # The clone of an author has the contents too.
    committed = ("check", "--git-dir", author.folder, "--rev", "HEAD")
    assert "is publishable" in site.command("check", author.folder).stdout
    assert "is publishable" in site.command(*committed).stdout
    shutil.rmtree(author.folder / ".git" / "lfs")
    found = site.command(*committed, expect=1).stdout
    assert "data/weights.bin: this is a Git LFS pointer, and its content is not here" in found


def test_a_store_of_the_site_has_the_contents_of_all(tmp_path: Path) -> None:
    """As Gitea and GitLab keep them, and as git-lfs does."""
    folder = tmp_path / "lfs-objects"
    repositories = str(tmp_path / "site" / "repositories")
    site = make_site(tmp_path / "site", server={"root": repositories, "lfs": str(folder)})
    path = store(folder, rest=True)
    said = publish(site.author(MODULE), {**PROJECT, **ATTRIBUTES, "w.bin": POINTER})
    assert PUBLISHED in said
    assert files(site, entry(site, MODULE))["w.bin"] == WEIGHTS
    image = entry(site, MODULE)["image"]
    path.unlink()
    assert "does not pass the rules" in site.command("verify", f"{MODULE}@1.0.0", expect=1).stderr
    store(folder)
    site.command("verify", f"{MODULE}@1.0.0")
    shutil.rmtree(site.index)
    site.command("reindex")
    assert entry(site, MODULE)["image"] == image


def test_what_is_missing_is_a_finding_and_is_published_once_it_is_there(
    site: GitSite, author: Author
) -> None:
    said = publish(author, {**PROJECT, **ATTRIBUTES, "a/w.bin": POINTER})
    assert "a/w.bin" in said
    assert "[tree-lfs-pointer]" in said
    assert "git lfs push --all origin" in unwrapped(said)
    assert site.versions(MODULE) == []
    store(own_store(site))
    author.push(":publish/1.0.0")
    author.tag("publish/1.0.0", force=True)
    assert PUBLISHED in author.push("publish/1.0.0")
    assert files(site, entry(site, MODULE))["a/w.bin"] == WEIGHTS


def test_layers_of_pointers_and_of_contents_are_never_mixed(site: GitSite, author: Author) -> None:
    """The same folder, by its tree id: as text, then with contents, then as text again."""
    many = {f"a/{number}.txt": "x" * 20_000 for number in range(100)}  # a layer of its own
    publish(author, {**PROJECT, **many, "a/w.bin": POINTER}, "1.0.0")
    store(own_store(site))
    publish(author, ATTRIBUTES, "1.0.1")
    publish(author, {"README": "another root"}, "1.0.2")
    author.git("rm", "--quiet", ".gitattributes")
    publish(author, {}, "1.0.3")
    found = [files(site, version(site, f"1.0.{each}"))["a/w.bin"] for each in range(4)]
    assert found == [POINTER, WEIGHTS, WEIGHTS, POINTER]
    folder = [{*layers(site, version(site, f"1.0.{each}"))} for each in range(4)]
    assert len(folder[1] & folder[2]) == len(folder[1]) - 1  # the root's own files alone are new
    assert len(folder[0] & folder[3]) == len(folder[0]) - 1


def test_a_content_that_is_gone_is_found_however_often_it_was_there(
    site: GitSite, author: Author
) -> None:
    path = store(own_store(site))
    assert PUBLISHED in publish(author, {**PROJECT, **ATTRIBUTES, "a/w.bin": POINTER})
    path.unlink()
    assert "[tree-lfs-pointer]" in publish(author, {"README": "x"}, "1.0.1")


def test_sources_are_read_as_they_are_kept(site: GitSite, author: Author) -> None:
    """Python files and requirements may be of Git LFS too; so may what holds the parameters."""
    script = PROJECT["upper.py"].encode()
    oid = hashlib.sha256(script).hexdigest()
    store(own_store(site), script, oid)
    pointer = HEAD + b"oid sha256:%s\nsize %d\n" % (oid.encode(), len(script))
    attributes = {".gitattributes": "*.py filter=lfs\n"}
    assert PUBLISHED in publish(author, {**PROJECT, **attributes, "upper.py": pointer})
    found = [each["name"] for each in entry(site, MODULE)["parameters"]]
    assert found == ["input-path", "output-path", "times"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 bytes here, in place of"),
        (WEIGHTS + b"x", "bytes here, in place of"),
        (b"x" * len(WEIGHTS), "is not what its hash says"),
    ],
    ids=["empty", "longer", "another content"],
)
def test_damaged_contents_are_not_published(
    site: GitSite, author: Author, content: bytes, said: str
) -> None:
    store(own_store(site), content)
    shown = publish(author, {**PROJECT, **ATTRIBUTES, "w.bin": POINTER})
    assert said in unwrapped(shown)
    assert site.versions(MODULE) == []


def test_sizes_are_those_of_the_contents(tmp_path: Path) -> None:
    limits = dict.fromkeys(("file_bytes", "tree_bytes"), len(WEIGHTS) - 1)
    site = make_site(tmp_path / "site", limits=limits)
    author = site.author(MODULE)
    store(own_store(site))
    said = publish(author, {**PROJECT, **ATTRIBUTES, "w.bin": POINTER})
    assert "[tree-file-too-large]" in said
    assert "[tree-too-large]" in said


def _link_file(path: Path, elsewhere: Path) -> None:
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _link_folder(path: Path, elsewhere: Path) -> None:
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)


def _fifo(path: Path, elsewhere: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [_link_file, _link_folder, _fifo, _folder])
def test_nothing_but_a_file_is_read_and_no_link_followed(tmp_path: Path, change: Any) -> None:
    pointer = Pointer(oid=OID, size=len(WEIGHTS))
    contents = LfsStore(tmp_path, str(tmp_path / "site"))
    path = store(tmp_path / "lfs" / "objects")
    assert contents.fault_of(pointer) is None
    assert b"".join(contents.stream(pointer)) == WEIGHTS
    change(path, tmp_path / "elsewhere")
    assert contents.fault_of(pointer)
    with pytest.raises(PublishError, match=OID[:12]):
        next(contents.stream(pointer))


def test_a_large_content_is_never_whole_in_memory(tmp_path: Path) -> None:
    store(tmp_path / "lfs" / "objects")
    parts: Iterator[bytes] = LfsStore(tmp_path, "").stream(Pointer(oid=OID, size=len(WEIGHTS)))
    assert max(map(len, parts)) <= 1 << 20


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (POINTER, True),
        (POINTER.rstrip(b"\n"), True),
        (POINTER.replace(b"spec/v1", b"spec/v2"), False),
        (POINTER.replace(b"oid", b"ext-0-x sha256:" + b"0" * 64 + b"\noid"), False),
        (POINTER.replace(OID.encode(), b"../../../" + OID.encode()[9:]), False),
        (POINTER.replace(OID.encode(), OID.upper().encode()), OID.upper() == OID),
        (POINTER.replace(b"size ", b"size -"), False),
        (POINTER.replace(b"size ", b"size 0"), False),
        (POINTER.replace(b"size 2", b"size " + b"9" * 400), False),
        (POINTER + POINTER, False),
    ],
)
def test_pointers(text: bytes, known: bool) -> None:
    assert read_pointer(text) == (Pointer(oid=OID, size=len(WEIGHTS)) if known else None)

"""Repositories that share objects with others: forks, pools, chains of them, and broken ones."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlreef_hooks.alternates import object_folders
from tests.support.git import git_environment, make_bare
from tests.support.publishing import entry, jobs, publish
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site

DEEPEST = 6  # repositories behind the first one that git still reads
PUSHED = DEEPEST - 1  # while a push is received, its quarantine is the first one


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    return make_site(tmp_path / "site", builder={"layers": {"start": "never"}})


def shared(repository: Path, *lines: str | bytes) -> Path:
    """The repository, which shares the objects of others from now on."""
    said = [line if isinstance(line, bytes) else line.encode() for line in lines]
    (repository / "objects" / "info" / "alternates").write_bytes(b"\n".join((*said, b"")))
    return repository


def pool_of(repository: Path, pool: Path) -> Path:
    """All objects of a repository in a pool, and none in itself any more (as GitLab does it)."""
    shutil.copytree(repository / "objects", pool / "objects", dirs_exist_ok=True)
    for folder in (repository / "objects").iterdir():
        if folder.name != "info":
            shutil.rmtree(folder)
    (repository / "objects" / "pack").mkdir()
    return pool


def _absolute(repository: Path, pool: Path) -> None:
    shared(repository, f"{pool}/objects")


def _relative(repository: Path, pool: Path) -> None:
    shared(repository, os.path.relpath(pool / "objects", repository / "objects"))


def _chain(repository: Path, pool: Path) -> None:
    """As long as git allows, each line relative to the repository that holds it."""
    folder = repository.parent
    for number in range(1, PUSHED):
        here = repository if number == 1 else folder / f"link{number - 1}.git"
        make_bare(folder / f"link{number}.git", object_format(pool))
        shared(here, f"../../link{number}.git/objects")
    shared(folder / f"link{PUSHED - 1}.git", f"{pool}/objects")


def object_format(repository: Path) -> str:
    said = (repository / "config").read_text()
    return "sha256" if "sha256" in said else "sha1"


SHAPES: dict[str, Callable[[Path, Path], None]] = {
    "absolute": _absolute, "relative": _relative, "chain": _chain,
}  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "ids"),
    [("absolute", "sha1"), ("relative", "sha256"), ("chain", "sha1")],
)
def test_a_push_into_a_repository_whose_objects_are_in_a_pool(
    site: GitSite, tmp_path: Path, shape: str, ids: str
) -> None:
    """What is unchanged is in the pool alone; the image is that of a repository without one."""
    made = {}
    for name in ("plain/upper", "text/upper"):
        author = site.author(name, ids)
        author.commit({**PROJECT, "a/data.txt": "in the pool"})
        author.push()
        repository = site.repositories / f"{name}.git"
        if name == MODULE:
            pool = pool_of(repository, make_bare(tmp_path / "@pools" / "ab.git", ids))
            SHAPES[shape](repository, pool)
        said = publish(author, {"b.txt": "in the repository"})
        assert "is published (" in said, said
        manifest = entry(site, name)["image"]["digest"]
        blob = site.state / "images" / "blobs" / "sha256" / manifest[7:]
        made[name] = blob.read_bytes().partition(b'"layers"')[2]
    assert made["plain/upper"] == made["text/upper"]


def folders_of_git(repository: Path, home: Path) -> list[str]:
    """The alternates that git itself reads."""
    said = subprocess.run(
        ["git", "-C", repository, "count-objects", "-v"],
        env=git_environment(home), capture_output=True, check=True,
    ).stdout  # fmt: skip
    lines = os.fsdecode(said).splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith("alternate: ")]


def _hostile(folder: Path) -> Iterator[tuple[str, list[str | bytes]]]:
    closed = folder / "file"
    closed.write_text("no folder")
    (folder / "link.git").symlink_to(folder / "two.git")
    yield "a circle", ["../../one.git/objects", "../../two.git/objects"]
    yield "links", [f"{folder}/link.git/objects", f"{folder}/two.git/objects"]
    yield "what is no folder", [f"{closed}", "/dev/zero", "/proc/self/mem", "", "#/etc", "rel"]
    yield "other folders", ["/etc", f"{folder}/two.git/../three.git/objects/"]
    yield "white space", [" /etc", "/etc ", "\t/etc", "/etc\r"]
    yield "quotes", [b'"/etc', b'"/e\\164c"', b'"/etc"more', b'"\\x"']
    yield "bytes", [os.fsencode(folder) + b"/\xff", b"/", b"/etc\0/x", b"/usr"]


def test_nothing_is_read_that_git_does_not_read(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        make_bare(tmp_path / f"{name}.git")
    repository = tmp_path / "one.git"
    for what, lines in _hostile(tmp_path):
        shared(repository, *lines)
        ours = [str(path) for path in object_folders(repository / "objects").there[1:]]
        git = folders_of_git(repository, tmp_path / "home")
        assert {*ours} <= {*git}, what
        assert what == "bytes" or {*ours} == {*git} - {f"{repository}/objects"}, what


def test_alternates_are_followed_as_deep_as_git_does(tmp_path: Path) -> None:
    for number in range(DEEPEST + 3):
        shared(make_bare(tmp_path / f"r{number}.git"), f"../../r{number + 1}.git/objects")
    ours = [str(path) for path in object_folders(tmp_path / "r0.git" / "objects").there]
    assert ours[1:] == folders_of_git(tmp_path / "r0.git", tmp_path / "home")
    assert len(ours) == 1 + DEEPEST


def test_a_pool_that_is_away_keeps_the_job(site: GitSite, tmp_path: Path) -> None:
    author = site.author(MODULE)
    repository = site.repositories / f"{MODULE}.git"
    (repository / "hooks" / "post-receive").rename(tmp_path / "hook")
    author.commit(PROJECT)
    author.tag("publish/1.0.0", "annotated")
    author.push("master", "publish/1.0.0")
    pool = pool_of(repository, make_bare(tmp_path / "pool.git"))
    shared(repository, f"{pool}/objects")
    pool.rename(tmp_path / "away.git")
    site.command("sweep", "--repo", repository, expect=None)
    assert site.versions(MODULE) == []
    (tmp_path / "away.git").rename(pool)
    site.command("sweep", "--repo", repository)
    assert site.versions(MODULE) == ["1.0.0"]


def test_a_pool_that_goes_away_before_the_build_keeps_the_job(
    site: GitSite, tmp_path: Path
) -> None:
    """The tag and its commit are the repository's own; the files are in the pool."""
    author = site.author(MODULE)
    repository = site.repositories / f"{MODULE}.git"
    author.commit(PROJECT)
    author.push()
    pool = pool_of(repository, make_bare(tmp_path / "pool.git"))
    shared(repository, f"{pool}/objects")
    hidden = repository / "hooks" / "post-receive"
    hook = hidden.read_text()
    hidden.write_text(f"#!/bin/sh\nmv {pool} {tmp_path}/away.git\nexec {hidden}.ours\n")
    (hidden.parent / "post-receive.ours").write_text(hook)
    (hidden.parent / "post-receive.ours").chmod(0o755)
    said = publish(author, {"b": "b"})
    assert "a folder of objects that the repository shares" in said.replace("\n  ", " ")
    (tmp_path / "away.git").rename(pool)
    assert [state for _, state in jobs(site)] == ["queued"]
    site.command("retry", "--all")
    assert site.versions(MODULE) == ["1.0.0"]

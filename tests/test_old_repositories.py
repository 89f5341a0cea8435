"""Repositories of every shape that servers have: shallow, mirrored, linked, packed, huge."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.git import Author, git_environment, make_bare, remote_lines, write_hook
from tests.support.processes import find_program
from tests.support.publishing import publish, start_hook, unwrapped
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site

DONE = "success: upper 1.0.0 is published"


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    return make_site(tmp_path / "site", builder={"layers": {"start": "never"}})


@pytest.fixture
def source(tmp_path: Path) -> Author:
    """A clone with three commits."""
    author = Author(tmp_path / "source", "/nowhere")
    author.commit(PROJECT)
    author.commit({"README": "1"})
    author.commit({"README": "2"})
    author.git("config", "uploadpack.allowFilter", "true")
    return author


def place(site: GitSite) -> Path:
    return site.repositories / f"{MODULE}.git"


def cloned(source: Author, path: Path, *options: str) -> Path:
    source.git("clone", "--quiet", *options, source.folder.as_uri(), str(path))
    return path


def git(path: Path, *words: str, stdin: str = "") -> str:
    """What git said in a folder, to whomever."""
    home = path.parent / "home"
    done = subprocess.run(
        ["git", "-C", path, *words], env=git_environment(home), input=stdin, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


def pushed(author: Author, *refs: str) -> str:
    """What the server says of pushes, one after the other."""
    return "\n".join(line for ref in refs for line in remote_lines(author.push(ref)))


def new_commit(source: Author, remote: Path) -> str:
    """What the server says of a new commit with a publish tag."""
    source.git("remote", "set-url", "origin", str(remote))
    return publish(source, {"README": "3"})


# servers


def _shallow(source: Author, site: GitSite) -> Path:
    return cloned(source, place(site), "--bare", "--depth=1")


def _mirror(source: Author, site: GitSite) -> Path:
    return cloned(source, place(site), "--mirror")


def _shared(source: Author, site: GitSite) -> Path:
    """A repository for a group, whose HEAD is a branch that it does not have."""
    path = make_bare(place(site))
    git(path, "symbolic-ref", "HEAD", "refs/heads/missing")
    git(path, "config", "core.sharedRepository", "group")
    return path


def _working_tree(source: Author, site: GitSite) -> Path:
    path = cloned(source, place(site).with_suffix(""), "--no-checkout")
    git(path, "checkout", "--quiet", "-b", "other")
    return path


def _separate(source: Author, site: GitSite) -> Path:
    """A folder whose `.git` is a file that says where the git directory is."""
    path = _working_tree(source, site)
    git(path, "init", "--quiet", "--separate-git-dir", str(place(site)))
    return path


def _linked(source: Author, site: GitSite) -> Path:
    """A linked working tree; what is pushed to it is pushed to the repository that it is of."""
    git(_working_tree(source, site), "worktree", "add", "--quiet", "-b", "side", "../../side")
    return site.repositories / "side"


SERVERS = [_shallow, _mirror, _shared, _working_tree, _separate, _linked]


@pytest.mark.parametrize("make", SERVERS)
def test_a_push_to_any_repository_publishes(
    site: GitSite, source: Author, make: Callable[[Author, GitSite], Path]
) -> None:
    path = make(source, site)
    site.install(path)
    said = new_commit(source, path)
    assert DONE in said, said
    assert site.versions(MODULE) == ["1.0.0"]
    assert "removed" in site.command("uninstall", "--repo", path).stdout


def test_a_partial_clone_is_an_error_that_says_so(site: GitSite, source: Author) -> None:
    """What it lacks is never fetched."""
    path = cloned(source, place(site), "--bare", "--filter=blob:none")
    site.install(path)
    said = unwrapped(new_commit(source, path))
    assert "missing: the repository is a partial clone" in said
    assert "put a whole clone in its place" in said
    assert site.versions(MODULE) == []


# pushes


def test_pushes_from_a_shallow_clone(site: GitSite, source: Author, tmp_path: Path) -> None:
    """Into a whole repository, and into an empty one that is shallow then."""
    whole, empty = site.repository(MODULE), site.repository("other/upper")
    source.git("remote", "set-url", "origin", str(whole))
    source.push()
    git(empty, "config", "receive.shallowUpdate", "true")
    author = Author(tmp_path / "shallow", whole)
    author.git("fetch", "--quiet", "--depth=1", whole.as_uri(), "master")
    author.git("reset", "--quiet", "--hard", "FETCH_HEAD")
    assert DONE in publish(author, {"b": "b"})
    author.git("remote", "set-url", "origin", str(empty))
    # Of several refs git itself takes the first alone.
    assert DONE in pushed(author, "master", "publish/1.0.0")
    assert (empty / "shallow").exists()
    assert DONE.replace("1.0.0", "1.0.1") in publish(author, {"b": "c"}, "1.0.1")


def test_a_mirror_push_publishes_and_yanks(site: GitSite, source: Author) -> None:
    source.git("remote", "set-url", "origin", str(site.repository(MODULE)))
    source.tag("publish/1.0.0")
    source.tag("publish/1.1.0")
    said = "\n".join(remote_lines(source.push("--mirror")))
    assert DONE in said
    assert sorted(site.versions(MODULE)) == ["1.0.0", "1.1.0"]
    source.git("tag", "--delete", "publish/1.0.0")
    source.push("--mirror")
    document = site.document(MODULE) or {}
    assert {each["version"]: each["yanked"] for each in document["versions"]} == {
        "1.0.0": True, "1.1.0": False,
    }  # fmt: skip


def test_a_repository_is_packed_and_pruned_again_and_again_while_it_publishes(
    site: GitSite,
) -> None:
    """Only while hooks run: an object that no ref leads to yet is nobody's (git-gc(1))."""
    author = site.author(MODULE)
    write_hook(place(site), "ours", (place(site) / "hooks" / "post-receive").read_text())
    write_hook(
        place(site), "post-receive",
        "#!/bin/sh\n"
        "touch going\n"
        "(while [ -e going ]; do\n"
        "    git gc --quiet --prune=now && git repack -adbq && git multi-pack-index write --bitmap"
        " && git repack -dq --cruft --cruft-expiration=now && git repack -adfq"
        " && git commit-graph write --reachable --split"
        " && echo done >>loops || echo failed >>loops\n"
        "done) >/dev/null 2>&1 &\n"
        "hooks/ours; rm going; wait\n",
    )  # fmt: skip
    many = {
        f"d{place}/{number}.txt": f"{place}{number}" for place in range(9) for number in range(9)
    }
    for number in range(3):
        said = publish(
            author, {**PROJECT, **many, f"d{number}/0.txt": f"{number}"}, f"1.0.{number}"
        )
        assert f"success: upper 1.0.{number} is published" in said
    loops = (place(site) / "loops").read_text().split()
    assert {*loops} == {"done"}
    assert len(loops) >= 3


# many refs


def test_nothing_of_a_push_grows_with_the_refs_of_a_repository(
    site: GitSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20,000 refs git is asked for the one that matters, whatever else was pushed."""
    author = site.author(MODULE)
    publish(author, PROJECT, "0.9.0")
    commit = author.commit({"README": "x"})
    author.tag("publish/1.0.0")
    hook = place(site) / "hooks" / "post-receive"
    hook.rename(site.folder / "hook")
    author.push("master", "publish/1.0.0")
    git(place(site), "pack-refs", "--all")
    packed = place(site) / "packed-refs"
    head, *refs = packed.read_text().splitlines()
    refs += [f"{commit} refs/heads/b{number:06}" for number in range(10_000)]
    refs += [f"{commit} refs/tags/t{number:06}" for number in range(10_000)]
    packed.write_text("\n".join([head, *sorted(refs, key=lambda line: line.split()[-1]), ""]))
    log = site.folder / "git.log"
    program = site.folder / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >>{log}\nexec {find_program("git")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    updates = "".join(f"{'0' * 40} {commit} refs/heads/b{number:06}\n" for number in range(20_000))
    process = start_hook(site, place(site), commit, before=updates)
    assert DONE in process.communicate()[0]
    asked = [line.split() for line in log.read_text().splitlines()]
    refs_asked = [words[-1] for words in asked if "for-each-ref" in words]
    assert {*refs_asked} == {"refs/heads/master"}
    assert not [words for words in asked if {"show-ref", "rev-list", "log"} & {*words}]
    assert len(asked) < 20
    # A sweep looks at all of them.
    (site.folder / "hook").rename(hook)
    git(place(site), "update-ref", "refs/tags/publish/1.1.0", commit)
    site.command("sweep", "--repo", place(site))
    assert "1.1.0" in site.versions(MODULE)

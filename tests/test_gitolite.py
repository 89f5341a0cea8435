"""gitolite 3 for real: its rules, its hooks, its umask and its own setup, over ssh."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.accounts import GIT, give
from tests.support.git import Author, GitError, remote_lines
from tests.support.gitolite import Gitolite, gitolite
from tests.support.processes import find_program
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import make_site

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make an account")
RULES = """\
repo gitolite-admin
    RW+ = admin
repo text/upper text/old
    -   refs/tags/publish/9 = ada
    RW+ = ada
    R   = eve
"""
LATER = f"""{RULES}
repo vision/later
    RW+ = ada
"""
OWN = "#!/bin/sh\necho own\n"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A site on a gitolite, after `install`; what was said and was there before it."""

    site: GitSite
    server: Gitolite
    admin: Author
    before: dict[str, str]
    said: str

    def command(self, *words: str | Path, status: int = 0) -> str:
        """What `mlreef-hooks` said as root."""
        program = (sys.executable, "-m", "mlreef_hooks", "--config", self.site.config)
        done = self.server.apart(*program, *words)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def hook(self, repository: str) -> Path:
        """The hook of a repository."""
        return self.server.repositories / f"{repository}.git" / "hooks" / "post-receive"


def hooks_of(server: Gitolite) -> dict[str, str]:
    """Each file and link of all folders of hooks, and all settings."""
    found = [*server.common.iterdir()]
    for git_dir in server.repositories.rglob("*.git"):
        found += [*(git_dir / "hooks").iterdir(), git_dir / "config"]
    return {
        str(path): os.readlink(path) if path.is_symlink() else path.read_text()
        for path in found
        if path.suffix != ".sample"
    }


def new_hook(folder: Path, text: str) -> None:
    """A hook that somebody put into a folder by hand."""
    (folder / "post-receive").write_text(text)
    (folder / "post-receive").chmod(0o755)
    os.chown(folder / "post-receive", GIT, GIT)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with gitolite() as (server, admin):
        server.rule(admin, RULES, "ada", "eve")
        new_hook(server.repositories / "text" / "old.git" / "hooks", OWN)
        settings = {"root": str(server.repositories), "cover_new": True}
        site = make_site(server.folder / "site", server=settings)
        site.repositories = server.repositories
        give(site.state, GIT)
        before = hooks_of(server)
        made = Served(site=site, server=server, admin=admin, before=before, said="")
        said = made.command("install", "--dry-run", "--all", server.repositories)
        assert f"installed: {server.common / 'post-receive'}" in said
        assert hooks_of(server) == before
        said = made.command("install", "--server", "auto", "--all", server.repositories)
        yield Served(site=site, server=server, admin=admin, before=before, said=said)


def publish(served: Served, repository: str, version: str) -> list[str]:
    """What ada sees who publishes a version."""
    author = served.server.author(repository, "ada")
    author.commit({**PROJECT, "README.md": version})
    author.tag(f"publish/{version}")
    return remote_lines(author.push("+HEAD:refs/heads/master", f"publish/{version}"))


def test_gitolite_links_the_hook_into_every_repository(served: Served) -> None:
    assert f"installed: {served.server.common / 'post-receive'}" in served.said
    for name in ("text/upper", "text/old", "gitolite-admin"):
        assert served.hook(name).readlink() == served.server.common / "post-receive"


def test_a_push_over_ssh_publishes_by_the_name_of_the_user(served: Served) -> None:
    lines = publish(served, "text/upper", "1.0.0")
    assert any(line.startswith("success: upper 1.0.0 is published") for line in lines), lines
    document = served.site.document("text/upper")
    assert document is not None
    assert document["versions"][0]["published_by"] == "ada"
    index = next(served.site.index.rglob("modules/text/upper.json"))
    assert index.stat().st_uid == GIT
    umask = served.server.as_git(find_program("gitolite"), "query-rc", "UMASK")
    assert int(umask) == 0o077
    git_dir = served.hook("text/upper").parents[1]
    assert next(git_dir.glob("objects/??")).stat().st_mode & 0o077 == 0


def test_gitolites_own_rules_hold(served: Served) -> None:
    author = served.server.author("text/upper", "ada")
    author.commit(PROJECT)
    author.tag("publish/9.0.0")
    with pytest.raises(GitError, match="DENIED"):
        author.push("publish/9.0.0")
    eve = served.server.author("text/upper", "eve")
    eve.commit(PROJECT)
    eve.tag("publish/2.0.0")
    with pytest.raises(GitError, match="DENIED"):
        eve.push("publish/2.0.0")
    assert set(served.site.versions("text/upper")) <= {"1.0.0"}


def test_a_hook_of_one_repository_still_runs(served: Served) -> None:
    lines = publish(served, "text/old", "1.0.0")
    assert lines[0] == "own"
    assert any(line.startswith("success: old 1.0.0") for line in lines), lines


def test_setup_again_changes_nothing(served: Served) -> None:
    before = hooks_of(served.server)
    served.server.as_git(find_program("gitolite"), "setup")
    assert hooks_of(served.server) == before
    said = served.command("install", "--all", served.server.repositories)
    assert hooks_of(served.server) == before
    program = (sys.executable, "-m", "mlreef_hooks", "--config", served.site.config)
    own = served.server.as_git(*program, "install", "--all", served.server.repositories)
    assert own == said
    assert f"unchanged: {served.server.common / 'post-receive'}" in said
    assert {line.partition(":")[0] for line in said.splitlines()} == {
        "kept", "unchanged", "shares the hook"
    }  # fmt: skip


def test_a_repository_that_gitolite_makes_later_is_covered(served: Served) -> None:
    served.server.rule(served.admin, LATER)
    git_dir = served.hook("vision/later").parents[1]
    assert f"push options are on: {git_dir}\n" in served.command("sweep", "--no-follow")
    assert str(git_dir) not in served.command("sweep", "--no-follow")
    lines = publish(served, "vision/later", "1.0.0")
    assert any(line.startswith("success: later 1.0.0 is published") for line in lines), lines


def test_the_doctor_finds_what_keeps_the_hook_away(served: Served) -> None:
    def found() -> set[str]:
        words = ("doctor", "--format", "text", "--repo", served.hook("text/upper").parents[1])
        program = (sys.executable, "-m", "mlreef_hooks", "--config", served.site.config)
        lines = served.server.apart(*program, *words).stdout.splitlines()
        return {line.rpartition("[")[2].rstrip("]") for line in lines if "[hook" in line}

    assert found() == set()
    hook = served.hook("text/upper")
    hook.unlink()
    assert found() == {"hook-missing"}
    new_hook(hook.parent, OWN)
    assert found() == {"hook-replaced"}
    hook.unlink()
    served.server.as_git(find_program("gitolite"), "setup", "--hooks-only")
    common = served.server.common / "post-receive"
    common.rename(common.with_name("away"))
    hook.unlink()
    hook.symlink_to(common.with_name("away"))
    assert "hook-place" in found()
    hook.unlink()
    common.with_name("away").rename(common)
    served.server.as_git(find_program("gitolite"), "setup", "--hooks-only")
    assert found() == set()


def test_the_gate_of_one_repository_and_gitolites_own_rules(served: Served) -> None:
    git_dir = served.hook("text/upper").parents[1]
    assert "the gate installed" in served.command("install", "--gate", "--repo", git_dir)
    served.server.as_git(find_program("gitolite"), "setup")
    author = served.server.author("text/upper", "ada")
    author.commit({**PROJECT, "requirements.txt": "numpy\n"})
    author.tag("publish/8.0.0")
    with pytest.raises(GitError, match=r"error: requirements\.txt:1: numpy is not pinned"):
        author.push("+HEAD:refs/heads/bad", "publish/8.0.0")
    author.commit(PROJECT)
    author.tag("publish/9.1.0")  # good for the gate
    with pytest.raises(GitError, match="DENIED"):
        author.push("publish/9.1.0")
    said = author.git("ls-remote", "origin")
    assert "refs/heads/bad" not in said
    assert "publish/" not in said.replace("publish/1.0.0", "")


def test_uninstall_leaves_no_trace(served: Served) -> None:
    one = served.command("uninstall", "--repo", served.hook("text/upper").parents[1], status=1)
    assert "not installed" not in one
    served.command("uninstall", "--all", served.server.repositories)
    found = hooks_of(served.server)
    assert {path: found[path] for path in served.before} == served.before
    left = [path for path in found if "-receive" in path and path not in served.before]
    assert not left
    assert publish(served, "text/old", "2.0.0") == ["own"]


def test_a_common_hook_is_chained_and_comes_back(served: Served) -> None:
    new_hook(served.server.common, "#!/bin/sh\necho common\n")
    done = served.command("install", "--all", served.server.repositories, status=1)
    assert "unchanged" not in done
    served.hook("text/old").unlink()
    served.server.as_git(find_program("gitolite"), "setup", "--hooks-only")
    before = hooks_of(served.server)
    served.command("install", "--all", served.server.repositories)
    lines = publish(served, "text/old", "3.0.0")
    assert lines[0] == "common"
    assert any(line.startswith("success: old 3.0.0") for line in lines), lines
    served.server.as_git(find_program("gitolite"), "setup")
    assert publish(served, "text/old", "3.0.1")[0] == "common"
    served.command("uninstall", "--all", served.server.repositories)
    assert hooks_of(served.server) == before


def test_a_gitolite_that_does_not_link_leaves_all_as_it_was(served: Served) -> None:
    (served.server.common / "post-receive").unlink()
    served.hook("text/old").unlink()
    new_hook(served.hook("text/old").parent, OWN)
    before = hooks_of(served.server)
    settings = served.server.home / ".gitolite.rc"
    written = settings.read_text()
    settings.write_text("this is no perl;")
    done = served.command("install", "--all", served.server.repositories, status=1)
    assert "unchanged" not in done
    settings.write_text(written)
    after = hooks_of(served.server)
    links = {path for path in before if path not in after}
    assert {path: after[path] for path in after} == {path: before[path] for path in after}
    assert all(path.endswith("hooks/post-receive") for path in links)
    assert publish(served, "text/old", "4.0.0") == ["own"]

"""Gitea, Forgejo, soft-serve and GitLab: names, pushers, and the hook in their places.

Their folders and the way they run hooks are rebuilt (tests/support/forges.py); pushes are real.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlreef_hooks.config import Config, Server, ServerKind
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_settings import own_setting, set_own
from mlreef_hooks.hook_setting import set_hook, unset_hook
from mlreef_hooks.servers.table import kind_of, open_server
from tests.support.doctor import NOBODY, faults, root_only
from tests.support.forges import (
    ENVIRONMENTS,
    make_forge_repository,
    make_forgejo_repository,
    make_gitlab_repository,
    write_own_hooks,
)
from tests.support.git import Author, make_bare, remote_lines
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import make_site

HASH = hashlib.sha256(b"1").hexdigest()  # of the project whose number is 1
HASHED = f"@hashed/{HASH[:2]}/{HASH[2:4]}/{HASH}.git"
FORGES = [
    ("gitea", "vision/upper.git"),
    ("forgejo", "vision/upper.git"),
    ("soft-serve", "repos/vision/upper.git"),
]


def tree_of(folder: Path) -> dict[str, str]:
    """Each file, link and folder below a folder but git's objects and refs, with what it holds."""
    left_out = ("objects", "refs", "logs")
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if place.parts[0] in left_out or path.suffix == ".sample":
            continue
        held = "" if path.is_dir() else path.read_bytes().hex()
        found[str(place)] = f"{path.lstat().st_mode:o} {held}"
    return found


def publish(site: GitSite, git_dir: Path, environment: Mapping[str, str]) -> list[str]:
    """What an author sees who publishes 1.0.0 through a server that sets variables."""
    author = Author(site.folder / "clone" / git_dir.name, git_dir, environment=environment)
    author.commit(PROJECT)
    author.tag("publish/1.0.0")
    return remote_lines(author.push("master", "publish/1.0.0"))


def check_published(site: GitSite, lines: list[str]) -> None:
    """Version 1.0.0 of `vision/upper` is in the index, published by ada."""
    assert any(line.startswith("success: upper 1.0.0 is published") for line in lines), lines
    document = site.document("vision/upper")
    assert document is not None
    assert document["versions"][0]["published_by"] == "ada"


@pytest.mark.parametrize(("server", "place"), FORGES)
def test_the_hook_stands_beside_that_of_the_server(tmp_path: Path, server: str, place: str) -> None:
    site = make_site(tmp_path / "site")
    git_dir = make_forge_repository(site.repositories / place, server)
    before = tree_of(git_dir)
    said = site.command("install", "--all", site.repositories).stdout
    assert f"installed, push options are on: {git_dir}" in said
    after = tree_of(git_dir)
    assert after.keys() - before.keys() == {"hooks/post-receive.d/mlreef"}
    assert {name for name in before if before[name] != after[name]} == {"config"}
    assert f"unchanged: {git_dir}" in site.command("install", "--all", site.repositories).stdout
    write_own_hooks(git_dir, server)
    assert tree_of(git_dir) == after
    assert faults(site, "hooks") == {}
    lines = publish(site, git_dir, ENVIRONMENTS[server])
    assert f"{server} has its own hook" in lines
    check_published(site, lines)
    site.command("uninstall", "--all", site.repositories)
    assert tree_of(git_dir) == before


@pytest.mark.parametrize(("server", "place"), FORGES)
def test_a_sweep_covers_repositories_that_are_made_later(
    tmp_path: Path, server: str, place: str
) -> None:
    site = make_site(tmp_path / "site", server={"root": str(tmp_path / "r"), "cover_new": True})
    git_dir = make_forge_repository(tmp_path / "r" / place, server)
    wiki = make_forge_repository(tmp_path / "r" / "vision" / "upper.wiki.git", "gitea")
    said = site.command("sweep").stdout
    assert f"installed, push options are on: {git_dir}\n" in said
    assert "mlreef" not in {path.name for path in wiki.rglob("*")}
    assert site.command("sweep").stdout == "0 jobs to build\n"
    check_published(site, publish(site, git_dir, ENVIRONMENTS[server]))


def test_a_sweep_leaves_repositories_alone_that_nobody_wants_covered(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    git_dir = make_bare(site.repositories / "text" / "upper.git")
    assert site.command("sweep").stdout == "0 jobs to build\n"
    assert not (git_dir / "hooks" / "post-receive").exists()


def test_a_first_installation_of_all_covers_what_is_made_later(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    make_bare(site.repositories / "text" / "upper.git")
    site.config.unlink()
    site.command("install", "--all", site.repositories, "--server", "plain")
    assert 'kind = "plain"' in site.config.read_text()
    assert "cover_new = true" in site.config.read_text()
    said = site.command("uninstall", "--all", site.repositories).stdout
    assert "hint: take cover_new out of the configuration" in said
    said = site.command("install", "--all", site.repositories, "--server", "gitea", expect=1).stderr
    assert 'the configuration does not say kind = "gitea"' in said


def test_a_forgejo_that_keeps_the_hooks_of_all_in_one_folder(tmp_path: Path) -> None:
    site, home = make_site(tmp_path / "site"), tmp_path / "home"
    first = make_forgejo_repository(site.repositories / "vision" / "first.git", home)
    assert kind_of(first, Server()) == "forgejo"
    before = tree_of(first), tree_of(home)
    said = site.command("install", "--all", site.repositories).stdout
    hook = home / "hooks" / "post-receive.d" / "mlreef"
    assert f"installed: {hook}" in said
    assert f"shares the hook, push options are on: {first}" in said
    later = make_forgejo_repository(site.repositories / "vision" / "upper.git", home)
    lines = publish(site, later, ENVIRONMENTS["forgejo"])
    assert "forgejo has its own hook" in lines
    check_published(site, lines)
    assert faults(site, "hooks") == {}
    refused = site.command("install", "--repo", first, "--gate", expect=1).stderr
    assert "has no hooks of its own, so it cannot have the gate" in refused
    site.command("install", "--repo", first, "--no-gate")
    site.command("uninstall", "--all", site.repositories)
    assert (tree_of(first), tree_of(home)) == before


def test_what_a_forgejo_leaves_unused_is_told_and_removed(tmp_path: Path) -> None:
    """By its update, which brings the one folder for all."""
    site = make_site(tmp_path / "site")
    git_dir = make_forge_repository(site.repositories / "vision" / "upper.git", "forgejo")
    site.command("install", "--all", site.repositories)
    make_forgejo_repository(git_dir, tmp_path / "home")
    assert set(faults(site, "hooks")) == {"hook-place"}
    site.command("install", "--all", site.repositories)
    assert faults(site, "hooks") == {}
    assert not (git_dir / "hooks" / "post-receive.d" / "mlreef").exists()
    set_own(git_dir, "core.hooksPath", str(tmp_path))
    assert "hooks-path" in faults(site, "hooks")


@pytest.mark.parametrize("for_all", [False, True])
def test_gitlab_runs_the_hook_by_gitaly(tmp_path: Path, for_all: bool) -> None:
    shared = tmp_path / "custom_hooks"
    settings = {"root": str(tmp_path / "r"), **({"hooks_dir": str(shared)} if for_all else {})}
    site = make_site(tmp_path / "site", server=settings)
    site.repositories = tmp_path / "r"
    git_dir = make_gitlab_repository(site.repositories / HASHED, shared)
    shared.mkdir()
    wiki = make_gitlab_repository(git_dir.with_name(f"{HASH}.wiki.git"), shared)
    before = tree_of(git_dir), tree_of(shared)
    said = site.command("install", "--all", site.repositories).stdout
    assert str(wiki) not in said
    hook = (shared if for_all else git_dir / "custom_hooks") / "post-receive.d" / "mlreef"
    assert os.access(hook, os.X_OK)
    again = site.command("install", "--all", site.repositories).stdout
    assert f"unchanged: {hook if for_all else git_dir}" in again
    assert faults(site, "hooks") == {}
    check_published(site, publish(site, git_dir, ENVIRONMENTS["gitlab"]))
    assert site.command("sweep").stdout == "0 jobs to build\n"
    checked = site.command("check", "--git-dir", git_dir, "--rev", "master").stdout
    assert checked.startswith("ok: upper (data-operation) is publishable"), checked
    site.command("uninstall", "--all", site.repositories)
    assert (tree_of(git_dir), tree_of(shared)) == before


@pytest.mark.parametrize(
    ("kind", "place", "key", "name"),
    [
        ("gitea", "vision/upper.git", "vision/upper", "vision/upper"),
        ("forgejo", "Vision/Upper.git", "Vision/Upper", "vision/upper"),
        ("soft-serve", "repos/vision/upper.git", "repos/vision/upper", "vision/upper"),
        ("soft-serve", "repos/upper.git", "repos/upper", "repos/upper"),
        ("gitolite", "repositories/a/b/upper.git", "repositories/a/b/upper", "a/b/upper"),
        ("gitolite", "repositories/upper.git", "repositories/upper", "repositories/upper"),
        ("gitlab", "vision/sub/upper.git", "vision/sub/upper", "vision/sub/upper"),
    ],
)
def test_names_by_folders(
    tmp_path: Path, kind: ServerKind, place: str, key: str, name: str
) -> None:
    server = Server(root=str(tmp_path), kind=kind)
    (tmp_path / place).mkdir(parents=True)
    found = open_server(Config(server=server), 0).repository_name(tmp_path / place, {})
    assert (found.key, f"{found.namespace}/{found.name}") == (key, name)


@pytest.mark.parametrize(
    ("kind", "place", "variables", "pusher"),
    [
        ("gitea", "vision/upper.git", ENVIRONMENTS["gitea"], "ada"),
        ("forgejo", "vision/upper.git", ENVIRONMENTS["gitea"], "ada"),
        ("soft-serve", "repos/vision/upper.git", ENVIRONMENTS["soft-serve"], "ada"),
        ("gitolite", "repositories/vision/upper.git", {"GL_REPO": "vision/upper", "GL_USER": "ada"},
         "ada"),
        ("gitlab", HASHED, ENVIRONMENTS["gitlab"], "ada"),
        ("gitlab", "vision/upper.git", {"GL_PROJECT_PATH": "vision/upper", "GL_ID": "key-3"},
         "key-3"),
        ("plain", "vision/upper.git", {"REMOTE_USER": "ada", "GL_USER": "eve"}, "ada"),
    ],
)  # fmt: skip
def test_a_push_and_a_sweep_see_the_same_name(
    tmp_path: Path, kind: ServerKind, place: str, variables: Mapping[str, str], pusher: str
) -> None:
    git_dir = make_bare(tmp_path / place)
    config = Config(server=Server(root=str(tmp_path), kind=kind))
    server = open_server(config, 0)
    pushed = server.repository_name(git_dir, variables)
    assert (pushed.namespace, pushed.name) == ("vision", "upper")
    assert server.repository_name(git_dir, {}) == pushed
    assert server.pusher(git_dir, variables) == pusher
    assert server.pusher(git_dir, {}) == "root"
    assert server.called(git_dir).lower() == "vision/upper"


@pytest.mark.parametrize(
    ("kind", "place", "variables"),
    [
        ("gitea", "vision/upper.git", {"GITEA_REPO_NAME": "other"}),
        ("gitea", "vision/upper.git", {"GITEA_REPO_USER_NAME": "a", "GITEA_REPO_NAME": "upper"}),
        ("soft-serve", "repos/upper.git", {"SOFT_SERVE_REPO_NAME": "other"}),
        ("gitolite", "repositories/vision/upper.git", {"GL_REPO": "vision/other"}),
        ("gitlab", HASHED, {"GL_PROJECT_PATH": "vision/upper", "GL_REPOSITORY": "project-2"}),
        ("gitlab", "vision/upper.git", {"GL_PROJECT_PATH": "vision/other"}),
    ],
)
def test_an_environment_that_names_another_repository_is_refused(
    tmp_path: Path, kind: ServerKind, place: str, variables: Mapping[str, str]
) -> None:
    git_dir = make_bare(tmp_path / place)
    config = Config(server=Server(root=str(tmp_path), kind=kind))
    with pytest.raises(PublishError, match="names another repository than"):
        open_server(config, 0).repository_name(git_dir, variables)


def test_gitlab_is_asked_for_the_name_by_settings_that_are_its_own(tmp_path: Path) -> None:
    git_dir = make_bare(tmp_path / HASHED)
    server = open_server(Config(server=Server(root=str(tmp_path), url="https://g/{repository}")), 0)
    forged = {"GL_PROJECT_PATH": "vision/upper", "GL_REPOSITORY": "wiki-7"}
    for variables in ({}, forged):
        with pytest.raises(PublishError, match="nothing says which project"):
            server.repository_name(git_dir, variables)
    set_own(git_dir, "gitlab.fullpath", "group/sub/upper")
    found = server.repository_name(git_dir, {})
    assert (found.namespace, found.name) == ("group/sub", "upper")
    assert found.key == HASHED.removesuffix(".git")
    assert server.source(found) == "https://g/group/sub/upper"
    with pytest.raises(PublishError, match="names another") as refused:
        server.repository_name(git_dir, {"GL_PROJECT_PATH": "moved/upper"})
    assert "config mlreef.fullPath" in refused.value.hint
    set_own(git_dir, "mlreef.fullPath", "moved/upper")
    assert server.repository_name(git_dir, {"GL_PROJECT_PATH": "moved/upper"}).namespace == "moved"


@root_only
def test_what_may_not_be_looked_at_is_no_trace(tmp_path: Path) -> None:
    git_dir = make_forge_repository(tmp_path / "vision" / "upper.git", "gitea")
    tmp_path.chmod(0o700)
    assert kind_of(git_dir, Server()) == "gitea"
    os.seteuid(NOBODY)
    try:
        assert kind_of(git_dir, Server()) == "plain"
    finally:
        os.seteuid(0)


def test_whose_the_outermost_folder_of_gitolite_is(tmp_path: Path) -> None:
    base = tmp_path / "elsewhere"
    (base / "gitolite-admin.git").mkdir(parents=True)
    (base / "eve" / "gitolite-admin.git").mkdir(parents=True)
    git_dir = make_bare(base / "eve" / "upper.git")
    (git_dir / "gl-conf").touch()
    assert kind_of(git_dir, Server()) == "gitolite"
    assert open_server(Config(), 0).repository_name(git_dir, {}).namespace == "eve"


def test_a_hook_of_gits_configuration_is_refused_by_a_git_that_runs_none(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", server={"config_hook": True})
    git_dir = make_bare(site.repositories / "text" / "upper.git")
    done = site.command("install", "--all", site.repositories, expect=None)
    hook = git_dir / "hooks" / "post-receive.mlreef"
    if "does not run hooks of its configuration" in done.stderr:
        assert done.returncode == 1
        assert not hook.exists()
    else:
        assert own_setting(git_dir, "hook.mlreef.command") == str(hook)


def test_a_hook_of_gits_configuration_is_written_and_taken_away(tmp_path: Path) -> None:
    git_dir = make_bare(tmp_path / "a b" / "upper.git")
    before = (git_dir / "config").read_text()
    hook = git_dir / "hooks" / "post-receive.mlreef"
    assert set_hook(git_dir, "post-receive", hook)
    assert not set_hook(git_dir, "post-receive", hook)
    assert own_setting(git_dir, "hook.mlreef.event") == "post-receive"
    assert own_setting(git_dir, "hook.mlreef.command") == f"'{hook}'"
    assert unset_hook(git_dir, "post-receive")
    assert (git_dir / "config").read_text() == before

"""`mlreef-hooks doctor`: each thing that would keep a push from being published is found."""

import json
import os
import shutil
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import toml

import mlreef_hooks
from mlreef_hooks.account import EXECUTE, READ, WRITE, Account
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.doctor import Finding, examine
from mlreef_hooks.hook_files import find_repositories
from tests.support.docker_cli import docker
from tests.support.git import make_bare
from tests.support.publishing import publish
from tests.support.site import PROJECT, GitSite

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    """A site with one repository, `text/upper`, whose engine is away."""
    site = GitSite(tmp_path / "site")
    site.repository("text/upper")
    return site


def hook_of(site: GitSite) -> Path:
    return site.repositories / "text" / "upper.git" / "hooks" / "post-receive"


def findings(site: GitSite) -> dict[str, Finding]:
    """What the doctor found, by what it is about; of the index's folder what was said last."""
    config = load_config(str(site.config))
    found = examine(config, site.config, list(find_repositories(site.repositories)))
    return {each.about: each for each in found}


def about_hook(site: GitSite) -> Finding:
    """What the doctor found about the hook of the only repository."""
    return findings(site)[str(site.repositories / "text" / "upper.git")]


def test_hooks_that_git_looks_for_elsewhere(site: GitSite) -> None:
    config = hook_of(site).parent.parent / "config"
    config.write_text(config.read_text() + "[core]\n\thooksPath = /nowhere/hooks\n")
    assert about_hook(site).message == "git looks for hooks in /nowhere/hooks"


def test_a_setting_that_the_hook_does_not_know_of(site: GitSite) -> None:
    repository = hook_of(site).parent.parent
    config = repository / "config"
    config.write_text(config.read_text() + "[mlreef]\n\tpublishOn = push\n")
    said = about_hook(site)
    assert said.message == "the hook does not know which pushes are to be published"
    assert said.hint == "run mlreef-hooks install again"
    site.command("install", "--repo", repository)
    assert about_hook(site).message == "the hook is installed"


@pytest.mark.parametrize("key", ["ca_bundle", "netrc"])
def test_a_file_of_pip_that_is_not_there(tmp_path: Path, key: str) -> None:
    site = GitSite(tmp_path / "site", settings={"pip": {key: "/nowhere/file"}})
    found = findings(site)[f"pip.{key}"]
    assert (found.state, found.message) == ("error", "/nowhere/file is not there")


# the hook


def dangle(hook: Path) -> None:
    hook.unlink()
    hook.symlink_to("/nowhere/post-receive")


def replace_in(old: str, new: str) -> Callable[[Path], object]:
    """A change of the hook's text."""
    return lambda hook: hook.write_bytes(hook.read_bytes().replace(old.encode(), new.encode()))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "the hook is not installed"),
        (lambda hook: hook.write_text("#!/bin/sh\necho other\n"), "the hook is not installed"),
        (dangle, "the hook is a dangling link"),
        (replace_in("\n", "\r\n"), "the hook has Windows line ends"),
        (lambda hook: hook.chmod(0o644), "the hook is not executable"),
        (replace_in(sys.executable, "/nowhere/bin/python"), "the interpreter /nowhere/bin/python"),
        (replace_in(sys.executable, "/bin/sh"), "the interpreter does not start mlreef-hooks: "),
        (replace_in("config.toml", "gone.toml"), "the configuration /"),
        (replace_in("refs/tags/publish/", "refs/tags/release/"), "the hook is of another version"),
    ],
)
def test_a_fault_of_the_hook_is_found(
    site: GitSite, damage: Callable[[Path], object], message: str
) -> None:
    damage(hook_of(site))
    found = about_hook(site)
    assert (found.state, found.hint) == ("error", "run mlreef-hooks install again")
    assert found.message.startswith(message)


def test_a_change_of_the_tags_is_found_until_the_next_installation(site: GitSite) -> None:
    document = toml.loads(site.config.read_text())
    site.config.write_text(toml.dumps({**document, "publish": {"tags": ["v{version}"]}}))
    assert about_hook(site).message == "the hook is of another version or configuration"
    site.command("install", "--repo", site.repositories / "text" / "upper.git")
    assert about_hook(site).state == "ok"


def test_another_configuration_is_found(site: GitSite) -> None:
    other = site.folder / "other.toml"
    shutil.copy(site.config, other)
    site.config = other
    assert about_hook(site).message == "the hook is of another version or configuration"


# for whom


@pytest.fixture
def foreign_site(site: GitSite) -> GitSite:
    """The site with a repository and a state that belong to nobody, and open folders above."""
    site.state.mkdir(exist_ok=True)
    for path in (site.repositories / "text" / "upper.git", site.state):
        for each in (path, *path.rglob("*")):
            os.chown(each, NOBODY, NOBODY)
    for folder in site.folder.parents[:3]:
        folder.chmod(folder.stat().st_mode | 0o011)
    for needed in (Path(sys.executable), Path(mlreef_hooks.__file__), Path(click.__file__)):
        if Account.of(NOBODY).obstacle(needed, READ):
            pytest.skip(f"nobody but this account can read {needed}")
    return site


@root_only
def test_an_interpreter_in_a_closed_folder_is_found(foreign_site: GitSite, tmp_path: Path) -> None:
    assert about_hook(foreign_site).state == "ok"
    closed = tmp_path / "closed"
    venv.create(closed / "venv", symlinks=True)
    site_packages = sysconfig.get_path("purelib", vars={"base": str(closed / "venv")})
    paths = [path for path in sys.path if path]
    Path(site_packages, "here.pth").write_text("\n".join(paths))
    python = closed / "venv" / "bin" / "python"
    replace_in(sys.executable, str(python))(hook_of(foreign_site))
    assert about_hook(foreign_site).state == "ok"
    closed.chmod(0o700)
    assert about_hook(foreign_site).message == (
        f"the repository's owner may not reach the interpreter: {closed}"
    )
    os.chown(closed, 0, NOBODY)
    closed.chmod(0o710)  # nobody's group may pass now
    assert about_hook(foreign_site).state == "ok"


@root_only
def test_a_configuration_that_the_owner_may_not_read_is_found(foreign_site: GitSite) -> None:
    foreign_site.config.chmod(0o600)
    assert about_hook(foreign_site).message == (
        f"the repository's owner may not reach the configuration: {foreign_site.config}"
    )


@root_only
def test_packages_that_the_owner_may_not_read_are_found(
    foreign_site: GitSite, tmp_path: Path
) -> None:
    closed = tmp_path / "venv"
    venv.create(closed, symlinks=True)
    site_packages = Path(sysconfig.get_path("purelib", vars={"base": str(closed)}))
    (site_packages / "here.pth").write_text("\n".join(path for path in sys.path if path))
    site_packages.chmod(0o700)
    replace_in(sys.executable, str(closed / "bin" / "python"))(hook_of(foreign_site))
    message = about_hook(foreign_site).message
    assert message.startswith("the interpreter does not start mlreef-hooks: ")
    assert "mlreef_hooks" in message


@root_only
@pytest.mark.parametrize("name", ["jobs.sqlite", "logs", "index/.lock", "locks/a.lock"])
def test_a_state_that_root_once_wrote_to_is_found(foreign_site: GitSite, name: str) -> None:
    for folder in ("index", "logs", "locks"):
        (foreign_site.state / folder).mkdir(exist_ok=True)
        os.chown(foreign_site.state / folder, NOBODY, NOBODY)
    assert findings(foreign_site)[str(foreign_site.state)].state == "ok"
    place = foreign_site.state / name
    if not place.exists():
        place.write_text("")
    os.chown(place, 0, 0)
    found = findings(foreign_site)[str(foreign_site.state)]
    assert (found.state, found.message) == ("error", f"uid {NOBODY} cannot write {place}")
    assert found.hint.endswith(f"chown -R {NOBODY} {foreign_site.state}")


@root_only
@pytest.mark.engine
def test_an_engine_that_the_owner_cannot_reach_is_found(
    foreign_site: GitSite, engine: str, base_image: str
) -> None:
    GitSite(foreign_site.folder, engine, base_image)
    found = findings(foreign_site)[engine]
    assert found.state == "error"
    assert f"uid {NOBODY} cannot use the engine's socket" in found.message


# the rest


def test_an_engine_that_is_away_is_found(site: GitSite) -> None:
    found = findings(site)["unix:///nowhere/docker.sock"]
    assert found.state == "error"
    assert "No such file or directory" in found.message


@pytest.mark.engine
def test_everything_in_order(site: GitSite, tmp_path: Path, engine: str, base_image: str) -> None:
    GitSite(site.folder, engine, base_image)
    text = site.command("doctor").stdout.splitlines()
    version = docker(engine, "version", "--format", "{{.Server.Version}}").strip()
    assert text == [
        f"ok: {site.repositories}/text/upper.git: the hook is installed",
        f"ok: {site.state}: can be written",
        f"ok: {site.index}: can be written",
        f"ok: {engine}: Docker engine {version}",
        f"ok: base.default: {base_image} is in the engine",
        f"ok: {site.index}: the index holds 0 modules",
    ]


@pytest.mark.engine
def test_a_base_that_is_not_there_yet_is_a_warning(site: GitSite, engine: str) -> None:
    GitSite(site.folder, engine, "not-there:1")
    found = findings(site)["base.default"]
    assert (found.state, found.message) == (
        "warning",
        "not-there:1 is not here yet",
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, engine: str, base_image: str) -> GitSite:
    """A site with a published module."""
    site = GitSite(tmp_path_factory.mktemp("published"), engine, base_image)
    assert "success: " in publish(site.author("text/upper"), PROJECT)
    return site


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("index.json", "is not JSON"),
        ("listing/text.json", "is not JSON"),
        ("modules/text/upper.json", "is not JSON"),
    ],
)
def test_half_a_file_of_the_index_is_found(published: GitSite, name: str, message: str) -> None:
    path = published.index / "private" / "text" / name
    whole = path.read_bytes()
    assert about_index(published).message == "the index holds 1 module"
    path.write_bytes(whole[: len(whole) // 2])
    found = about_index(published)
    path.write_bytes(whole)
    assert found.state == "error"
    assert f"{path} {message}" in found.message


@pytest.mark.engine
def test_a_document_that_is_gone_is_found(published: GitSite) -> None:
    path = published.index / "private" / "text" / "modules" / "text" / "upper.json"
    content = path.read_bytes()
    path.unlink()
    found = about_index(published)
    path.write_bytes(content)
    assert found.message == "it lists text/upper, whose document is not there"


def about_index(site: GitSite) -> Finding:
    """What the doctor found about the content of the index."""
    return findings(site)[str(site.index)]


def test_a_site_without_repositories_is_a_warning(tmp_path: Path) -> None:
    site = GitSite(tmp_path / "site", settings={"server": {"root": ""}})
    done = site.command("doctor", expect=1)  # because of the engine
    assert done.stdout.startswith("warning: repositories: none was looked at: name them with")
    assert f"warning: {site.state}: is not there yet: run mlreef-hooks install" in done.stdout


def test_only_the_repositories_that_are_named_are_looked_at(site: GitSite, tmp_path: Path) -> None:
    bare = make_bare(site.repositories / "text" / "bare.git")
    other = make_bare(tmp_path / "other.git")
    looked_at = {
        (): {bare: "error", site.repositories / "text" / "upper.git": "ok"},
        ("--repo", other): {other: "error"},
        ("--all", tmp_path): {
            bare: "error",
            other: "error",
            site.repositories / "text" / "upper.git": "ok",
        },
    }
    for words, expected in looked_at.items():
        said = site.command("doctor", "--format", "json", *words, expect=1).stdout
        found = {each["about"]: each["state"] for each in json.loads(said)}
        assert {path: found[path] for path in found if path.endswith(".git")} == {
            str(path): state for path, state in expected.items()
        }


# what an account may do


@root_only
@pytest.mark.parametrize(
    ("owner", "group", "mode", "wanted", "may"),
    [
        (NOBODY, 0, 0o700, READ | EXECUTE, True),
        (NOBODY, NOBODY, 0o077, READ, False),  # the owner's bits count, not the others'
        (0, NOBODY, 0o050, READ | EXECUTE, True),
        (0, NOBODY, 0o707, READ, False),
        (0, 0, 0o770, EXECUTE, False),
        (0, 0, 0o705, READ | EXECUTE, True),
        (0, 0, 0o705, WRITE, False),
    ],
)
def test_one_class_of_a_mode_counts(
    tmp_path: Path, owner: int, group: int, mode: int, wanted: int, may: bool
) -> None:
    path = tmp_path / "file"
    path.write_text("")
    os.chown(path, owner, group)
    path.chmod(mode)
    assert Account.of(NOBODY).may(path, wanted) == may
    assert Account.of(0).may(path, READ | WRITE)


@root_only
def test_a_link_is_followed_through_the_folders_behind_it(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "python").write_text("")
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open" / "python").symlink_to("../closed/python")
    obstacle = Account.of(NOBODY).obstacle(tmp_path / "open" / "python", READ)
    assert obstacle is not None
    assert obstacle.resolve() == tmp_path / "closed"
    assert Account.of(4_000_000).obstacle(tmp_path / "open", READ) is None

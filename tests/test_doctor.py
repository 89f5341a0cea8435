"""`mlreef-hooks doctor`: each thing that would keep a push from being published is found."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest
import toml

import mlreef_hooks
from mlreef_hooks.account import EXECUTE, READ, WRITE, Account
from mlreef_hooks.doctor.checks import CHECKS
from mlreef_hooks.doctor.finding import FAULTS, Finding
from mlreef_hooks.doctor.hook import config_hook_fault
from tests.support.docker_cli import docker
from tests.support.doctor import NOBODY, faults, give_to, look, mounted, root_only
from tests.support.git import Author, make_bare
from tests.support.pages import ROOT, TEXTS, code, sections, table
from tests.support.site import GitSite


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    """A site with one repository, `text/upper`, whose engine is away."""
    site = GitSite(tmp_path / "site")
    site.repository("text/upper")
    return site


def hook_of(site: GitSite) -> Path:
    return site.repositories / "text" / "upper.git" / "hooks" / "post-receive"


def about_hook(site: GitSite) -> Finding:
    """What the doctor found about the hook of the only repository."""
    (found,) = look(site, "hooks")
    return found


# the hook


def dangle(hook: Path) -> None:
    hook.unlink()
    hook.symlink_to("/nowhere/post-receive")


def replace_in(old: str, new: str) -> Callable[[Path], object]:
    """A change of the hook's text."""
    return lambda hook: hook.write_bytes(hook.read_bytes().replace(old.encode(), new.encode()))


@pytest.mark.parametrize(
    ("damage", "fault", "message"),
    [
        (Path.unlink, "hook-missing", "the hook is not installed"),
        # as `gitolite setup` and the resync of a forge do
        (
            lambda hook: hook.write_text("#!/bin/sh\necho other\n"),
            "hook-replaced", "another hook stands in its place",
        ),
        (dangle, "hook-dangling", "the hook is a dangling link"),
        (replace_in("\n", "\r\n"), "hook-line-ends", "the hook has Windows line ends"),
        (
            replace_in("#!/bin/sh", "#!/nowhere/sh"),
            "hook-interpreter", "the hook's first line is wrong: /nowhere/sh is not there",
        ),
        (
            replace_in("#!/bin/sh\n", ""),
            "hook-interpreter", "the hook's first line is wrong: it names no interpreter",
        ),
        (lambda hook: hook.chmod(0o644), "hook-closed", "the hook is not executable"),
        (
            replace_in(sys.executable, "/nowhere/bin/python"),
            "hook-program", "the interpreter /nowhere/bin/python is not there",
        ),
        (
            replace_in(sys.executable, "/bin/sh"),
            "hook-program", "the interpreter does not start mlreef-hooks: ",
        ),
        (replace_in("config.toml", "gone.toml"), "hook-config", "the configuration /"),
        (
            replace_in("refs/tags/publish/", "refs/tags/release/"),
            "hook-outdated", "the hook is of another version",
        ),
    ],
)  # fmt: skip
def test_a_fault_of_the_hook_is_found(
    site: GitSite, damage: Callable[[Path], object], fault: str, message: str
) -> None:
    damage(hook_of(site))
    found = about_hook(site)
    assert (found.state, found.id) == ("error", fault)
    assert found.hint.startswith(f"run mlreef-hooks install --repo {found.about} again")
    assert found.message.startswith(message)


@pytest.mark.parametrize("text", ["#!/nowhere/sh\n", None, "\r\n"])
def test_git_says_nothing_of_these_faults_to_the_pusher_that_would_help(
    site: GitSite, text: str | None
) -> None:
    hook, author = hook_of(site), Author(site.folder / "clone", hook_of(site).parents[1])
    author.commit({"a": "1"})
    if text is None:
        dangle(hook)
    elif text == "\r\n":
        replace_in("\n", text)(hook)
    else:
        replace_in("#!/bin/sh\n", text)(hook)
    assert "mlreef" not in author.push()
    assert about_hook(site).state == "error"


@root_only
def test_a_file_system_that_lets_nothing_be_executed_is_found(site: GitSite) -> None:
    hook = hook_of(site)
    with mounted(hook.parent, "noexec"):
        replaced = site.command("install", "--repo", hook.parents[1]).stdout
        assert "installed: " in replaced
        assert faults(site, "hooks")["hook-no-exec"] == "the file system lets nothing be executed"
    assert about_hook(site).state == "ok"


@pytest.mark.parametrize("scope", ["local", "global", "system"])
def test_hooks_that_git_looks_for_elsewhere(
    site: GitSite, scope: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"local": hook_of(site).parents[1] / "config"}
    for name in ("global", "system"):
        files[name] = tmp_path / name
        monkeypatch.setenv(f"GIT_CONFIG_{name.upper()}", str(files[name]))
    with files[scope].open("a") as file:
        file.write("[core]\n\thooksPath = /nowhere/hooks\n")
    said = faults(site, "hooks")["hooks-path"]
    assert said == f"git looks for hooks in /nowhere/hooks, by {files[scope]}"
    author = Author(
        tmp_path / "clone", hook_of(site).parents[1],
        environment={f"GIT_CONFIG_{scope.upper()}": str(files[scope]), "GIT_CONFIG_NOSYSTEM": "0"},
    )  # fmt: skip
    author.commit({"a": "1"})
    author.git("tag", "publish/none")
    assert "mlreef" not in author.push("publish/none")


@pytest.mark.parametrize(
    ("version", "installed", "expected"),
    [
        ((2, 39, 5), False, {"config-hook": "git 2.39.5 does not know hooks of its configuration"}),
        ((2, 54, 0), False, {}),
        ((2, 54), True, {"hook-twice": "git runs hook.x of its configuration beside"}),
    ],
)
def test_a_hook_of_the_configuration(
    version: tuple[int, ...], installed: bool, expected: Mapping[str, str]
) -> None:
    found = dict(config_hook_fault("x", version, installed=installed))
    assert found.keys() == expected.keys()
    for name, message in expected.items():
        assert found[name].startswith(message)


def test_a_hook_of_the_configuration_is_seen(site: GitSite) -> None:
    config = hook_of(site).parents[1] / "config"
    config.write_text(
        config.read_text() + '[hook "mlreef"]\n\tevent = post-receive\n'
        "\tcommand = mlreef-hooks post-receive\n"
    )
    said = subprocess.check_output(["git", "version"], text=True)
    (major, minor) = map(int, re.findall(r"\d+", said)[:2])
    expected = "hook-twice" if (major, minor) >= (2, 54) else "config-hook"
    assert [*faults(site, "hooks")] == [expected]


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_repository_of_either_hash_is_in_order(tmp_path: Path, object_format: str) -> None:
    site = GitSite(tmp_path / "site")
    site.repository("text/upper", object_format)
    assert [each.state for each in look(site, "hooks", "repositories", "tags")] == ["ok"]


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
    give_to(NOBODY, site.repositories / "text" / "upper.git", site.state)
    for needed in (Path(sys.executable), Path(mlreef_hooks.__file__), Path(click.__file__)):
        assert not Account.of(NOBODY).obstacle(needed, READ), f"tests/run, for {needed} is closed"
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
        f"the interpreter {python} cannot be used by uid {NOBODY}: {closed} is closed"
    )
    os.chown(closed, 0, NOBODY)
    closed.chmod(0o710)  # nobody's group may pass now
    assert about_hook(foreign_site).state == "ok"


@root_only
def test_a_configuration_that_the_owner_may_not_read_is_found(foreign_site: GitSite) -> None:
    foreign_site.config.chmod(0o600)
    assert about_hook(foreign_site).message == (
        f"the configuration {foreign_site.config} cannot be used by uid {NOBODY}: "
        f"{foreign_site.config} is closed"
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


# the whole


@root_only
def test_root_sees_what_the_account_sees(foreign_site: GitSite) -> None:
    as_root = foreign_site.command("doctor", expect=1).stdout
    words = ("-m", "mlreef_hooks", "--config", str(foreign_site.config), "doctor")
    account = subprocess.run(
        [sys.executable, *words], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": "/"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (account.stdout, account.stderr, account.returncode) == (as_root, "", 1)


@pytest.mark.engine
def test_everything_in_order(site: GitSite, engine: str, base_image: str) -> None:
    GitSite(site.folder, engine, base_image)
    text = site.command("doctor").stdout.splitlines()
    version = docker(engine, "version", "--format", "{{.Server.Version}}").strip()
    assert re.fullmatch(r"ok: git: git [0-9.]+", text[0])
    assert text[1:] == [
        f"ok: {site.repositories}/text/upper.git: the hook is installed",
        f"ok: {site.state}: can be written",
        f"ok: {site.index}: can be written",
        f"ok: {engine}: Docker engine {version}",
        f"ok: base.default: {base_image} is in the engine",
        f"ok: {site.index}: the index holds 0 modules",
    ]


def test_a_site_without_repositories_is_a_warning(tmp_path: Path) -> None:
    site = GitSite(tmp_path / "site", settings={"server": {"root": ""}})
    lines = site.command("doctor", expect=1).stdout.splitlines()  # because of the engine
    assert "warning: repositories: none was looked at: name them with" in lines[1]
    assert lines[1].endswith(" [repositories-none]")
    assert any(line.startswith(f"warning: {site.state}: is not there yet: the") for line in lines)


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
        found = {
            each["about"]: each["state"]
            for each in json.loads(said)
            if each["about"].endswith(".git") and each["state"] != "warning"
        }
        assert found == {str(path): state for path, state in expected.items()}
    hints = {each["hint"] for each in json.loads(said) if each["about"] == str(bare)}
    assert f"run mlreef-hooks --config {site.config} install --repo {bare} again" in hints


def test_a_path_is_not_taken_for_a_command(site: GitSite, tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "of mlreef-hooks here.git")
    said = site.command("doctor", "--format", "json", "--repo", bare, expect=1).stdout
    hints = {each["hint"] for each in json.loads(said) if each["about"] == str(bare)}
    command = f"run mlreef-hooks --config {site.config} install --repo '{bare}' again"
    assert command in hints


def test_nothing_is_changed(site: GitSite) -> None:
    def everything() -> dict[str, tuple[int, int, int]]:
        paths = [site.folder, *site.folder.rglob("*")]
        return {str(path): (found.st_mode, found.st_mtime_ns, found.st_ino)
                for path in paths for found in [path.lstat()]}  # fmt: skip

    before = everything()
    site.command("doctor", expect=1)
    assert everything() == before


# the table


def test_the_page_for_administrators_has_every_fault() -> None:
    text = sections("docs/admin.md")["What doctor says"]
    rows = [row for row in table(text, "symptom") if len(row) == 3]
    said = [tuple(code(row[1])) for row in rows]
    assert said == sorted((name, state) for name, (state, _) in FAULTS.items())
    assert all(symptom and remedy for symptom, _, remedy in rows)


def test_every_fault_is_made_to_happen_by_a_test() -> None:
    places = [*(ROOT / "tests").glob("test_doctor*.py"), ROOT / "tests/test_service.py"]
    tests = "".join(path.read_text() for path in places)
    assert {name for name in FAULTS if f'"{name}"' not in tests} == set()


def test_every_check_is_in_the_docs() -> None:
    assert {*CHECKS} <= {*code(TEXTS["docs/commands.md"])}


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

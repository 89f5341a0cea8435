"""Push options: `install` switches them on in a repository, `uninstall` only where that did."""

import os
from pathlib import Path

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_settings import last_of, own_setting, read_settings, set_own
from mlreef_hooks.push_option_setting import SETTING, switch_on, take_back
from tests.support.git import Author, GitError, make_bare, write_hook
from tests.support.site import GitSite

NOBODY = 65534
SAY_OPTIONS = '#!/bin/sh\necho "options: $GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0"\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty bare repository."""
    return make_bare(tmp_path / "vision" / "add-noise.git")


def test_a_push_option_arrives_once_they_are_on(repository: Path, tmp_path: Path) -> None:
    author = Author(tmp_path / "clone", repository)
    write_hook(repository, "post-receive", SAY_OPTIONS)
    author.commit({"a": "1"})
    with pytest.raises(GitError, match="does not support push options"):
        author.push(options=["mlreef.async"])
    assert switch_on(repository)
    assert "options: 1 mlreef.async" in author.push(options=["mlreef.async"])
    assert take_back(repository)
    author.commit({"a": "2"})
    with pytest.raises(GitError, match="does not support push options"):
        author.push(options=["mlreef.async"])


def test_taking_back_leaves_no_trace(repository: Path) -> None:
    before = (repository / "config").read_bytes()
    assert switch_on(repository, dry_run=True)
    assert (repository / "config").read_bytes() == before
    assert switch_on(repository)
    assert not switch_on(repository)
    after = (repository / "config").read_bytes()
    assert take_back(repository, dry_run=True)
    assert (repository / "config").read_bytes() == after
    assert take_back(repository)
    assert (repository / "config").read_bytes() == before
    assert not take_back(repository)


@pytest.mark.parametrize("value", ["true", "false"])
def test_what_somebody_else_decided_stays(repository: Path, value: str) -> None:
    set_own(repository, SETTING, value)
    before = (repository / "config").read_bytes()
    assert (switch_on(repository), take_back(repository)) == (False, False)
    assert (repository / "config").read_bytes() == before


def test_what_somebody_changed_afterwards_stays(repository: Path) -> None:
    switch_on(repository)
    set_own(repository, SETTING, "false")
    assert not take_back(repository)
    assert own_setting(repository, SETTING) == "false"
    assert "mlreef" not in (repository / "config").read_text()


def test_other_settings_of_ours_stay(repository: Path) -> None:
    set_own(repository, "mlreef.visibility", "public")
    before = (repository / "config").read_bytes()
    switch_on(repository)
    take_back(repository)
    assert (repository / "config").read_bytes() == before


def test_a_settings_file_that_is_being_changed_is_an_error_for_people(repository: Path) -> None:
    (repository / "config.lock").touch()
    with pytest.raises(PublishError, match="cannot be changed: error: could not lock"):
        switch_on(repository)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_file_that_root_changes_stays_its_owners(repository: Path) -> None:
    for folder in repository.parents[:-2]:
        folder.chmod(folder.stat().st_mode | 0o011)
    for path in [repository, *repository.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    assert switch_on(repository)
    found = (repository / "config").stat()
    assert (found.st_uid, found.st_gid) == (NOBODY, NOBODY)
    assert own_setting(repository, SETTING) == "true"


def test_the_commands_say_what_they_do(tmp_path: Path) -> None:
    site = GitSite(tmp_path / "site")
    path = make_bare(site.repositories / "text" / "upper.git")
    would = site.command("install", "--repo", path, "--dry-run").stdout.splitlines()
    assert would[1:] == [
        f"installed, push options are on: {path}", "nothing was changed: --dry-run"
    ]  # fmt: skip
    assert own_setting(path, SETTING) is None
    said = [site.command(word, "--repo", path).stdout for word in ("install", "install")]
    assert [each.splitlines()[1] for each in said] == [
        f"installed, push options are on: {path}", f"unchanged: {path}"
    ]  # fmt: skip
    assert own_setting(path, SETTING) == "true"
    said = [
        site.command("uninstall", "--repo", path, *words).stdout for words in (["--dry-run"], [])
    ]
    assert said[0].splitlines()[0] == said[1].splitlines()[0]
    assert said[1] == f"removed, push options are off again: {path}\n"
    assert own_setting(path, SETTING) is None


@pytest.mark.parametrize(
    ("text", "value", "on"),
    [
        ("[a]\n\tb", "true", True), ("[a]\n\tb =", "", False), ("[a]\n\tb = on", "on", True),
        ("[a]\n\tb = 2", "2", True), ("[a]\n\tb = 0", "0", False), ("[A]\n\tB = No", "No", False),
        ("[a]\n\tb = 1\n\tb = off", "off", False),
    ],
)  # fmt: skip
def test_settings_are_read_as_git_reads_them(
    repository: Path, text: str, value: str, on: bool
) -> None:
    with (repository / "config").open("a") as file:
        file.write(f"{text}\n")
    found = last_of(read_settings(repository), "a.b")
    assert found is not None
    assert (found.value, found.on) == (value, on)
    assert Path(found.origin).samefile(repository / "config") or found.origin == "config"

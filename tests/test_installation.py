"""What `install` makes besides the hooks: the configuration and the state folder."""

import os
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.cli.configuration import default_state, state_for
from mlreef_hooks.config import parse_config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.installation import Settings, prepare_state, write_config
from tests.support.accounts import STRANGER, open_folder
from tests.support.git import make_bare
from tests.support.tiny_site import make_site

STATE = Path("/var/lib/mlreef-hooks")


def settings(root: str = "/srv/git", **facts: Any) -> Settings:
    """What a site chose on the command line."""
    texts: dict[str, Any] = {"registry": "", "engine": "", "main_branch": ""}
    return Settings(root=Path(root), **{**texts, **facts})


def test_a_first_configuration_says_what_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "mlreef-hooks" / "config.toml"
    chosen = settings(registry="reg.example/x", engine="tcp://e:2375", main_branch="main")
    config, said = write_config(path, chosen, state=STATE, dry_run=False)
    assert said == "written"
    assert (config.server.root, config.registry.prefix) == ("/srv/git", "reg.example/x")
    assert (config.builder.docker.url, config.publish.main_branch) == ("tcp://e:2375", "main")
    assert config.state_path == STATE
    # A later default state folder does not move the state of an installation.
    assert parse_config(path.read_text(), path="x", state="/elsewhere") == config
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_is_not_chosen_is_left_to_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    config, _ = write_config(path, settings(), state=STATE, dry_run=False)
    expected = parse_config(f'state = "{STATE}"\nserver.root = "/srv/git"\n', path="x", state="")
    assert config == expected
    assert not {"publish", "registry", "builder"} & {*path.read_text().split("[")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders to others")
def test_a_second_account_gets_a_state_of_its_own(tmp_path: Path) -> None:
    first = tmp_path / "mlreef-hooks"
    assert state_for({1001}, first) == default_state()
    first.mkdir()
    os.chown(first, 1000, 1000)
    assert state_for({1001}, first) == tmp_path / "mlreef-hooks-1001"
    assert state_for({1000}, first) == default_state()
    os.chown(first, 0, 0)
    assert state_for({1001}, first) == tmp_path / "mlreef-hooks-1001"


def test_a_configuration_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('# gr\xfc\xdfe\n[server]\nroot = "/other"\n', encoding="utf-8")
    before = path.read_bytes()
    config, said = write_config(path, settings(), state=STATE, dry_run=False)
    assert (said, config.server.root, path.read_bytes()) == ("kept", "/other", before)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "config.toml"
    config, said = write_config(path, settings(), state=STATE, dry_run=True)
    assert (said, config.server.root) == ("written", "/srv/git")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "root", ["/srv/a b", '/srv/"q"', "/srv/it's", "/srv/back\\slash", "/srv/\u2603", "/srv/a\tb"]
)
def test_paths_of_any_kind_are_kept(tmp_path: Path, root: str) -> None:
    config, _ = write_config(tmp_path / "c", settings(root), state=STATE, dry_run=False)
    assert config.server.root == root
    again, _ = write_config(tmp_path / "c", settings(), state=STATE, dry_run=False)
    assert again == config


@pytest.mark.parametrize(
    "root", ["/srv/\x1bx", "/srv/\x7f", "/srv/\\x41", "/srv/\udcff"], ids=ascii
)
def test_paths_that_toml_would_change_are_refused(tmp_path: Path, root: str) -> None:
    with pytest.raises(PublishError):
        write_config(tmp_path / "c", settings(root), state=STATE, dry_run=False)
    assert list(tmp_path.iterdir()) == []


def _folder(path: Path) -> None:
    path.mkdir()


def _no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


def _no_toml(path: Path) -> None:
    path.write_text("state = [")


@pytest.mark.parametrize("spoil", [_folder, _no_text, _no_toml])
def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(tmp_path / "c")
    with pytest.raises(PublishError):
        write_config(tmp_path / "c", settings(), state=STATE, dry_run=False)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "config.toml"
    with pytest.raises(PublishError, match="cannot be read or made"):
        write_config(path, settings(), state=STATE, dry_run=False)
    config = parse_config("", path="x", state=str(path))
    with pytest.raises(PublishError, match="cannot be read or made"):
        prepare_state(config, [])


def test_the_state_folder_is_made_once(tmp_path: Path) -> None:
    config = parse_config("", path="x", state=str(tmp_path / "a" / "state"))
    prepare_state(config, [make_bare(tmp_path / "x.git")])
    assert config.index_path == tmp_path / "a" / "state" / "index"
    assert config.index_path.is_dir()
    config.state_path.chmod(0o700)
    prepare_state(config, [make_bare(tmp_path / "y.git")])
    assert config.state_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_state_folder_belongs_to_the_owner_of_the_repositories(tmp_path: Path) -> None:
    repositories = [make_bare(tmp_path / name) for name in ("x.git", "y.git")]
    for path in repositories:
        os.chown(path, 65534, 65533)
    config = parse_config("", path="x", state=str(tmp_path / "var" / "lib" / "state"))
    prepare_state(config, repositories)
    for folder in (config.state_path, config.index_path):
        assert (folder.stat().st_uid, folder.stat().st_gid) == (65534, 65533)
    assert (tmp_path / "var").stat().st_uid == os.getuid()
    os.chown(repositories[0], 65532, 65533)
    with pytest.raises(PublishError, match="several accounts"):
        prepare_state(config, repositories)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")
@pytest.mark.parametrize("words", [["list"], ["show", "text/upper"], ["verify", "text/upper@1.0"]])
def test_a_state_that_is_closed_is_told_in_a_line(words: list[str]) -> None:
    with open_folder() as folder:
        site = make_site(folder / "site")
        site.config.chmod(0o644)
        site.state.chmod(0o700)
        done = site.command(*words, user=STRANGER, expect=1)
        assert done.stderr.startswith("error: ")
        assert "Permission denied" in done.stderr
        assert "Traceback" not in done.stderr
        site.command("doctor", user=STRANGER, expect=1)

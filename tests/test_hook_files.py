"""The hook in a repository: put there, kept beside what was there before, taken away again."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlreef_hooks.config import Config, Publish, Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_dirs import find_repositories, git_dir_of, is_repository
from mlreef_hooks.hook_files import (
    HOOK,
    HookState,
    hook_text,
    install_hook,
    read_hook,
)
from mlreef_hooks.placement import take
from mlreef_hooks.waiting_room import MARK
from tests.support.git import Author, make_bare

CONFIG = Config(state="/var/lib/mlreef-hooks")
TEXT = hook_text(Path("/opt/venv/bin/python"), Path("/etc/mlreef-hooks/config.toml"), CONFIG)
FOREIGN = "#!/bin/sh\necho before\n"
CHAINED = f"{HOOK}.before-mlreef"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty bare repository."""
    return make_bare(tmp_path / "vision" / "add-noise.git")


def tree_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file and link below a folder, with its mode and content."""
    paths = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes(),
        )
        for path in paths
    }


def values_of(text: str) -> list[str]:
    """What a shell reads as python, config, state and wanted."""
    assignments = text[text.index("python=") : text.index("# The exit status")]
    script = assignments + 'printf "%s\\0" "$python" "$config" "$state" "$wanted"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    return [os.fsdecode(value) for value in said.split(b"\0")[:-1]]


@pytest.mark.parametrize(
    "path",
    [
        "/opt/venv/bin/python", "/opt/a b/python", "/opt/it's/python", '/opt/"q"/python',
        "/opt/$(touch pwned)/`x`/python", "/opt/back\\slash/\\n", "/opt/*?[a]/~", "/opt/\u2603",
        os.fsdecode(b"/opt/caf\xe9"), "/opt/line\nbreak", "/opt/;&|<>",
    ],
)  # fmt: skip
def test_paths_of_any_kind_are_kept(repository: Path, path: str) -> None:
    text = hook_text(Path(path), Path(f"{path}.toml"), Config(state=f"{path}.state"))
    assert install_hook(repository, text) == "installed"
    stored = (repository / "hooks" / HOOK).read_bytes().decode(errors="surrogateescape")
    assert values_of(stored)[:3] == [path, f"{path}.toml", f"{path}.state"]
    assert install_hook(repository, text) == "unchanged"


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (["publish/{version}"], ["refs/tags/publish/"]),
        (["publish/{version}", "publish/{module}/{version}"], ["refs/tags/publish/"]),
        (["v{version}", "{module}@v{version}"], ["refs/tags/v", "refs/tags/.*@v"]),
        (["it's{version}"], ["refs/tags/it's"]),
    ],
)
def test_the_patterns_of_tags_become_expressions(patterns: list[str], wanted: list[str]) -> None:
    config = Config(publish=Publish(tags=tuple(patterns)))
    (*_, found) = values_of(hook_text(Path("/python"), Path("/config"), config))
    assert found.split("\n") == [f"^[0-9a-f]* [0-9a-f]* {each}" for each in wanted]


def test_installing_again_changes_nothing(repository: Path) -> None:
    before = tree_of(repository)
    assert install_hook(repository, TEXT) == "installed"
    installed = tree_of(repository)
    assert installed.keys() - before.keys() == {f"hooks/{HOOK}"}
    assert (repository / "hooks" / HOOK).stat().st_mode & 0o777 == 0o755
    assert install_hook(repository, TEXT) == "unchanged"
    assert tree_of(repository) == installed
    assert read_hook(repository) == HookState(
        git_dir=repository, hook=repository / "hooks" / HOOK, kind="ours", chained=False, text=TEXT
    )


def test_a_hook_of_another_version_is_updated(repository: Path) -> None:
    install_hook(repository, TEXT.replace("/opt/venv", "/opt/old"))
    assert install_hook(repository, TEXT) == "updated"
    (repository / "hooks" / HOOK).chmod(0o644)
    assert install_hook(repository, TEXT) == "updated"
    assert (repository / "hooks" / HOOK).stat().st_mode & 0o777 == 0o755
    assert not read_hook(repository).chained


def _script(hook: Path) -> None:
    hook.write_text(FOREIGN)
    hook.chmod(0o755)


def _switched_off(hook: Path) -> None:
    hook.write_text(FOREIGN)
    hook.chmod(0o644)


def _link(hook: Path) -> None:
    _script(hook.with_name("shared"))
    hook.symlink_to("shared")


def _dangling(hook: Path) -> None:
    hook.symlink_to("nowhere")


def _binary(hook: Path) -> None:
    shutil.copy("/bin/true", hook)


FOREIGN_HOOKS = [_script, _switched_off, _link, _dangling, _binary]


@pytest.mark.parametrize("make", FOREIGN_HOOKS)
def test_a_foreign_hook_is_kept_and_comes_back(repository: Path, make: object) -> None:
    assert callable(make)
    make(repository / "hooks" / HOOK)
    before = tree_of(repository)
    assert read_hook(repository).kind == "foreign"
    assert install_hook(repository, TEXT, dry_run=True).endswith("is chained")
    assert tree_of(repository) == before
    assert install_hook(repository, TEXT).endswith("is chained")
    installed = tree_of(repository)
    assert installed[f"hooks/{CHAINED}"] == before[f"hooks/{HOOK}"]
    assert installed[f"hooks/{HOOK}"][1] == TEXT.encode()
    assert install_hook(repository, TEXT) == "unchanged"
    assert install_hook(repository, TEXT + "#\n") == "updated"
    (repository / MARK).touch()
    assert take(repository, Server(), dry_run=True).endswith("is back")
    assert read_hook(repository).kind == "ours"
    assert take(repository, Server(), dry_run=False).endswith("is back")
    assert tree_of(repository) == before
    assert take(repository, Server(), dry_run=False) == "not installed"
    assert tree_of(repository) == before


def test_uninstalling_leaves_no_trace(repository: Path) -> None:
    before = tree_of(repository)
    install_hook(repository, TEXT)
    (repository / MARK).touch()
    assert take(repository, Server(), dry_run=True) == "removed"
    assert take(repository, Server(), dry_run=False) == "removed"
    assert tree_of(repository) == before


def test_a_dry_run_makes_nothing(repository: Path) -> None:
    shutil.rmtree(repository / "hooks")
    before = tree_of(repository)
    assert install_hook(repository, TEXT, dry_run=True) == "installed"
    assert (tree_of(repository), (repository / "hooks").exists()) == (before, False)
    assert install_hook(repository, TEXT) == "installed"


def test_two_foreign_hooks_are_left_for_a_person(repository: Path) -> None:
    for name in (HOOK, CHAINED):
        _script(repository / "hooks" / name)
    before = tree_of(repository)
    for dry_run in (True, False):
        with pytest.raises(PublishError, match="not ours"):
            install_hook(repository, TEXT, dry_run=dry_run)
    assert tree_of(repository) == before


def test_a_chained_hook_stays_where_ours_was_removed_by_hand(repository: Path) -> None:
    _script(repository / "hooks" / HOOK)
    install_hook(repository, TEXT)
    (repository / "hooks" / HOOK).unlink()
    assert install_hook(repository, TEXT) == "installed"
    assert take(repository, Server(), dry_run=False).endswith("is back")
    assert (repository / "hooks" / HOOK).read_text() == FOREIGN


def test_a_link_to_our_hook_is_replaced_and_not_written_through(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "shared").write_text(TEXT.replace("/opt/venv", "/opt/old"))
    (repository / "hooks" / HOOK).symlink_to(tmp_path / "shared")
    assert install_hook(repository, TEXT) == "updated"
    assert not (repository / "hooks" / HOOK).is_symlink()
    assert "/opt/old" in (tmp_path / "shared").read_text()


@pytest.mark.parametrize("foreign", [True, False])
def test_what_cannot_be_written_changes_nothing(repository: Path, foreign: bool) -> None:
    if foreign:
        _script(repository / "hooks" / HOOK)
    (repository / "hooks" / f".{HOOK}.new").mkdir()  # in the way
    before = tree_of(repository)
    with pytest.raises(PublishError, match="cannot be changed"):
        install_hook(repository, TEXT)
    assert tree_of(repository) == before


def test_a_dangling_folder_of_hooks_is_an_error_for_people(repository: Path) -> None:
    shutil.rmtree(repository / "hooks")
    (repository / "hooks").symlink_to("nowhere")
    with pytest.raises(PublishError, match="cannot be changed"):
        install_hook(repository, TEXT)
    assert take(repository, Server(), dry_run=False) == "not installed"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_hook_that_root_installs_belongs_to_the_owner(repository: Path) -> None:
    for path in [repository, *repository.rglob("*")]:
        os.chown(path, 65534, 65534)
    install_hook(repository, TEXT)
    found = (repository / "hooks" / HOOK).stat()
    assert (found.st_uid, found.st_gid) == (65534, 65534)


def test_repositories_are_found_bare_or_not(tmp_path: Path) -> None:
    bare = [make_bare(tmp_path / place) for place in ("b.git", "a/b/c.git", "a/d", "1/2/3/4/5/6")]
    make_bare(tmp_path / "1/2/3/4/5/x/too-deep.git")
    working = Author(tmp_path / "w", "nowhere").folder / ".git"
    make_bare(bare[0] / "modules" / "inner.git")
    (tmp_path / "link.git").symlink_to(bare[0])
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "no.git").mkdir()
    (tmp_path / "no.git" / "HEAD").write_text("")
    assert list(find_repositories(tmp_path)) == sorted([*bare, working])
    assert list(find_repositories(bare[0])) == [bare[0]]
    assert list(find_repositories(tmp_path / "no.git")) == []
    assert list(find_repositories(tmp_path / "missing")) == []


def test_the_git_directory_of_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = make_bare(tmp_path / "x.git")
    working = Author(tmp_path / "w", "nowhere").folder
    (tmp_path / "link").symlink_to(bare)
    monkeypatch.chdir(bare)
    assert [git_dir_of(path) for path in (bare, Path(), tmp_path / "link")] == [bare] * 3
    assert [git_dir_of(path) for path in (working, working / ".git")] == [working / ".git"] * 2
    assert is_repository(bare)
    for path in (tmp_path, tmp_path / "missing", bare / "HEAD"):
        with pytest.raises(PublishError, match="is not a git repository"):
            git_dir_of(path)


def test_a_hook_that_is_there_runs_until_ours_is_there(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every moment, and after a kill at any: then another installation goes on."""
    hook = repository / "hooks" / HOOK
    hook.write_text(FOREIGN)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mlreef_hooks.hook_files.replace_file", die)
        with pytest.raises(KeyboardInterrupt):
            install_hook(repository, TEXT)
    assert hook.read_text() == FOREIGN
    assert install_hook(repository, TEXT).endswith("is chained")
    assert hook.read_text() == TEXT
    take(repository, Server(), dry_run=False)
    assert hook.read_text() == FOREIGN
    assert not hook.with_name(CHAINED).exists()


def test_a_hook_that_speaks_of_ours_is_not_ours(repository: Path) -> None:
    hook = repository / "hooks" / HOOK
    hook.write_text(foreign := f"{FOREIGN}# mlreef-hooks: runs by itself\n")
    assert install_hook(repository, TEXT).endswith("is chained")
    assert hook.with_name(CHAINED).read_text() == foreign

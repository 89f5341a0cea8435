"""`mlreef-hooks doctor` on the gate: a broken one keeps every push out, and is told of first."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlreef_hooks.git_settings import set_own
from mlreef_hooks.hook_files import GATE, HOOK
from mlreef_hooks.hook_place import in_repository
from tests.support.doctor import look
from tests.support.git import Author, GitError
from tests.support.site import GitSite


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    """A site with one repository, `text/upper`, that has the gate."""
    site = GitSite(tmp_path / "site")
    site.install(site.repository("text/upper"), "--gate")
    return site


def git_dir_of(site: GitSite) -> Path:
    return site.repositories / "text/upper.git"


def replace_in(old: str, new: str) -> Callable[[Path], object]:
    """A change of a hook's text."""
    return lambda hook: hook.write_bytes(hook.read_bytes().replace(old.encode(), new.encode()))


def dangle(hook: Path) -> None:
    hook.unlink()
    hook.symlink_to("/nowhere/pre-receive")


REFUSES = "; git refuses every push"


@pytest.mark.parametrize(
    ("damage", "fault", "message"),
    [
        (Path.unlink, "hook-missing", "the gate is not installed"),
        (dangle, "hook-dangling", "the gate is a dangling link"),
        (lambda hook: hook.write_text("#!/bin/sh\n"), "hook-replaced", "another hook stands in"),
        (lambda hook: hook.chmod(0o644), "hook-closed", "the gate is not executable"),
        (replace_in("\n", "\r\n"), "hook-line-ends", f"the gate has Windows line ends{REFUSES}"),
        (
            replace_in("#!/bin/sh", "#!/nowhere/sh"),
            "hook-interpreter",
            f"the gate's first line is wrong: /nowhere/sh is not there{REFUSES}",
        ),
        (replace_in("python=/", "python=/x/"), "hook-program", "the interpreter /x/"),
        (replace_in("refs/tags", "refs/tag"), "hook-outdated", "the gate is of another version"),
    ],
)  # fmt: skip
def test_a_fault_of_the_gate_comes_first(
    site: GitSite, damage: Callable[[Path], object], fault: str, message: str
) -> None:
    in_repository(HOOK, git_dir_of(site)).path.unlink()
    damage(in_repository(GATE, git_dir_of(site)).path)
    first, second = look(site, "hooks")
    assert (first.state, first.id) == ("error", fault)
    assert first.message.startswith(message)
    assert (second.id, second.message) == ("hook-missing", "the hook is not installed")
    author = Author(site.folder / "clone", git_dir_of(site))
    author.commit({"a": "1"})
    if REFUSES in message:  # as git really does
        with pytest.raises(GitError, match="pre-receive hook declined"):
            author.push()
    else:
        author.push()
    assert "unchanged" not in site.command("install", "--repo", git_dir_of(site)).stdout
    assert [each.message for each in look(site, "hooks")] == ["the hook and the gate are installed"]


def test_where_no_gate_is_wanted_none_is_missed(site: GitSite) -> None:
    in_repository(GATE, git_dir_of(site)).path.unlink()
    set_own(git_dir_of(site), "mlreef.gate", "no")
    assert [each.message for each in look(site, "hooks")] == ["the hook is installed"]
    set_own(git_dir_of(site), "mlreef.gate", "yes")
    assert [each.id for each in look(site, "hooks")] == ["hook-missing"]

"""gitolite's own repositories of hooks: who is linked where, and `gitolite setup`, which links."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from mlreef_hooks.account import Account
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import first_line
from mlreef_hooks.hook_place import HookPlace
from mlreef_hooks.servers.folders import link_target
from mlreef_hooks.servers.gitolite import GitoliteServer

_PATH = "/usr/local/bin:/usr/bin:/bin"  # and what a gitolite without a package is linked into


def lacks_link(git_dir: Path, hook: Path) -> bool:
    """True where the repository does not run the common hook."""
    return link_target(git_dir / "hooks" / hook.name) != str(hook)


def is_gitolite(place: HookPlace) -> bool:
    """True for the place of a common hook, which gitolite links into repositories."""
    return place.shared and place.seen != place.path


def folder_of_all(git_dir: Path) -> Path:
    """The folder of all repositories of the gitolite that keeps this one."""
    found = GitoliteServer.found_base(git_dir.resolve())
    return found or git_dir.parent


def link_hooks(git_dir: Path) -> None:
    """Let gitolite link its common hooks into all of its repositories.

    As root it is run as the account of the repositories. PublishError where it fails.
    """
    owner = Account.of(git_dir.stat().st_uid)
    home = _home(git_dir, owner)
    environment = {"HOME": str(home), "PATH": f"{_PATH}:{home}/bin", "LC_ALL": "C"}
    command = ["gitolite", "setup", "--hooks-only"]
    options = {**owner.for_process(), "cwd": "/"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            **options,
        )  # fmt: skip
    except FileNotFoundError:
        said = "gitolite is not there"
    else:
        if not done.returncode:
            return
        said = f"gitolite setup --hooks-only: {first_line(done.stderr)}"
    raise PublishError(said, "as gitolite's account: gitolite setup --hooks-only")


def unlink_hooks(git_dirs: Iterable[Path], hooks: Iterable[Path]) -> None:
    """Take the links to common hooks that are gone out of repositories; gitolite leaves them."""
    gone = [hook for hook in hooks if not hook.exists()]
    for git_dir in git_dirs:
        for hook in gone:
            if not lacks_link(git_dir, hook):
                (git_dir / "hooks" / hook.name).unlink()


def _home(git_dir: Path, owner: Account) -> Path:
    """The home of a gitolite: the folder of its `.gitolite`, else that of its account."""
    update = link_target(git_dir / "hooks" / "update")
    admin = Path(update).parents[2] if update.endswith("/hooks/common/update") else None
    return admin.parent if admin and admin.name == ".gitolite" else Path(owner.home)

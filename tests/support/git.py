"""Real git: bare repositories, their hooks, and an author who commits, tags and pushes."""

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tests.support.processes import PATH, find_program

PUSH_SECONDS = 300
_FIRST_COMMIT = 1_767_225_600  # 2026-01-01; every commit and tag of an author is a minute later
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@author.example",
    "GIT_COMMITTER_NAME": "Ada Author",
    "GIT_COMMITTER_EMAIL": "ada@author.example",
}
_SETTINGS = """\
[init]
    defaultBranch = master
[protocol "file"]
    allow = always
[commit]
    gpgSign = false
[gc]
    auto = 0
"""


class GitError(Exception):
    """A git command failed; the message is what it wrote to stderr."""


def git_environment(home: Path) -> dict[str, str]:
    """An environment in which git sees no settings but those of the tests; `home` is made."""
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "gitconfig"
    if not settings.exists():
        settings.write_text(_SETTINGS)
    return {
        "PATH": PATH,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def make_bare(path: Path, object_format: str = "sha1") -> Path:
    """The path of a new bare repository whose main branch is `master`."""
    options = ["--bare", "--initial-branch=master", f"--object-format={object_format}"]
    _run(
        ["init", *options, str(path)],
        cwd=None,
        environment={"PATH": PATH, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return path


def write_hook(repository: Path, name: str, script: str) -> Path:
    """The path of a hook of a bare repository, written and executable."""
    hook = repository / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(script)
    hook.chmod(0o755)
    return hook


def remote_lines(pushed: str) -> list[str]:
    """What the server said in the text of a push, line by line without `remote: `."""
    lines = (line.partition("remote: ") for line in pushed.splitlines())
    return [said.rstrip() for before, remote, said in lines if remote and not before]


class Author:
    """Somebody with a clone: writes files, commits, tags, pushes."""

    def __init__(
        self,
        folder: Path,
        remote: str | Path,
        *,
        object_format: str = "sha1",
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
    ) -> None:
        """`remote` is a path or a URL; `environment` is added to git's (`GIT_SSH_COMMAND`).

        git runs as the account `user`, where one is named: a user id that is a group id as well.
        """
        self.folder = folder
        self.user = user
        home = folder / ".git" / "home"
        self.environment = {**git_environment(home), **_IDENTITY, **(environment or {})}
        self._minutes = 0
        self.give_away()
        self.git("init", f"--object-format={object_format}")
        self.git("remote", "add", "origin", str(remote))

    def give_away(self) -> None:
        """Give the clone to the account that git runs as, where one was named."""
        if self.user is not None:
            for each in (self.folder, *self.folder.rglob("*")):
                os.chown(each, self.user, self.user, follow_symlinks=False)

    def git(self, *arguments: str) -> str:
        """The stdout of a git command in the clone, without its last newline; or `GitError`."""
        return self._git(arguments).stdout.decode(errors="surrogateescape").removesuffix("\n")

    def commit(
        self,
        files: Mapping[str, bytes | str | None],
        message: str = "Change files",
        *,
        executable: Collection[str] = (),
    ) -> str:
        """The id of a new commit; a file of None is deleted, the other files stay."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(0o755 if name in executable else 0o644)
        self._tick()
        self.give_away()
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def tag(
        self, name: str, message: str | None = None, *, target: str = "HEAD", force: bool = False
    ) -> str:
        """The id that a new tag points to: with a message that of the tag object itself."""
        self._tick()
        options = [*(["--force"] if force else []), *([f"--message={message}"] if message else [])]
        self.git("tag", *options, "--", name, target)
        return self.git("rev-parse", f"refs/tags/{name}")

    def push(self, *refspecs: str, options: Sequence[str] = ()) -> str:
        """What the author sees of a push (`remote_lines` picks the server's); `GitError` where a
        ref was refused. Without a refspec the branch `master` is pushed.
        """
        push_options = [f"--push-option={option}" for option in options]
        command = ["push", *push_options, "origin", *(refspecs or ["master"])]
        return self._git(command).stderr.decode(errors="replace")

    def _tick(self) -> None:
        self._minutes += 1
        date = f"{_FIRST_COMMIT + 60 * self._minutes} +0000"
        self.environment |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}

    def _git(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
        return _run(arguments, cwd=self.folder, environment=self.environment, user=self.user)


def _run(
    arguments: Sequence[str],
    *,
    cwd: Path | None,
    environment: Mapping[str, str],
    user: int | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    done = subprocess.run(
        [find_program("git"), *arguments],
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PUSH_SECONDS,
        check=False,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    if done.returncode != 0:
        raise GitError(f"git {' '.join(arguments)}:\n{done.stderr.decode(errors='replace')}")
    return done

"""A gitolite of its own account, whose home is a folder, behind an OpenSSH server. Needs root."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.accounts import GIT, open_folder
from tests.support.git import Author, git_environment
from tests.support.processes import accepts, daemon, find_program, free_port
from tests.support.servers import ssh_command, write_sshd_config
from tests.support.ssh_keys import make_key, public_key

# Runs what stands behind it where /etc is the copy in a folder, the first word.
_APART = ("unshare", "--mount", "sh", "-euc", 'mount --bind "$1/etc" /etc; shift; exec "$@"', "sh")


class Gitolite:
    """A gitolite in `folder`; `admin` has a clone of its rules. Users are made with their keys."""

    def __init__(self, folder: Path, port: int) -> None:
        """The server is at `port`."""
        self.folder = folder
        self.port = port
        self.home = folder / "home"
        self.repositories = self.home / "repositories"
        self.common = self.home / ".gitolite" / "hooks" / "common"
        self._clones = 0
        self._ssh = ssh_command(folder)

    def apart(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """What a command did as root, on the machine that knows gitolite's account."""
        words = [*_APART, self.folder, *command]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    def as_git(self, *command: str | Path) -> str:
        """What a command said as gitolite's account."""
        drop = ("setpriv", f"--reuid={GIT}", f"--regid={GIT}", "--clear-groups")
        variables = [f"{name}={value}" for name, value in git_environment(self.home).items()]
        done = self.apart(*drop, "env", "--chdir=/", *variables, *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def user(self, name: str) -> Mapping[str, str]:
        """The environment of an author with a user's key."""
        return {"GIT_SSH_COMMAND": self._ssh.replace("author_key", f"{name}_key")}

    def author(self, repository: str, name: str) -> Author:
        """A user with a new and empty clone of a repository."""
        url = f"ssh://git@127.0.0.1:{self.port}/{repository}"
        self._clones += 1
        return Author(self.folder / f"clone-{self._clones}", url, environment=self.user(name))

    def rule(self, admin: Author, text: str, *users: str) -> str:
        """What the server said to new rules, and to the keys of new users."""
        keys = {
            f"keydir/{name}.pub": public_key(make_key(self.folder / f"{name}_key")) + "\n"
            for name in users
        }
        admin.commit({"conf/gitolite.conf": text, **keys})
        return admin.push("master")


@contextmanager
def gitolite() -> Iterator[tuple[Gitolite, Author]]:
    """A gitolite after `gitolite setup`, and its admin, whose key is `admin_key`."""
    with open_folder() as folder:
        _make_account(folder)
        port = free_port()
        config = write_sshd_config(folder, port, git_environment(folder / "home"))
        text = config.read_text()
        keys = folder / "home" / ".ssh" / "authorized_keys"
        config.write_text(text.replace(f"{folder}/author_key.pub", str(keys)))
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        server = Gitolite(folder, port)
        shutil.copy(folder / "author_key.pub", folder / "admin.pub")
        (folder / "author_key").rename(folder / "admin_key")
        for each in (server.home, *server.home.rglob("*")):
            os.chown(each, GIT, GIT)
        server.as_git(find_program("gitolite"), "setup", "-pk", folder / "admin.pub")
        sshd = [*_APART, str(folder), find_program("sshd"), "-D", "-e", "-f", str(config)]
        with daemon(sshd, log=folder / "sshd.log", ready=lambda: accepts(port)):
            admin = server.author("gitolite-admin", "admin")
            admin.git("pull", "--quiet", "origin", "master")
            yield server, admin


def _make_account(folder: Path) -> None:
    """Put an account `git`, whose home is in the folder, into a copy of /etc."""
    home = folder / "home"
    home.mkdir()
    shutil.copytree("/etc", folder / "etc", symlinks=True, ignore_dangling_symlinks=True)
    lines = {
        "passwd": f"git:x:{GIT}:{GIT}::{home}:/bin/sh\n",
        "group": f"git:x:{GIT}:\n",
        "shadow": "git:*:20000::::::\n",  # no password, and not locked
    }
    for file, line in lines.items():
        with (folder / "etc" / file).open("a") as out:
            out.write(line)

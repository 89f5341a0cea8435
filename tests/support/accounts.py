"""A site with two accounts: one of the service, one of the repositories. Only root can have it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.git import Author, make_bare
from tests.support.processes import daemon
from tests.support.site import GitSite

SERVICE, GIT, STRANGER = 64101, 64102, 64103  # ids of users, and of groups; none has a name


class ServiceSite(GitSite):
    """A site whose worker is the account `SERVICE`, which is in the group of `GIT`."""

    def __init__(
        self, folder: Path, images: Path, settings: Mapping[str, Any] | None = None
    ) -> None:
        """`images` are copied."""
        self.home = folder / "home"
        self.run = folder / "run"
        self.socket = str(self.run / "w.sock")
        self.process = 0
        tables: dict[str, Any] = {
            "worker": {
                "service": str(SERVICE), "group": str(GIT), "socket": self.socket
            },
            "index": {"path": str(folder / "index")},
            "images": {"path": str(folder / "images")},
            **(settings or {}),
        }  # fmt: skip
        super().__init__(folder, "unix:///nowhere", "mlreef-base:bookworm", tables, "layers")
        self.index = folder / "index"
        shutil.copytree(images, folder / "images")
        for own in (self.home, self.run):
            own.mkdir()
        for each in (self.home, self.run, folder / "images", *(folder / "images").rglob("*")):
            os.chown(each, SERVICE, SERVICE)
        self.config.chmod(0o644)
        self.repositories.mkdir()
        os.chown(self.repositories, GIT, GIT)

    def repository(self, name: str, object_format: str = "sha1") -> Path:
        """A new bare repository of `GIT`, with the hook, readable by its group."""
        path = make_bare(self.repositories / f"{name}.git", object_format)
        subprocess.run(["git", "-C", path, "config", "core.sharedRepository", "0640"], check=True)
        give(self.repositories, GIT)
        self.install(path)
        return path

    def author(self, name: str, object_format: str = "sha1") -> Author:
        """An author who is `GIT`, with an empty clone of a new repository."""
        remote = self.repository(name, object_format)
        (self.folder / "clones").mkdir(exist_ok=True)
        return Author(self.folder / "clones" / name.replace("/", "-"), remote, user=GIT)

    @contextmanager
    def serving(self, *, groups: Sequence[int] = (GIT,), **environment: str) -> Iterator[int]:
        """The process id of the service, which is in these groups."""
        program = [sys.executable, "-m", "mlreef_hooks", "--config", str(self.config), "worker"]
        member = f"--groups={','.join(map(str, groups))}"
        drop = ["setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", member]
        drop += ["--no-new-privs", "sh", "-c", 'umask 027; exec "$@"', "sh"]  # as its unit does
        variables = {"HOME": str(self.home), **environment}
        log = self.folder / "service.log"
        ready = (self.run / "w.sock").exists
        with daemon([*drop, *program], log=log, ready=ready, environment=variables) as process:
            self.process = process
            yield process

    def as_git(
        self, program: str, *words: str | Path, user: int = GIT
    ) -> "subprocess.CompletedProcess[str]":
        """What a program did as the account of the repositories."""
        return subprocess.run(
            [program, *words], capture_output=True, text=True, check=False, timeout=60,
            user=user, group=user, extra_groups=[], cwd="/",
        )  # fmt: skip


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that every account may enter; those of pytest are its own account's alone."""
    with tempfile.TemporaryDirectory(prefix="mlreef-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


# Runs what stands behind it on a machine whose /etc is the copy in a folder, and whose /var/lib and
# /run are empty; the folder is the first word.
APART = ("unshare", "--mount", "sh", "-euc", """\
mount --bind "$1/etc" /etc
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /run
shift
exec "$@"
""", "sh")  # fmt: skip


@contextmanager
def copied_machine() -> Iterator[Path]:
    """A folder with a copy of /etc, an account `git` in it, and a repository of that account in
    `srv`.
    """
    with open_folder() as folder:
        shutil.copytree("/etc", folder / "etc", symlinks=True, ignore_dangling_symlinks=True)
        lines = {
            "passwd": f"git:x:{GIT}:{GIT}::/nowhere:/bin/sh\n",
            "group": f"git:x:{GIT}:\n",
            "shadow": "git:*:20000::::::\n",  # no password, and not locked
        }
        for file, line in lines.items():
            with (folder / "etc" / file).open("a") as out:
                out.write(line)
        make_bare(folder / "srv/text/upper.git")
        for each in (folder / "srv", *(folder / "srv").rglob("*")):
            os.chown(each, GIT, GIT)
        yield folder


def give(folder: Path, user: int) -> None:
    """Give a folder and all below it to an account; its group may read it."""
    for each in (folder, *folder.rglob("*")):
        os.chown(each, user, user)
        each.chmod(each.stat().st_mode | (0o050 if each.is_dir() else 0o040))

"""A machine that runs systemd: this one again in a container, which writes nothing of this one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.accounts import copied_machine
from tests.support.processes import PATH, daemon, find_program, wait_until

PROJECT_FOLDER = Path(__file__).parents[2]
REPOSITORIES = Path("/srv/git")
# Before it boots: this machine below a layer of its own, with the accounts and the repository of
# the folder. What would empty /tmp at boot, where the folder is too, does not run.
_LAY = """\
mount -t tmpfs -o mode=755 tmpfs "$1/machine"
cd "$1/machine"
mkdir upper work root
mount -t overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" overlay root
cp -a "$1/etc/passwd" "$1/etc/group" "$1/etc/shadow" root/etc/
rm -rf root/srv/git root/etc/mlreef-hooks root/var/lib/mlreef-hooks
cp -a "$1/srv" root/srv/git
ln -s /dev/null root/etc/systemd/system/systemd-tmpfiles-setup.service
folder=root$2
while [ "$folder" != root ]; do chmod o+x "$folder"; folder=${folder%/*}; done
shift 2
exec "$@"
"""


@dataclass(frozen=True, kw_only=True)
class BootedMachine:
    """The machine by its first process; `folder` is there as it is here, and read-only."""

    folder: Path
    process: int

    def run(self, script: str, account: str = "root") -> "subprocess.CompletedProcess[str]":
        """What a shell script did there as an account."""
        enter = ["nsenter", f"--target={self.process}", "--all", "--", "setpriv"]
        who = [f"--reuid={account}", f"--regid={account}", "--init-groups"]
        return subprocess.run(
            [*enter, *who, "sh", "-euc", script],
            capture_output=True, text=True, check=False, env={"PATH": PATH},
        )  # fmt: skip

    def put(self, source: Path, place: str) -> None:
        """Copy a folder into the machine."""
        shutil.copytree(source, Path(f"/proc/{self.process}/root{place}"))

    def ask(self, script: str, account: str = "root") -> str:
        """What a shell script said there, which must succeed."""
        done = self.run(script, account)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def booted_machine() -> Iterator[BootedMachine]:
    """A machine with an account `git`, and a repository of that account in `REPOSITORIES`."""
    with copied_machine() as folder:
        (folder / "machine").mkdir()
        shown = {str(PROJECT_FOLDER), sys.prefix, str(folder)}
        # where systemd runs the machine of the tests, it gives the container a place
        place = [] if os.path.isdir("/run/systemd/system") else ["--keep-unit"]
        words = [
            "unshare", "--mount", "sh", "-euc", _LAY, "sh", str(folder), str(PROJECT_FOLDER),
            find_program("systemd-nspawn"), "--quiet", "--register=no", *place,
            f"--machine=mlreef-{os.getpid()}", f"--directory={folder}/machine/root",
            *(f"--bind-ro={path}" for path in sorted(shown)),
            "--boot", "--console=pipe", "systemd.unit=basic.target",
        ]  # fmt: skip
        with daemon(words, log=folder / "machine.log", ready=lambda: True) as process:
            wait_until(lambda: _is_up(folder, process))
            yield BootedMachine(folder=folder, process=_first_process(process))


def _first_process(container: int) -> int:
    """The process id, here, of a container's systemd; 0 before there is one."""
    children = Path(f"/proc/{container}/task/{container}/children").read_text().split()
    return int(children[0]) if len(children) == 1 else 0


def _is_up(folder: Path, container: int) -> bool:
    first = _first_process(container)
    machine = BootedMachine(folder=folder, process=first)
    return first != 0 and machine.run("systemctl is-active basic.target").returncode == 0

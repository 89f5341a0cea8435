"""The service as it is installed, with accounts that have names, and pushes over ssh."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.accounts import APART, copied_machine
from tests.support.git import Author
from tests.support.processes import PATH, accepts, daemon, find_program, free_port
from tests.support.servers import ssh_command, write_sshd_config
from tests.support.site import PROJECT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a service")
PROGRAM = Path(sys.prefix) / "bin" / "mlreef-hooks"
STATE = "/var/lib/mlreef-hooks/state"
CONFIG = """
[base.default]
image = "mlreef-base:bookworm"
python = "3.11"
[builder]
use = "layers"
[images]
path = "{images}"
"""
# What systemd would do by the unit: systemd itself does not run where tests do.
START = f"""\
{PROGRAM} install --service --all "$1/srv"
cat "$1/more.toml" >>/etc/mlreef-hooks/config.toml
cp -R "$2" "$1/images"
chown -R mlreef-hooks: "$1/images"
mkdir /run/sshd /run/mlreef-hooks
chown mlreef-hooks: /run/mlreef-hooks
umask 027
setpriv --reuid=mlreef-hooks --regid=mlreef-hooks --init-groups --no-new-privs \
    --inh-caps=-all --bounding-set=-all env HOME={STATE} \
    {PROGRAM} --config /etc/mlreef-hooks/config.toml worker &
exec {find_program("sshd")} -D -e -f "$1/sshd_config"
"""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The machine: its folder, a process that sees its file system, and the port of its ssh."""

    folder: Path
    process: int
    port: int

    def run(self, script: str, account: str) -> "subprocess.CompletedProcess[str]":
        """What a shell script did there as an account."""
        enter = ["nsenter", f"--mount=/proc/{self.process}/ns/mnt", "--", "setpriv"]
        who = [f"--reuid={account}", f"--regid={account}", "--init-groups"]
        return subprocess.run(
            [*enter, *who, "sh", "-euc", script],
            capture_output=True, text=True, check=False, env={"PATH": PATH},
        )  # fmt: skip


@pytest.fixture(scope="module")
def installed(stored_base: Path) -> Iterator[Installed]:
    """A machine with the service and an ssh server."""
    with copied_machine() as folder:
        port = free_port()
        write_sshd_config(folder, port, {"LC_ALL": "C.UTF-8"})
        (folder / "more.toml").write_text(CONFIG.format(images=folder / "images"))
        words = [*APART, str(folder), "sh", "-euc", START, "sh", str(folder), str(stored_base)]
        log = folder / "log"
        with daemon(words, log=log, ready=lambda: accepts(port)) as process:
            yield Installed(folder=folder, process=process, port=port)


def test_pushes_over_ssh_are_published(installed: Installed) -> None:
    url = f"ssh://git@127.0.0.1:{installed.port}{installed.folder}/srv/text/upper.git"
    environment = {"GIT_SSH_COMMAND": ssh_command(installed.folder)}
    author = Author(installed.folder / "clone", url, environment=environment)
    author.commit(PROJECT)
    author.tag("publish/1.0")
    assert "is parked" in author.push("publish/1.0")
    said = author.push("master")
    assert "success: upper 1.0 is published" in said, said
    shown = installed.run(f"{PROGRAM} status; {PROGRAM} logs 1", "git")
    assert "published  text/upper  1.0" in shown.stdout, shown.stderr
    assert "success: upper 1.0 is published" in shown.stdout


REACHES = [
    f"ls {STATE}",
    f"cat {STATE}/jobs.sqlite",
    f"cat {STATE}/.docker/config.json",
    f"touch {STATE}/x",
    "touch /var/lib/mlreef-hooks/index/public/x",
    "touch /var/lib/mlreef-hooks/index/index.json",
    "touch /etc/mlreef-hooks/config.toml",
    "rm -f /run/mlreef-hooks/worker.sock",
    "touch /etc/systemd/system/mlreef-hooks.service",
]


@pytest.mark.parametrize("script", REACHES)
def test_the_account_of_the_repositories_does_not_reach(installed: Installed, script: str) -> None:
    folder = "/var/lib/mlreef-hooks"
    made = f"mkdir -p {STATE}/.docker {folder}/index/public; touch {STATE}/.docker/config.json"
    assert installed.run(f"umask 022; {made}", "mlreef-hooks").returncode == 0
    done = installed.run(script, "git")
    assert done.returncode != 0
    assert "ermission denied" in done.stderr
    if "etc" not in script and not script.startswith("rm"):
        assert installed.run(script, "mlreef-hooks").returncode == 0  # it is there, for others


def test_the_service_cannot_write_into_a_repository(installed: Installed) -> None:
    place = installed.folder / "srv/text/upper.git"
    for script in (f"touch {place}/x", f"git --git-dir={place} update-ref refs/tags/x master"):
        assert "ermission denied" in installed.run(script, "mlreef-hooks").stderr

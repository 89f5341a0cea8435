"""The service as it is installed, by a systemd that runs, with pushes over ssh."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.booted_machine import PROJECT_FOLDER, REPOSITORIES, BootedMachine, booted_machine
from tests.support.git import Author
from tests.support.processes import accepts, find_program, free_port, wait_until
from tests.support.servers import ssh_command, write_sshd_config
from tests.support.site import PROJECT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a service")
PROGRAM = Path(sys.prefix) / "bin" / "mlreef-hooks"
FOLDER = "/var/lib/mlreef-hooks"
STATE = f"{FOLDER}/state"
UNIT, ADMIN = "mlreef-hooks.service", "mlreef-hooks"  # the account publishes
SOCKET = "/run/mlreef-hooks/worker.sock"
CONFIG = """
[base.default]
image = "mlreef-base:bookworm"
python = "3.11"
[builder]
use = "layers"
"""
# The units see no /tmp but their own, and the program of the tests may be in there.
INSTALL = f"""\
mkdir /etc/systemd/system/mlreef-.service.d /run/sshd
printf '[Service]\\nBindReadOnlyPaths={PROJECT_FOLDER} {sys.prefix}\\n' \
    >/etc/systemd/system/mlreef-.service.d/program.conf
{PROGRAM} install --service --all {REPOSITORIES}
echo '{CONFIG}' >>/etc/mlreef-hooks/config.toml
"""
START = f"""\
chown -R mlreef-hooks: {STATE}/images
systemctl restart {UNIT}
"""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The machine, what `install` said, and an author of its repository."""

    machine: BootedMachine
    said: str
    author: Author

    def shown(self, name: str) -> str:
        """A property of the unit."""
        return self.machine.ask(f"systemctl show --value --property={name} {UNIT}").strip()


@pytest.fixture(scope="module")
def installed(stored_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A machine with the service and an ssh server."""
    port = free_port()
    with booted_machine() as machine:
        folder = machine.folder
        config = write_sshd_config(folder, port, {"LC_ALL": "C.UTF-8"})
        said = machine.ask(INSTALL)
        machine.put(stored_base, f"{STATE}/images")
        sshd = f"{find_program('sshd')} -D -e -f {config}"
        machine.ask(f"{START} systemd-run --quiet --unit=sshd-of-the-tests {sshd}")
        wait_until(lambda: accepts(port))
        url = f"ssh://git@127.0.0.1:{port}{REPOSITORIES}/text/upper.git"
        environment = {"GIT_SSH_COMMAND": ssh_command(folder)}
        author = Author(tmp_path_factory.mktemp("author") / "clone", url, environment=environment)
        yield Installed(machine=machine, said=said, author=author)


def version(author: Author, number: str) -> str:
    """The tag of a new commit, which is on no branch of the server."""
    author.commit({**PROJECT, "README.md": number})
    author.tag(f"publish/{number}")
    return f"publish/{number}"


def test_it_is_started_now_and_at_each_boot(installed: Installed) -> None:
    assert f"started: {UNIT}, mlreef-hooks-sweep.timer" in installed.said
    assert installed.shown("ActiveState") == "active"
    enabled = "systemctl is-enabled mlreef-hooks.service mlreef-hooks-sweep.timer"
    assert installed.machine.ask(enabled) == "enabled\nenabled\n"
    assert "mlreef-hooks-sweep.service" in installed.machine.ask("systemctl list-timers")


def test_pushes_over_ssh_are_published(installed: Installed) -> None:
    tag = version(installed.author, "1.0")
    assert "is parked" in installed.author.push(tag)
    said = installed.author.push("master")
    assert "success: upper 1.0 is published" in said, said
    shown = installed.machine.ask(f"{PROGRAM} status; {PROGRAM} logs 1", "git")
    assert "published  text/upper  1.0" in shown
    assert "success: upper 1.0 is published" in shown
    index = f"{FOLDER}/index/private/text/modules/text/upper.json"
    assert '"version": "1.0"' in installed.machine.ask(f"cat {index}", "mlreef-hooks")


def test_a_killed_worker_is_back(installed: Installed) -> None:
    before = installed.shown("MainPID")
    installed.machine.ask(f"systemctl kill --signal=KILL {UNIT}")
    wait_until(lambda: installed.shown("MainPID") not in (before, "0"))
    wait_until(lambda: installed.machine.run(f"test -S {SOCKET}").returncode == 0)
    said = installed.author.push("master", version(installed.author, "2.0"))
    assert "success: upper 2.0 is published" in said, said


def test_what_is_pushed_while_it_is_away_is_published_when_it_is_back(
    installed: Installed,
) -> None:
    installed.machine.ask(f"systemctl stop {UNIT}")
    said = installed.author.push("master", version(installed.author, "3.0"))
    assert "mlreef: the push is stored" in said
    installed.machine.ask(f"systemctl start {UNIT}")
    status = f"{PROGRAM} status --format json"
    wait_until(lambda: '"3.0"' in installed.machine.ask(f"{PROGRAM} list --format json", ADMIN))
    assert '"queued"' not in installed.machine.ask(status, "git")


def test_a_repository_that_is_made_later_is_covered(installed: Installed) -> None:
    """By the account of the repositories, before the sweep that looks into it."""
    machine, git_dir = installed.machine, f"{REPOSITORIES}/text/later.git"
    make = f"umask 027; git init --quiet --bare --initial-branch=master {git_dir}"
    machine.ask(f"{make}; git -C {git_dir} config core.sharedRepository 0640", "git")
    assert machine.run(f"test -e {git_dir}/hooks/post-receive").returncode != 0
    machine.ask("systemctl start mlreef-hooks-sweep.service")
    said = machine.ask("journalctl --quiet --output=cat --unit=mlreef-hooks-cover.service")
    assert f"installed, push options are on: {git_dir}" in said
    assert machine.ask(f"stat -c %U {git_dir}/hooks/post-receive") == "git\n"
    first = installed.author
    url = first.git("remote", "get-url", "origin").replace("upper.git", "later.git")
    author = Author(first.folder.with_name("later"), url, environment=first.environment)
    said = author.push("master", version(author, "1.5"))
    assert "later 1.5 is published" in said, said


REACHES = [
    f"ls {STATE}",
    f"head -c 6 {STATE}/jobs.sqlite",
    f"cat {STATE}/.docker/config.json",
    f"touch {STATE}/x",
    f"ls {FOLDER}/index/private",
    f"touch {FOLDER}/index/x",
    "touch /etc/mlreef-hooks/config.toml",
    f"rm -f {SOCKET}",
    f"touch /etc/systemd/system/{UNIT}",
    f"systemctl stop {UNIT}",
    f"kill $(systemctl show --value --property=MainPID {UNIT})",
]


@pytest.mark.parametrize("script", REACHES)
def test_the_account_of_the_repositories_does_not_reach(installed: Installed, script: str) -> None:
    secret = f"mkdir -p {STATE}/.docker; touch {STATE}/.docker/config.json"
    installed.machine.ask(secret, ADMIN)
    done = installed.machine.run(script, "git")
    assert done.returncode != 0
    assert re.search(r"[Pp]ermission denied|not permitted|authentication required", done.stderr)
    if FOLDER in script:
        installed.machine.ask(script, ADMIN)  # it is there, for others


CLOSED = [
    f"touch {REPOSITORIES}/text/upper.git/x",
    f"git --git-dir={REPOSITORIES}/text/upper.git update-ref refs/tags/x master",
    "touch /etc/x",
    "touch /usr/local/bin/x",
    "touch /var/lib/x",
    "touch /root/x",
]


@pytest.mark.parametrize("script", CLOSED)
def test_the_service_sees_files_that_not_even_root_could_write(
    installed: Installed, script: str
) -> None:
    inside = f"nsenter --target={installed.shown('MainPID')} --mount -- {script}"
    assert "Read-only file system" in installed.machine.run(inside).stderr


def test_the_service_has_no_rights_but_its_own(installed: Installed) -> None:
    facts = installed.machine.ask(f"cat /proc/{installed.shown('MainPID')}/status")
    for fact in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000",
                 "CapBnd:\t0000000000000000"):  # fmt: skip
        assert fact in facts
    user = installed.machine.ask("id -u mlreef-hooks").strip()
    assert f"Uid:\t{user}\t{user}" in facts


def test_it_is_taken_back(installed: Installed) -> None:
    """The last one: nothing of the service is left but its account, state and index."""
    installed.machine.ask(f"{PROGRAM} uninstall --service --all {REPOSITORIES}")
    gone = installed.machine.run(f"systemctl is-active {UNIT} mlreef-hooks-sweep.timer")
    assert gone.stdout == "inactive\ninactive\n"
    assert installed.machine.run(f"systemctl cat {UNIT}").returncode != 0
    said = installed.author.push("master", version(installed.author, "4.0"))
    assert "mlreef" not in said

"""What `install --service` writes and makes, by systemd's own programs and on a copy of /etc."""

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mlreef_hooks.config import Config, parse_config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.service_files import (
    COVER,
    SERVICE,
    SWEEP,
    TIMER,
    remove_service_files,
    service_files,
    write_service_files,
)
from tests.support.accounts import APART, GIT, copied_machine
from tests.support.processes import find_program

PROGRAM = Path(sys.prefix) / "bin" / "mlreef-hooks"
CONFIG_FILE = Path("/etc/mlreef-hooks/config.toml")
UNITS, OWNER = "etc/systemd/system", "998"
TEXT = """\
[worker]
service = "mlreef-hooks"
group = "git"
[server]
root = "/srv/git"
cover_new = true
[index]
path = "/var/lib/mlreef-hooks/index"
"""


def config(text: str = TEXT, state: str = "/var/lib/mlreef-hooks/state") -> Config:
    """The configuration of a service."""
    return parse_config(text, path="x", state=state)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a file system with the files of a service."""
    for each in write_service_files(
        service_files(config(), CONFIG_FILE, PROGRAM, OWNER), root=tmp_path
    ):
        assert each.startswith("written: ")
    return tmp_path


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """What a program did that has to succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_units_are_as_systemd_wants_them(root: Path) -> None:
    units = [root / UNITS / name for name in (SERVICE, SWEEP, TIMER, COVER)]
    done = run(find_program("systemd-analyze"), "verify", *units)
    assert done.stderr == ""
    wrong = units[0].read_text().replace("ProtectSystem=strict", "ProtectSystem=strictly")
    units[0].write_text(wrong)
    found = subprocess.run(
        ["systemd-analyze", "verify", units[0]], capture_output=True, check=False
    )
    assert b"strictly" in found.stderr


@pytest.mark.parametrize("unit", [SERVICE, SWEEP])
def test_a_unit_is_hardened(root: Path, unit: str) -> None:
    words = ("security", "--offline=true", "--threshold=25")
    run(find_program("systemd-analyze"), *words, root / UNITS / unit)
    lines = (root / UNITS / unit).read_text().splitlines()
    assert "User=mlreef-hooks" in lines
    assert "NoNewPrivileges=yes" in lines
    assert "CapabilityBoundingSet=" in lines
    state = "/var/lib/mlreef-hooks/state"
    folders = [state, "/var/lib/mlreef-hooks/index", f"{state}/images"]
    assert f"ReadWritePaths={' '.join(f'-{folder}' for folder in folders)}" in lines
    assert not [line for line in lines if "docker" in line and not line.startswith("After=")]


def test_the_account_of_the_repositories_covers_new_ones(root: Path) -> None:
    words = ("security", "--offline=true", "--threshold=25")
    run(find_program("systemd-analyze"), *words, root / UNITS / COVER)
    lines = (root / UNITS / COVER).read_text().splitlines()
    assert f"User={OWNER}" in lines
    assert "ReadWritePaths=/srv/git" in lines
    assert f"Wants={COVER}" in (root / UNITS / SWEEP).read_text().splitlines()
    unwanted = config(TEXT.replace("cover_new = true\n", ""))
    assert f"{UNITS}/{COVER}" not in service_files(unwanted, CONFIG_FILE, PROGRAM, OWNER)


def test_the_account_and_its_folders_are_made(root: Path) -> None:
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\ngit:x:1234:\n")
    run(find_program("systemd-sysusers"), f"--root={root}", "mlreef-hooks.conf")
    accounts = (root / "etc/passwd").read_text()
    assert ":/var/lib/mlreef-hooks/state:/usr/sbin/nologin" in accounts
    assert "git:x:1234:mlreef-hooks\n" in (root / "etc/group").read_text()
    (user,) = [line.split(":")[2] for line in accounts.splitlines() if "mlreef" in line]
    run(find_program("systemd-tmpfiles"), "--create", f"--root={root}", "mlreef-hooks.conf")
    for name, mode in (("state", 0o750), ("index", 0o755)):
        found = (root / "var/lib/mlreef-hooks" / name).stat()
        assert (found.st_uid, found.st_mode & 0o777) == (int(user), mode)


def test_logs_are_rotated_as_logrotate_wants_it(root: Path) -> None:
    file = root / "etc/logrotate.d/mlreef-hooks"
    own = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    text = file.read_text().replace("su mlreef-hooks mlreef-hooks", f"su {' '.join(own)}")
    file.write_text(text.replace("/var/lib/mlreef-hooks/state", str(root / "state")))
    file.chmod(0o644)
    (root / "state/logs").mkdir(parents=True)
    (root / "state/logs/errors.log").write_text("Traceback\n")
    run(find_program("logrotate"), "--force", "--state", root / "rotated", file)
    assert [path.name for path in (root / "state/logs").iterdir()] == ["errors.log.1.gz"]


def test_files_that_are_as_they_should_be_stay(root: Path) -> None:
    files = service_files(config(), CONFIG_FILE, PROGRAM, OWNER)
    said = [*write_service_files(files, root=root)]
    assert {each.partition(":")[0] for each in said} == {"unchanged"}
    (root / UNITS / SERVICE).write_text("other")
    said = [*write_service_files(files, root=root, dry_run=True)]
    assert f"updated: {root / UNITS / SERVICE}" in said
    assert (root / UNITS / SERVICE).read_text() == "other"
    before = len([*remove_service_files(root=root, dry_run=True)])
    assert len([*remove_service_files(root=root)]) == before == len(files)
    assert [*remove_service_files(root=root)] == []


@pytest.mark.parametrize(
    "text",
    ["", TEXT.replace('root = "/srv/git"\n', ""),
     TEXT.replace('group = "git"\n', "")],
)  # fmt: skip
def test_a_configuration_without_a_service_is_refused(text: str) -> None:
    with pytest.raises(PublishError, match="does not say what a service needs"):
        service_files(config(text), CONFIG_FILE, PROGRAM, OWNER)


def test_files_elsewhere_are_in_the_list_of_what_it_writes() -> None:
    text = TEXT.replace(
        "[server]", 'socket = "/srv/run/w.sock"\n[metrics]\npath = "/srv/m/x"\n[server]'
    )
    unit = service_files(config(text), CONFIG_FILE, PROGRAM, OWNER)[f"{UNITS}/{SERVICE}"]
    (line,) = [each for each in unit.splitlines() if each.startswith("ReadWritePaths=")]
    assert {"-/srv/m", "-/srv/run"} <= {*line.partition("=")[2].split()}
    unit = service_files(config(), CONFIG_FILE, PROGRAM, OWNER)[f"{UNITS}/{SERVICE}"]
    assert "ReadWritePaths=-/var/lib/mlreef-hooks/state -/var/lib/mlreef-hooks/index" in unit


@pytest.mark.parametrize("state", ["/var/a b", "/var/%h", "/var/'", "/var/\u00e9", "/var/@STATE@"])
def test_a_path_that_a_unit_cannot_hold_is_refused(state: str) -> None:
    with pytest.raises(PublishError, match="holds characters"):
        service_files(config(state=state), CONFIG_FILE, PROGRAM, OWNER)


# -- the whole installation, with copies of the folders that it changes ----------------------------


@pytest.fixture
def machine() -> Iterator[Path]:
    """A folder with a copy of /etc, an account `git` in it, and a repository of that account."""
    with copied_machine() as folder:
        yield folder


def apart(machine: Path, script: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """What a shell script did on a machine whose folders are copies."""
    words = [*APART, str(machine), "sh", "-euc", script]
    variables: Mapping[str, str] = {**os.environ, **more}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=variables)


INSTALL = f"{PROGRAM} install --service --all $SRV"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a service")
def test_it_is_installed_and_taken_back(machine: Path) -> None:
    script = f"""\
    {INSTALL} --dry-run
    test ! -e /etc/systemd/system/{SERVICE}
    {INSTALL}
    cat /etc/mlreef-hooks/config.toml
    stat -c '%U %G %a %n' /var/lib/mlreef-hooks/*
    id mlreef-hooks
    grep '^[as][co][a-z]*=' $SRV/text/upper.git/hooks/post-receive
    echo again
    {INSTALL}
    echo back
    {PROGRAM} uninstall --service --all $SRV
    test ! -e $SRV/text/upper.git/hooks/post-receive
    ls /etc/systemd/system /etc/sysusers.d /etc/tmpfiles.d /etc/logrotate.d
    """
    done = apart(machine, script, SRV=str(machine / "srv"))
    assert done.returncode == 0, done.stdout + done.stderr
    first, again, back = done.stdout.replace("\nback\n", "\nagain\n").split("\nagain\n")
    assert "nothing was changed: --dry-run" in first
    assert f"written: /etc/systemd/system/{SERVICE}" in first
    for line in ('service = "mlreef-hooks"', 'group = "git"',
                 'state = "/var/lib/mlreef-hooks/state"'):  # fmt: skip
        assert line in first
    assert "mlreef-hooks mlreef-hooks 755 /var/lib/mlreef-hooks/index" in first
    assert "mlreef-hooks mlreef-hooks 750 /var/lib/mlreef-hooks/state" in first
    assert f"{GIT}(git)" in first
    assert "account=mlreef-hooks\nsocket=/run/mlreef-hooks/worker.sock" in first
    assert "written" not in again
    assert "updated" not in again
    assert f"removed: /etc/systemd/system/{SERVICE}" in back
    assert "mlreef-hooks.service\n" not in back.rpartition("removed: /")[2].partition("\n")[2]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a service")
def test_a_repository_that_it_cannot_read_is_named(machine: Path) -> None:
    (machine / "srv/text/upper.git/objects").chmod(0o700)
    done = apart(machine, INSTALL, SRV=str(machine / "srv"))
    assert done.returncode == 1
    assert "the service mlreef-hooks cannot read" in done.stderr
    assert "core.sharedRepository 0640" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a service")
@pytest.mark.parametrize("group", [0, 64999])
def test_a_group_that_it_cannot_join_is_refused(machine: Path, group: int) -> None:
    os.chown(machine / "srv/text/upper.git", GIT, group)
    done = apart(machine, INSTALL, SRV=str(machine / "srv"))
    assert done.returncode == 1
    assert "group" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a service")
def test_a_site_that_was_none_is_told_what_to_write(machine: Path) -> None:
    script = f"{PROGRAM} install --all $SRV; {INSTALL}"
    done = apart(machine, script, SRV=str(machine / "srv"))
    assert done.returncode == 1
    assert 'service = "mlreef-hooks"' in done.stderr

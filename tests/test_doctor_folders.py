"""`mlreef-hooks doctor` on folders, files, clock and processes of the machine."""

import fcntl
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import mlreef_hooks
from mlreef_hooks.doctor.disk import file_system_of
from mlreef_hooks.doctor.folder import lock_holders
from mlreef_hooks.doctor.processes import started_at
from tests.support.doctor import NOBODY, faults, give_to, look, mounted, root_only
from tests.support.odd_file_system import odd_file_system
from tests.support.processes import find_program
from tests.support.publishing import publish
from tests.support.site import CA_BUNDLE, PROJECT, GitSite

DAY = 86_400.0


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    """A site with one repository, `text/upper`, whose engine is away."""
    site = GitSite(tmp_path / "site")
    site.repository("text/upper")
    return site


def configured(tmp_path: Path, **settings: Any) -> GitSite:
    """A site with settings of its own, whose configuration nobody else may read."""
    site = GitSite(tmp_path / "site", settings=settings)
    site.config.chmod(0o600)
    return site


# configuration


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("pip", "ca_bundle"), ("pip", "netrc"),
        ("registry", "ca_bundle"), ("registry", "docker_config"), ("server", "lfs"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_there(tmp_path: Path, table: str, key: str) -> None:
    site = configured(tmp_path, **{table: {key: "/nowhere/file"}})
    (found,) = look(site, "configuration")
    assert (found.id, found.about) == ("file-missing", f"{table}.{key}")
    assert (found.state, found.message) == ("error", "/nowhere/file is not there")


def test_a_folder_of_git_lfs_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "lfs"
    site = configured(tmp_path, server={"lfs": str(folder)})
    folder.write_text("")
    assert faults(site, "configuration") == {"file-missing": f"{folder} is not a folder"}
    folder.unlink()
    folder.mkdir()
    assert look(site, "configuration") == []


def test_a_bundle_without_certificates(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_text("none\n")
    site = configured(tmp_path, pip={"ca_bundle": str(bundle)})
    assert faults(site, "configuration") == {"file-missing": f"{bundle} holds no certificates"}
    bundle.write_bytes(CA_BUNDLE.read_bytes())
    assert look(site, "configuration") == []


@root_only
def test_a_file_that_the_account_may_not_read(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "netrc").write_text("")
    (closed / "netrc").chmod(0o600)
    site = configured(tmp_path, pip={"netrc": str(closed / "netrc")})
    assert look(site, "configuration") == []
    site.state.mkdir()
    give_to(NOBODY, site.state)
    said = f"uid {NOBODY} cannot read {closed / 'netrc'} because of {closed / 'netrc'}"
    assert faults(site, "configuration") == {"file-closed": said}
    closed.chmod(0o700)
    said = f"uid {NOBODY} cannot read {closed / 'netrc'} because of {closed}"
    assert faults(site, "configuration") == {"file-closed": said}


@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_a_key_that_does_not_sign(tmp_path: Path, passphrase: str) -> None:
    words = ["-q", "-t", "ed25519", "-N", passphrase, "-f", str(tmp_path / "key")]
    subprocess.run([find_program("ssh-keygen"), *words], check=True)
    site = configured(tmp_path, provenance={"key": str(tmp_path / "key")})
    if passphrase:
        assert [*faults(site, "key")] == ["key-unusable"]
    else:
        assert [each.state for each in look(site, "key")] == ["ok"]


def test_passwords_that_everybody_can_read(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine pypi.example login a password b\n")
    site = configured(tmp_path, pip={"netrc": str(netrc)})
    netrc.chmod(0o644)
    said = f"everybody can read the secrets in {netrc}"
    assert faults(site, "configuration") == {"secret-open": said}
    netrc.chmod(0o640)
    assert look(site, "configuration") == []


@pytest.mark.parametrize(
    ("pip", "open_"),
    [
        ({"index_url": "https://a:b@pypi.example/simple"}, "pip.index_url"),
        ({"extra_index_urls": ["https://x", "https://a:b@y"]}, "pip.extra_index_urls"),
        ({"index_url": "https://a@pypi.example/simple"}, ""),
        ({"index_url": "https://[/simple"}, ""),
    ],
)
def test_a_configuration_with_a_password(tmp_path: Path, pip: Any, open_: str) -> None:
    site = configured(tmp_path, pip=pip)
    assert look(site, "configuration") == []
    site.config.chmod(0o644)
    found = faults(site, "configuration")
    said = f"everybody can read the password in {open_}"
    assert found == ({"config-open": said} if open_ else {})


# the machine


def test_a_git_that_is_too_old(
    site: GitSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\necho git version 2.20.1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent))
    assert faults(site, "machine") == {"git-old": "git 2.20.1 is too old"}
    git.unlink()
    assert faults(site, "machine") == {"check-failed": "git is not installed"}


def test_a_clock_that_was_never_set(site: GitSite) -> None:
    assert faults(site, "machine", now=0.0) == {"clock-wrong": "it is years behind"}


# folders


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    site = GitSite(tmp_path / "site")
    found = look(site, "folders")
    assert [(each.id, each.about) for each in found] == [
        ("folder-missing", str(site.state)), ("folder-missing", str(site.index))
    ]  # fmt: skip


@root_only
@pytest.mark.parametrize("name", ["jobs.sqlite", "logs", "index/.lock", "locks/a.lock"])
def test_a_state_that_root_once_wrote_to_is_found(site: GitSite, name: str) -> None:
    for folder in ("index", "logs", "locks"):
        (site.state / folder).mkdir(exist_ok=True)
    give_to(NOBODY, site.state, site.repositories / "text" / "upper.git")
    assert not faults(site, "folders")
    place = site.state / name
    if not place.exists():
        place.write_text("")
        place.chmod(0o600)
    os.chown(place, 0, 0)
    (found,) = [each for each in look(site, "folders") if each.id]
    assert (found.id, found.state) == ("folder-closed", "error")
    assert found.message == f"uid {NOBODY} cannot write {place}"
    assert found.hint.endswith(f"chown -R {NOBODY} {found.about}")
    assert found.about == str(site.index if name.startswith("index") else site.state)


@root_only
def test_a_folder_on_the_way_that_is_closed(site: GitSite) -> None:
    give_to(NOBODY, site.state, site.repositories / "text" / "upper.git")
    site.folder.chmod(0o700)
    found = {each.about: each for each in look(site, "folders", "hooks", "jobs", "index")}
    state, git_dir = found[str(site.state)], found[f"{site.repositories}/text/upper.git"]
    assert state.message == f"uid {NOBODY} cannot write {site.folder}"
    assert state.hint == f"let the account through: chmod o+x {site.folder}"
    assert (git_dir.id, git_dir.message) == (
        "repository-unreadable", f"uid {NOBODY} cannot use it: {site.folder} is closed"
    )  # fmt: skip


@root_only
def test_a_disk_without_room(site: GitSite) -> None:
    with mounted(site.state, "size=1m"):
        site.index.mkdir()
        found = look(site, "folders")
        assert {each.id for each in found} == {"disk-low"}
        assert found[0].message == "1 MiB are free"  # rounded down from what a page less leaves
        with (site.state / "filler").open("wb") as filler, pytest.raises(OSError, match="space"):
            filler.write(bytes(2 << 20))
        assert faults(site, "folders")["disk-full"] == (
            "a file cannot be written, synced and locked: No space left on device"
        )


@root_only
def test_a_disk_without_inodes(site: GitSite) -> None:
    with mounted(site.state, "size=2g,nr_inodes=20"):
        site.index.mkdir()
        found = faults(site, "folders")
        assert found == {"inodes-low": "18 inodes are free"}
        for number in range(18):
            (site.state / str(number)).touch()
        assert faults(site, "folders")["disk-full"] == (
            "no file can be made: No space left on device"
        )


@root_only
def test_a_folder_for_passing_files_without_room(
    site: GitSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "small"))
    with mounted(tmp_path / "small", "size=1m"):
        about = {each.about: each.id for each in look(site, "folders")}
    assert about[str(tmp_path / "small")] == "disk-low"


@root_only
def test_a_folder_for_passing_files_that_the_account_may_not_write(
    site: GitSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "closed"))
    (tmp_path / "closed").mkdir()
    give_to(NOBODY, site.state)
    said = f"uid {NOBODY} cannot write {tmp_path / 'closed'}"
    assert faults(site, "folders") == {"folder-closed": said}


def test_a_folder_of_images_that_everybody_may_read(site: GitSite) -> None:
    images = site.state / "images"
    images.mkdir(mode=0o755)
    said = "everybody may read the code of private modules in it"
    assert faults(site, "folders") == {"images-open": said}
    images.chmod(0o750)
    assert not faults(site, "folders")


@root_only
def test_a_disk_that_is_mounted_read_only(site: GitSite) -> None:
    with mounted(site.state, "size=2g"):
        site.index.mkdir()
        subprocess.run(["mount", "-o", "remount,ro", site.state], check=True)
        assert [*faults(site, "folders")] == ["folder-read-only"]


@root_only
@pytest.mark.parametrize(
    ("kind", "fault", "message"),
    [
        ("fuse.sshfs", "folder-network", "it is on the network (fuse.sshfs)"),
        ("fuse.odd", "folder-no-locks",
         "a file cannot be written, synced and locked: Input/output error"),
    ],
)  # fmt: skip
def test_a_disk_that_is_not_safe(site: GitSite, kind: str, fault: str, message: str) -> None:
    with odd_file_system(site.index, kind):
        found = {each.id: each for each in look(site, "folders") if each.about == str(site.index)}
    assert found[fault].message == message


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
24 22 0:45 / /srv rw,relatime shared:5 - nfs4 server:/export rw,vers=4.2
25 24 0:46 / /srv/local\\040disk rw - xfs /dev/vdb rw
26 22 0:47 / /var/lib/mlreef-hooks rw - cifs //server/share rw
27 22 0:48 / /srvx rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"), ("/home/git", "ext4"), ("/srv", "nfs4"), ("/srv/git", "nfs4"),
        ("/srv/local disk/x", "xfs"), ("/srvx/a", "tmpfs"), ("/var/lib/mlreef-hooks", "cifs"),
        ("/var/lib/mlreef-hooks-2", "ext4"),
    ],
)  # fmt: skip
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert file_system_of(path, MOUNTS) == kind


def test_what_a_killed_process_left_is_found(site: GitSite) -> None:
    left = site.index / ".index.json.new"
    left.touch()
    assert not faults(site, "folders")
    os.utime(left, times=(0, 0))
    said = f"{left} is left of a process that was killed (1 file)"
    assert faults(site, "folders") == {"left-over": said}


def test_what_is_in_a_folder_below_another_is_told_of_once(tmp_path: Path) -> None:
    state = tmp_path / "site" / "state"
    site = configured(tmp_path, images={"path": str(state / "images")})
    left, lock = state / "images" / ".index.json.new", state / "images" / "a.lock"
    left.parent.mkdir(parents=True)
    left.touch()
    os.utime(left, times=(0, 0))
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = look(site, "folders", now=time.time() + 14_401)
    told = [(each.id, each.about) for each in found if each.id in ("left-over", "lock-held")]
    assert told == [("left-over", str(state / "images")), ("lock-held", str(state / "images"))]


def test_a_file_of_a_time_to_come_is_found(site: GitSite) -> None:
    (site.index / "file").touch()
    assert not faults(site, "folders")
    ahead = time.time() + 3600
    os.utime(site.index / "file", times=(ahead, ahead))
    said = f"{site.index / 'file'} was changed in a time to come"
    assert faults(site, "folders") == {"clock-wrong": said}
    (site.index / "file").unlink()
    found = faults(site, "folders", now=time.time() - 3600)
    assert "from that of this machine" in found["clock-wrong"]


def test_a_lock_that_is_held_for_long_is_found(site: GitSite) -> None:
    lock = site.state / "locks" / "a.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not faults(site, "folders")
        seconds = 14_400  # twice what a job may take by default
        later = time.time() + seconds + 1
        found = faults(site, "folders", now=later)
        said = f"process {os.getpid()} holds locks/a.lock for long"
        assert found["lock-held"] == said
    assert "lock-held" not in faults(site, "folders", now=later)


def test_locks_are_read_as_the_kernel_writes_them() -> None:
    text = (
        "1: POSIX  ADVISORY  READ 11 fe:00:99 0 EOF\n"
        "2: FLOCK  ADVISORY  WRITE 12 fe:00:100 0 EOF\n"
        "2: -> FLOCK  ADVISORY  WRITE 13 fe:00:100 0 EOF\n"
    )
    assert lock_holders(text) == [(12, 100)]


# processes


def test_a_process_of_an_older_version_is_found(tmp_path: Path) -> None:
    site = GitSite(tmp_path / "site", settings={"worker": {"stay": True}})
    publish(site.author("text/upper"), {**PROJECT, "requirements.txt": "numpy\n"})
    process = site.wait_ready()
    try:
        assert look(site, "processes") == []
        started = started_at(process)
        assert abs(started - time.time()) < 60
        program = Path(mlreef_hooks.__file__)
        times = program.stat()
        os.utime(program, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if it were put there now
        found = faults(site, "processes")
        said = f"process {process} runs an older version of the program"
        assert found == {"process-old": said}
    finally:
        site.end_ready()
    assert look(site, "processes") == []

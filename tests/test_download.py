"""Wheels into a folder: whole or not at all, whatever the index and other processes do."""

import hashlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.config_images import Pip
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.download import download, missing, wheel_path
from mlreef_hooks.wheels.lock import Lock, LockedWheel
from tests.support.package_index import PASSWORD, USER, PackageIndex, make_wheel, package_index
from tests.support.processes import PATH, free_port, wait_until

ROOT = Path(__file__).parents[1]


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """A package index with a few wheels."""
    with package_index() as found:
        found.add(*(make_wheel(name, "1.0", {f"{name}.py": name * 9999}) for name in "abcdefghij"))
        yield found


@pytest.fixture
def closed_index() -> Iterator[PackageIndex]:
    """A package index that wants a password."""
    with package_index(PASSWORD) as found:
        found.add(make_wheel("a", "1.0", {}))
        yield found


def locked(index: PackageIndex, name: str, **other: Any) -> LockedWheel:
    """The wheel of that name as a lock has it, but for what is given."""
    file = f"{name}-1.0-py3-none-any.whl"
    facts: dict[str, Any] = {
        "url": f"http://{index.address}/files/{file}",
        "sha256": index.sha256(file),
        "size": len(index.files[file]),
        **other,
    }
    return LockedWheel(name=name, version="1.0", file=file, **facts)


def silent(_: str) -> None:
    """A log that nobody reads."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_wheels_are_fetched_once_and_stand_under_their_hash(
    tmp_path: Path, index: PackageIndex
) -> None:
    wheels = [locked(index, name) for name in "abcdefghi"] + [locked(index, "j", size=None)]
    said: list[str] = []
    download(wheels[:3], tmp_path / "wheels", Pip(), said.append)
    assert missing(wheels, tmp_path / "wheels") == wheels[3:]
    for _ in range(2):
        download(wheels, tmp_path / "wheels", Pip(), said.append)
    assert sorted(index.requests) == sorted(f"/files/{wheel.file}" for wheel in wheels)
    for wheel in wheels:
        content = wheel_path(tmp_path / "wheels", wheel).read_bytes()
        assert hashlib.sha256(content).hexdigest() == wheel.sha256
    assert names(tmp_path / "wheels") == sorted(f"{wheel.sha256}.whl" for wheel in wheels)
    assert [line.partition(",")[0] for line in said] == ["download 3 wheels", "download 7 wheels"]


@pytest.mark.parametrize(
    ("change", "message", "passing"),
    [
        ({"sha256": "0" * 64}, "a==1.0 has another hash than the one written", False),
        ({"size": 10}, "a==1.0 has another size than the one written", False),
        ({"size": 0}, "a==1.0 has another size than the one written", False),
        ({"url": "http://{index}/files/none-1.0-py3-none-any.whl"}, "a==1.0 is not there", False),
        ({"url": "http://127.0.0.1:{free}/a.whl"}, "package index cannot be reached", True),
        ({"url": "https://{index}/files/a.whl"}, "package index cannot be reached", True),
        ({"url": ""}, "a==1.0 was built on this server and is not there any more", True),
    ],
)
def test_a_wheel_that_cannot_be_had_leaves_nothing(
    tmp_path: Path, index: PackageIndex, change: dict[str, object], message: str, passing: bool
) -> None:
    if isinstance(url := change.get("url"), str):
        change = {"url": url.format(index=index.address, free=free_port())}
    with pytest.raises(PublishError, match=message) as caught:
        download([locked(index, "a", **change)], tmp_path, Pip(), silent)
    assert caught.value.passing == passing
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(tmp_path: Path, index: PackageIndex, status: int) -> None:
    wheel = locked(index, "a")
    index.statuses[f"/files/{wheel.file}"] = [status]
    download([wheel], tmp_path, Pip(), silent)
    assert missing([wheel], tmp_path) == []


@pytest.mark.parametrize("size", [True, False])
def test_an_answer_that_is_cut_off_leaves_nothing(
    tmp_path: Path, index: PackageIndex, size: bool
) -> None:
    wheel = locked(index, "a", **({} if size else {"size": None}))
    index.cut.add(f"/files/{wheel.file}")
    with pytest.raises(PublishError, match="the package index cannot be reached") as caught:
        download([wheel], tmp_path, Pip(), silent)
    assert caught.value.passing
    assert len(index.requests) > 1
    assert names(tmp_path) == []


def test_a_download_that_takes_too_long_ends(tmp_path: Path, index: PackageIndex) -> None:
    with pytest.raises(PublishError, match="came too slowly") as caught:
        download([locked(index, "a")], tmp_path, Pip(), silent, seconds=0)
    assert caught.value.passing
    assert names(tmp_path) == []


# passwords


def test_the_index_gets_its_password(tmp_path: Path, closed_index: PackageIndex) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    wheel = locked(closed_index, "a")
    for number, pip in enumerate(
        (
            Pip(index_url=closed_index.secret_url),
            Pip(extra_index_urls=(closed_index.secret_url,)),
            Pip(index_url=closed_index.url, netrc=str(netrc)),
        )
    ):
        download([wheel], tmp_path / str(number), pip, silent)
        assert missing([wheel], tmp_path / str(number)) == []


def test_nobody_else_gets_a_password(
    tmp_path: Path, index: PackageIndex, closed_index: PackageIndex
) -> None:
    direct, redirected = locked(index, "a"), locked(index, "b")
    away = f"/files/{redirected.file}"
    closed_index.redirects[away] = f"http://{index.address}{away}"
    there = f"http://{closed_index.address}{away}"
    redirected = locked(index, "b", url=there)
    download([direct, redirected], tmp_path, Pip(index_url=closed_index.secret_url), silent)
    assert missing([direct, redirected], tmp_path) == []
    assert index.authorizations == {f"/files/{direct.file}": "", away: ""}


@pytest.mark.parametrize("password", ["", "user:forgotten@"])
def test_a_password_that_is_wrong_is_for_the_administrator(
    tmp_path: Path, closed_index: PackageIndex, password: str
) -> None:
    pip = Pip(index_url=closed_index.url.replace("//", f"//{password}"))
    with pytest.raises(PublishError, match=r"refuses a==1\.0 without a password") as caught:
        download([locked(closed_index, "a")], tmp_path, pip, silent)
    assert caught.value.passing
    assert "forgotten" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "/etc/\n"])
def test_a_redirect_leads_to_http_only(tmp_path: Path, index: PackageIndex, target: str) -> None:
    wheel = locked(index, "a")
    index.redirects[f"/files/{wheel.file}"] = target
    with pytest.raises(PublishError):
        download([wheel], tmp_path, Pip(), silent)
    assert names(tmp_path) == []


@pytest.mark.parametrize("key", ["ca_bundle", "netrc"])
def test_a_file_of_the_site_that_is_not_there(
    tmp_path: Path, index: PackageIndex, key: str
) -> None:
    settings: dict[str, Any] = {key: str(tmp_path / "none")}
    pip = Pip(**settings)
    with pytest.raises(PublishError, match=r"a file of \[pip\] cannot be read: No such") as caught:
        download([locked(index, "a")], tmp_path, pip, silent)
    assert caught.value.passing


# other processes, and a full disk

_DOWNLOAD = """
import sys
from pathlib import Path
from mlreef_hooks.config_images import Pip
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.download import download
from mlreef_hooks.wheels.lock import Lock
try:
    download(Lock.from_json(sys.argv[1].encode()).wheels, Path(sys.argv[2]), Pip(), print)
except PublishError as error:
    left = [path.name for path in Path(sys.argv[2]).iterdir()]
    sys.exit(f"{error.message} {error.passing} {left}")
"""


def start(wheels: list[LockedWheel], folder: Path, *before: str) -> "subprocess.Popen[str]":
    """A process that downloads the wheels."""
    lock = Lock(wheels=tuple(wheels)).to_json().decode()
    return subprocess.Popen(
        [*before, sys.executable, "-c", _DOWNLOAD, lock, str(folder)],
        cwd=ROOT,
        env={"PATH": PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_fetch_the_same_at_once(tmp_path: Path, index: PackageIndex) -> None:
    wheels = [locked(index, name) for name in "abcdefghij"]
    processes = [start(wheels, tmp_path / "wheels") for _ in range(4)]
    assert [process.communicate()[1] for process in processes] == [""] * 4
    assert names(tmp_path / "wheels") == sorted(f"{wheel.sha256}.whl" for wheel in wheels)


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(
    tmp_path: Path, index: PackageIndex
) -> None:
    wheel, other = locked(index, "a"), locked(index, "b")
    index.paused.add(f"/files/{wheel.file}")
    killed, alive = start([wheel], tmp_path), start([wheel], tmp_path)
    for _ in range(2):
        index.halves.acquire()
    wait_until(lambda: len(names(tmp_path)) == 2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    download([other], tmp_path, Pip(), silent)
    assert len(names(tmp_path)) == 2
    index.resumed.set()
    assert alive.communicate()[1] == ""
    assert names(tmp_path) == sorted(f"{each.sha256}.whl" for each in (wheel, other))


def test_a_full_disk_may_be_emptied(tmp_path: Path, index: PackageIndex) -> None:
    index.add(make_wheel("large", "1.0", {"large.py": "x" * 200_000}))
    small_disk = f'mount -t tmpfs -o size=64k none {shlex.quote(str(tmp_path))} && exec "$@"'
    own_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    namespace = ["unshare", *own_user, "--mount", "sh", "-c", small_disk, "sh"]
    process = start([locked(index, "large")], tmp_path, *namespace)
    assert "the server's disk is full True []" in process.communicate()[1]
    assert os.listdir(tmp_path) == []

"""Pushes that break off in the middle of a build that prints megabytes, over ssh and HTTP: the
version is published, and no process of the push is left.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.docker_cli import leftovers
from tests.support.git import Author
from tests.support.killing import WORKER, end_all, processes_of
from tests.support.package_index import PackageIndex, make_sdist, package_index
from tests.support.processes import INTERRUPTIBLE, find_program, wait_until
from tests.support.publishing import logs, project
from tests.support.servers import HttpServer, SshServer
from tests.support.site import GitSite

pytestmark = pytest.mark.engine

MODULE = "text/upper"
WAYS = (("ssh", False), ("http", True))  # how a push comes, and whether a worker stays
PRINTED = 3_000_000  # letters, in some seconds
# pip shows nothing of what a setup.py prints, but that is no reason for it to be silent.
NOISY = f"""\
import os, sys, time
if "bdist_wheel" in sys.argv:
    with open(f"/proc/{{os.getppid()}}/fd/1", "w") as out:
        for line in range({PRINTED} // 100):
            print("x" * 99, file=out)
            if line % 1000 == 0:
                out.flush()
                time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index with a package whose build prints a lot, for each test."""
    with package_index() as found:
        for way, stay in WAYS:
            found.add(make_sdist(f"noisy{way}{stay:d}", "1.0", NOISY))
        yield found


@pytest.mark.parametrize(("way", "stay"), WAYS)
def test_a_push_that_breaks_off_is_published_and_leaves_nothing(
    tmp_path: Path, engine: str, base_image: str, index: PackageIndex, sshd: SshServer,
    smart_http: HttpServer, way: str, stay: bool,
) -> None:  # fmt: skip
    settings = {"pip": {"index_url": index.url}, "worker": {"stay": stay}}
    site = GitSite(tmp_path / "site", engine, base_image, settings)
    remote = site.repository(MODULE)
    url = sshd.url(remote) if way == "ssh" else smart_http.url(remote)
    author = Author(tmp_path / "clone", url, environment=sshd.environment)
    author.commit(project(f"noisy{way}{stay:d}==1.0\n"))
    author.tag("publish/1.0")
    push = subprocess.Popen(
        [*INTERRUPTIBLE, find_program("git"), "push", "origin", "master", "publish/1.0"],
        cwd=author.folder, env=author.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
    )  # fmt: skip
    try:
        wait_until(lambda: len(logs(site)) > PRINTED // 20)
        os.killpg(push.pid, signal.SIGINT if way == "ssh" else signal.SIGKILL)
        push.wait()
        assert site.versions(MODULE) == []
        wait_until(lambda: site.versions(MODULE) == ["1.0"])
        wait_until(lambda: left_of(site) == set())
        assert len(logs(site)) > PRINTED // 2
        assert leftovers(engine) == set()
    finally:
        end_all(site)


def left_of(site: GitSite) -> set[int]:
    """The processes that have anything to do with a site, but the one that stays."""
    folders = filter(str.isdigit, os.listdir("/proc"))
    found = {
        int(name) for name in folders if os.fsencode(site.folder) in about(Path("/proc", name))
    }
    return found - {*processes_of(site)[WORKER]}


def about(process: Path) -> bytes:
    """Where a process is, and what it was started with."""
    with suppress(OSError):
        where = os.fsencode(os.readlink(process / "cwd"))
        words = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        return b"\0".join((where, *words))
    return b""

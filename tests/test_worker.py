"""The process that has everything loaded: what it takes, what it does not, and when it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.cli.hand_over import SOCKET
from mlreef_hooks.push import RefUpdate
from mlreef_hooks.waiting_room import MARK, WaitingRoom
from tests.support.git import Author
from tests.support.processes import wait_until
from tests.support.site import PROJECT, GitSite

MakeSite = Callable[..., GitSite]
NOBODY = 65534
PUSHER = {"PATH": os.defpath, "GIT_DIR": ".", "REMOTE_USER": "mona", "HTTP_AUTHORIZATION": "s3cret"}
LOADED = """\
import sys
from mlreef_hooks.cli import worker
from mlreef_hooks.cli.post_receive import run_hook
worker.load(worker.load_config(sys.argv[1]))
before = {*sys.modules}
run_hook(sys.argv[1], lambda: None)
print("more:", *sorted(name for name in {*sys.modules} - before))
"""


def hand_over(site: GitSite, author: Author, tag: str) -> "subprocess.CompletedProcess[bytes]":
    """What the hook's program said to a push of `tag`; `None` at the end where nobody took it.

    The tag is stored without the hook; the program is called as the hook calls it.
    """
    hook = site.repositories / "text/upper.git/hooks/post-receive"
    hook.chmod(0o644)
    author.push("master", tag)
    hook.chmod(0o755)
    line = f"{'0' * 40} {author.git('rev-parse', tag)} refs/tags/{tag}\n"
    words = (
        "from mlreef_hooks.cli.hand_over import hand_over;"
        f"print(hand_over({str(site.state)!r}, {str(site.config)!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", words],
        cwd=site.repositories / "text/upper.git",
        env=PUSHER,
        input=line.encode(),
        capture_output=True,
        check=True,
    )


@pytest.fixture
def make_site(tmp_path: Path, stored_base: Path) -> Iterator[MakeSite]:
    """Makes a site without an engine, whose process is killed at the end."""
    with ExitStack() as ends:

        def make(**worker: Any) -> GitSite:
            tables = {"images": {"path": str(stored_base)}, "worker": {"stay": True, **worker}}
            site = GitSite(
                tmp_path / "site", "unix:///nowhere", "mlreef-base:bookworm", tables, "layers"
            )
            ends.callback(site.end_ready)
            return site

        yield make


@pytest.fixture
def site(make_site: MakeSite) -> GitSite:
    return make_site()


@pytest.fixture
def author(site: GitSite) -> Author:
    """An author whose first version is published, so that the process stands ready."""
    author = site.author("text/upper")
    publish(author, "1.0")
    site.wait_ready()
    return author


def commit(author: Author, version: str) -> str:
    """The tag of a new commit."""
    author.commit({**PROJECT, "README.md": version})
    author.tag(f"publish/{version}")
    return f"publish/{version}"


def publish(author: Author, version: str) -> None:
    """Push a new version, which is published."""
    said = author.push("master", commit(author, version))
    assert f"success: upper {version} is published" in said, said


def test_the_first_push_leaves_a_process_that_takes_the_next(site: GitSite, author: Author) -> None:
    said = hand_over(site, author, commit(author, "1.1"))
    assert b"success: upper 1.1 is published" in said.stdout
    assert said.stdout.endswith(b"\n0\n")
    document = site.document("text/upper")
    assert document is not None
    mona, other = (version["published_by"] for version in document["versions"])
    assert mona == "mona" != other  # each of its own environment
    publish(author, "1.2")
    assert site.versions("text/upper") == ["1.2", "1.1", "1.0"]


def test_it_has_everything_loaded_that_a_publish_needs(site: GitSite, author: Author) -> None:
    tag = commit(author, "1.1")
    (site.repositories / "text/upper.git/hooks/post-receive").unlink()
    author.push("master", tag)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, site.config],
        cwd=site.repositories / "text/upper.git",
        env=PUSHER,
        input=f"{'0' * 40} {author.git('rev-parse', tag)} refs/tags/{tag}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "success: upper 1.1" in done.stdout
    assert done.stdout.splitlines()[-1] == "more:", done.stdout


def test_it_holds_nothing_of_the_push_that_started_it(site: GitSite) -> None:
    author = site.author("text/upper")
    hand_over(site, author, commit(author, "1.0"))  # stored; nobody was there to take it
    assert site.versions("text/upper") == []
    subprocess.run(
        ["hooks/post-receive"],
        cwd=site.repositories / "text/upper.git",
        env=PUSHER,
        input=f"{'0' * 40} {author.git('rev-parse', 'HEAD')} refs/tags/publish/1.0\n".encode(),
        stdout=subprocess.PIPE,  # read to its end, which waits for whoever has it open
        check=True,
    )
    process = Path("/proc") / str(site.wait_ready())
    assert site.versions("text/upper") == ["1.0"]
    assert process.joinpath("environ").read_bytes() == f"PATH={os.defpath}\0".encode()
    held = {os.readlink(each) for each in process.joinpath("fd").iterdir()}
    assert not [each for each in held if each.startswith("pipe:")]
    assert process.joinpath("cwd").readlink() == Path("/")


def test_it_takes_nothing_that_was_started_elsewhere(site: GitSite, author: Author) -> None:
    tag = commit(author, "1.1")
    other = site.folder / "other.toml"
    other.write_bytes(site.config.read_bytes())
    config, site.config = site.config, other
    assert hand_over(site, author, tag).stdout == b"None\n"
    site.config = config
    elsewhere = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    words = "import sys; from mlreef_hooks.cli import hand_over as it;"
    words += "print(it.hand_over(*sys.argv[1:]))"
    done = subprocess.run(
        [*elsewhere, sys.executable, "-c", words, site.state, config],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"None\n"
    assert site.versions("text/upper") == ["1.0"]


def test_a_changed_configuration_is_not_what_it_was_started_with(
    site: GitSite, author: Author
) -> None:
    before = site.wait_ready()
    with site.config.open("a") as config:
        config.write("# changed\n")
    assert hand_over(site, author, commit(author, "1.1")).stdout == b"None\n"
    wait_until(lambda: site.ready_process is None)
    publish(author, "1.2")
    assert site.wait_ready() != before
    publish(author, "1.3")


def test_it_ends_when_no_push_comes(make_site: MakeSite) -> None:
    site = make_site(stay_seconds=1)
    publish(site.author("text/upper"), "1.0")
    site.wait_ready()
    wait_until(lambda: site.ready_process is None)
    assert not (site.state / SOCKET).exists()


def test_a_site_may_want_none(make_site: MakeSite) -> None:
    site = make_site(stay=False)
    publish(site.author("text/upper"), "1.0")
    assert site.ready_process is None


def test_one_that_was_killed_is_followed_by_another(site: GitSite, author: Author) -> None:
    before = site.wait_ready()
    site.end_ready()
    assert (site.state / SOCKET).exists()
    publish(author, "1.1")
    wait_until(lambda: site.ready_process is not None)
    assert site.ready_process != before
    publish(author, "1.2")


def test_a_push_does_not_wait_for_one_that_is_stopped(site: GitSite, author: Author) -> None:
    process = site.wait_ready()
    os.kill(process, signal.SIGSTOP)
    publish(author, "1.1")
    os.kill(process, signal.SIGCONT)
    publish(author, "1.2")
    assert site.versions("text/upper") == ["1.2", "1.1", "1.0"]


def test_a_hook_that_is_killed_does_not_end_its_publish(site: GitSite, author: Author) -> None:
    tag = commit(author, "1.1")
    (site.repositories / "text/upper.git/hooks/post-receive").chmod(0o644)
    author.push("master", tag)
    program = (
        "from mlreef_hooks.cli import hand_over; import os, signal\n"
        "class Killed(hand_over.socket):\n"
        "    def sendmsg(self, *message):\n"
        "        super().sendmsg(*message)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "hand_over.socket = Killed\n"
        f"hand_over.hand_over({str(site.state)!r}, {str(site.config)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=site.repositories / "text/upper.git",
        env=PUSHER,
        input=f"{'0' * 40} {author.git('rev-parse', tag)} refs/tags/{tag}\n".encode(),
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    wait_until(lambda: site.versions("text/upper") == ["1.1", "1.0"])


def test_what_waits_and_cannot_be_read_stops_no_push(site: GitSite, author: Author) -> None:
    waiting = site.repositories / "text/upper.git" / MARK
    waiting.mkdir()
    author.commit({"README.md": "more"})
    author.tag("publish/1.1")
    said = author.push("master", "publish/1.1")
    assert "what waits in" in said
    assert "success: upper 1.1 is published" in said


def test_files_of_a_shared_repository_are_shared(tmp_path: Path) -> None:
    update = RefUpdate(old="0" * 40, new="1" * 40, ref="refs/tags/publish/1.0")
    for mode, expected in ((0o2775, 0o660), (0o755, 0o600)):
        folder = tmp_path / str(mode)
        folder.mkdir()
        folder.chmod(mode)
        assert WaitingRoom().keep(folder, [update])
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {expected}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_root_goes_on_as_the_account_of_the_state(site: GitSite) -> None:
    author = site.author("text/upper")
    for place in (site.state, site.repositories):
        place.mkdir(exist_ok=True)
        for each in (place, *place.rglob("*")):
            os.chown(each, NOBODY, NOBODY)
    for folder in site.folder.parents[:-2]:
        folder.chmod(folder.stat().st_mode | 0o011)
    author.git("config", "--global", "safe.directory", "*")
    # The images of the tests are root's; what counts is whose the files of the state are.
    assert "mlreef: publishing upper 1.0" in author.push("master", commit(author, "1.0"))
    site.wait_ready()
    assert {path.lstat().st_uid for path in site.state.rglob("*")} == {NOBODY}


def test_many_pushes_at_once(site: GitSite, author: Author) -> None:
    tags = [commit(author, f"2.{number}") for number in range(6)]
    author.push("master")
    pushes = [
        subprocess.Popen(
            ["git", "push", "origin", tag],
            cwd=author.folder,
            env=author.environment,
            stderr=subprocess.PIPE,
        )
        for tag in tags
    ]
    said = [process.communicate()[1] for process in pushes]
    assert all(b"success: " in each for each in said), said
    assert {*site.versions("text/upper")} == {"1.0", *(tag.partition("/")[2] for tag in tags)}

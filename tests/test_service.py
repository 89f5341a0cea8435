"""The worker as an account of its own: what the account of the repositories can and cannot do."""

import hashlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, time

import pytest

from mlreef_hooks.cli import hand_over
from mlreef_hooks.git_settings import own_setting
from mlreef_hooks.servers.gitlab import FULL_PATH
from mlreef_hooks.waiting_room import MARK
from tests.support.accounts import GIT, SERVICE, STRANGER, ServiceSite, give, open_folder
from tests.support.engine import private_engine
from tests.support.forges import ENVIRONMENTS, make_gitlab_repository
from tests.support.git import Author, remote_lines
from tests.support.processes import wait_until
from tests.support.site import PROJECT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two accounts")
ASK = """\
import os, sys
from mlreef_hooks.cli import hand_over
request = os.fsencode(sys.argv[3]).replace(b"|", b"\\0")
print(hand_over.ask_service(sys.argv[1], sys.argv[2], request))
"""


@pytest.fixture(scope="module")
def site(stored_base: Path) -> Iterator[ServiceSite]:
    """A site whose service runs."""
    with open_folder() as folder:
        site = ServiceSite(folder / "site", stored_base)
        site.repository("first/first")
        with site.serving():
            yield site


@pytest.fixture
def module(request: pytest.FixtureRequest) -> str:
    """The module of a test: each has a repository of its own."""
    name = request.node.name.removeprefix("test_").replace("_", "-").replace("[", "-")
    return f"text/{name.rstrip(']')[:60]}"


@pytest.fixture
def author(site: ServiceSite, module: str) -> Author:
    """An author with a clone of it."""
    return site.author(module)


def version(author: Author, number: str) -> str:
    """The tag of a new commit."""
    author.commit({**PROJECT, "README.md": number})
    author.tag(f"publish/{number}")
    return f"publish/{number}"


def ask(site: ServiceSite, request: str, stdin: str = "", user: int = GIT) -> str:
    """What an account sees of a request to the service, `|` between its words; the answer last."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, site.socket, str(SERVICE), request],
        input=stdin, capture_output=True, text=True, timeout=60, check=True,
        user=user, group=user, extra_groups=[],
    )  # fmt: skip
    return done.stdout


def hand_in(site: ServiceSite, repository: Path, author: Author, tag: str, **more: str) -> str:
    """What is said of a tag that the account of the repositories hands in by a request of its own,
    with variables as it likes.
    """
    author.push("master")
    hook = repository / "hooks/post-receive"
    hook.chmod(0o644)
    author.push(tag)
    hook.chmod(0o755)
    line = f"{'0' * 40} {author.git('rev-parse', tag)} refs/tags/{tag}\n"
    variables = {"GIT_DIR": str(repository), **more}
    words = "|".join(f"{name}={value}" for name, value in variables.items())
    return ask(site, f"push|{words}", line)


def test_a_push_is_published(site: ServiceSite, author: Author, module: str) -> None:
    said = author.push("master", version(author, "1.0"))
    assert "success: " in said, said
    document = site.document(module)
    assert document is not None
    assert [each["published_by"] for each in document["versions"]] == [str(GIT)]
    assert {path.stat().st_uid for path in site.state.rglob("*")} == {SERVICE}
    assert {path.stat().st_uid for path in site.index.rglob("*")} == {SERVICE}


def test_a_tag_that_is_parked_is_published_with_its_branch(
    site: ServiceSite, author: Author, module: str
) -> None:
    mark = site.repositories / f"{module}.git" / MARK
    said = author.push(version(author, "1.0"))
    assert "is parked" in said, said
    assert mark.stat().st_uid == GIT  # the service cannot write there
    assert site.versions(module) == []
    said = author.push("master")
    assert "success: " in said, said
    assert site.versions(module) == ["1.0"]
    assert not mark.exists()
    assert "remote:" not in author.push("master:other")


def test_deleting_a_tag_yanks_its_version(site: ServiceSite, author: Author, module: str) -> None:
    author.push("master", version(author, "1.0"))
    assert "is yanked" in author.push("--delete", "publish/1.0")
    document = site.document(module)
    assert document is not None
    assert [each["yanked"] for each in document["versions"]] == [True]


def test_the_public_index_is_for_all_to_read(
    site: ServiceSite, author: Author, module: str
) -> None:
    repository = site.repositories / f"{module}.git"
    site.as_git("git", "config", "--file", repository / "config", "mlreef.visibility", "public")
    author.push("master", version(author, "1.0"))
    for user in (GIT, STRANGER):
        assert module in site.command("list", user=user).stdout
        assert "1.0" in site.command("show", module, user=user).stdout


def test_each_push_moves_the_edge_where_that_is_wanted(
    site: ServiceSite, author: Author, module: str
) -> None:
    repository = site.repositories / f"{module}.git"
    site.as_git("git", "config", "--file", repository / "config", "mlreef.publishOn", "push")
    site.command("install", "--repo", repository)  # the service cannot leave its mark there
    commit = author.commit(PROJECT)
    said = author.push("master")
    assert "success: " in said, said
    document = site.document(module)
    assert document is not None
    assert document["channels"]["edge"]["commit"] == commit


def test_push_options_and_the_name_of_the_pusher_are_handed_in(
    site: ServiceSite, author: Author, module: str
) -> None:
    repository = site.repositories / f"{module}.git"
    said = hand_in(site, repository, author, version(author, "1.0"), REMOTE_USER="mona")
    assert "success: " in said, said
    document = site.document(module)
    assert document is not None
    assert [each["published_by"] for each in document["versions"]] == ["mona"]
    options = {"GIT_PUSH_OPTION_COUNT": "1", "GIT_PUSH_OPTION_0": "mlreef.skip"}
    said = hand_in(site, repository, author, version(author, "1.1"), **options)
    assert "is not published, as you asked" in said, said


def test_a_project_of_gitlab_is_known_from_its_first_push_on(site: ServiceSite) -> None:
    """Its hashed folder does not say what it is called, and the service may not write it there."""
    hashed = hashlib.sha256(b"1").hexdigest()
    git_dir = site.repository(f"@hashed/{hashed[:2]}/{hashed[2:4]}/{hashed}")
    make_gitlab_repository(git_dir, site.folder / "no-shared-hooks")
    give(git_dir, GIT)
    clone = site.folder / "clones" / "gitlab"
    author = Author(clone, git_dir, environment=ENVIRONMENTS["gitlab"], user=GIT)
    said = author.push("master", version(author, "1.0"))
    assert "success: upper 1.0 is published" in said, said
    assert own_setting(git_dir, FULL_PATH) == "Vision/Upper"
    document = site.document("vision/upper")
    assert document is not None
    assert [each["published_by"] for each in document["versions"]] == ["ada"]


@pytest.fixture
def idle_site(stored_base: Path) -> Iterator[ServiceSite]:
    """A site whose service does not run."""
    with open_folder() as folder:
        yield ServiceSite(folder / "site", stored_base)


def test_where_no_service_runs_a_push_ends_at_once_and_is_found_later(
    idle_site: ServiceSite,
) -> None:
    site = idle_site
    author = site.author("text/upper")
    start = monotonic()
    said = author.push("master", version(author, "1.0"))
    assert monotonic() - start < 5
    assert "remote: mlreef: the push is stored, but the service does not answer" in said
    assert max(map(len, remote_lines(said))) <= 72
    with site.serving():
        site.command("sweep", "--no-follow", user=SERVICE, groups=[GIT])
        said = author.push("master", version(author, "1.1"))
        assert "success: " in said, said
        site.command("sweep", user=SERVICE, groups=[GIT])
    assert site.versions("text/upper") == ["1.1", "1.0"]


def test_a_service_that_starts_again_is_waited_for(idle_site: ServiceSite) -> None:
    author = idle_site.author("text/upper")
    tag = version(author, "1.0")
    with idle_site.serving():
        pass
    push = subprocess.Popen(
        ["git", "push", "origin", "master", tag],
        cwd=author.folder, env=author.environment, stderr=subprocess.PIPE, text=True,
        user=GIT, group=GIT, extra_groups=[],
    )  # fmt: skip
    with idle_site.serving():
        said = push.communicate()[1]
    assert "success: " in said, said


def faults(site: ServiceSite) -> set[str]:
    """What doctor finds, as root."""
    said = site.command("doctor", "--format", "json", expect=None).stdout
    return {each["id"] for each in json.loads(said)} - {""}


def test_doctor_looks_at_a_service(idle_site: ServiceSite) -> None:
    author = idle_site.author("text/upper")
    with idle_site.serving():
        author.push("master", version(author, "1.0"))
        found = faults(idle_site)
        assert not found & {"service-away", "service-blind", "folder-closed", "repository-owner"}
        assert not {each for each in found if each.startswith(("hook-", "job", "tag", "index"))}
    (idle_site.repositories / "text/upper.git/objects").chmod(0o700)
    assert {"service-away", "service-blind"} <= faults(idle_site)


# -- what the account of the repositories cannot do -----------------------------------------------


def refused(done: "subprocess.CompletedProcess[str]") -> bool:
    """True where the system did not let a program do it."""
    return done.returncode != 0 and "ermission denied" in done.stderr


def test_state_and_credentials_cannot_be_read(site: ServiceSite, author: Author) -> None:
    author.push("master", version(author, "1.0"))
    credentials = site.home / ".docker/config.json"
    credentials.parent.mkdir(mode=0o700, exist_ok=True)
    credentials.write_text('{"auths": {"registry.example": {"auth": "c2VjcmV0"}}}')
    credentials.chmod(0o600)
    for each in (credentials.parent, credentials):
        os.chown(each, SERVICE, SERVICE)
    assert site.state.stat().st_mode & 0o007 == 0
    assert refused(site.as_git("ls", site.state))
    files = [site.state / "jobs.sqlite", *site.state.glob("logs/*"), credentials]
    assert len(files) > 2
    for file in files:
        assert refused(site.as_git("cat", file)), file
    for name in ("environ", "mem"):
        assert refused(site.as_git("cat", f"/proc/{site.process}/{name}")), name
    assert refused(site.as_git("ls", f"/proc/{site.process}/fd"))
    assert site.as_git("kill", str(site.process)).returncode


def test_index_and_images_cannot_be_changed(site: ServiceSite, author: Author) -> None:
    author.push("master", version(author, "1.0"))
    ways = [site.index / "public/index.json", *site.index.rglob("*.json")]
    written = [path for path in ways if path.exists()]
    assert written
    for path in written:
        assert refused(site.as_git("touch", path)), path
        assert refused(site.as_git("rm", "-f", path)), path
    folders = [site.index, site.folder / "images", site.state, site.run]
    for folder in folders:
        assert refused(site.as_git("touch", folder / "new")), folder
    assert refused(site.as_git("ls", site.folder / "images"))
    assert site.as_git("cat", site.index / "private/text/index.json").returncode  # its readers' own


def test_a_socket_of_the_service_cannot_be_taken_over(site: ServiceSite) -> None:
    assert refused(site.as_git("rm", "-f", site.socket))
    assert site.as_git("mv", site.socket, "/tmp/other.sock").returncode
    # One that somebody else has is not believed.
    other = site.folder / "other.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(other))
        listener.listen()
        assert hand_over.ask_service(str(other), str(SERVICE), b"push") is None


def test_strangers_are_not_let_in(site: ServiceSite) -> None:
    assert ask(site, "command|status", user=STRANGER) == "None\n"
    found = Path(site.socket).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (SERVICE, GIT, 0o660)


@pytest.mark.engine
def test_the_engine_is_reached_by_the_service_alone(site: ServiceSite) -> None:
    words = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with open_folder() as folder, private_engine(folder) as url:
        where = url.removeprefix("unix://")
        os.chown(where, 0, SERVICE)
        Path(where).chmod(0o660)
        assert site.as_git(sys.executable, "-c", words, where, user=SERVICE).returncode == 0
        assert refused(site.as_git(sys.executable, "-c", words, where))


# -- what it can ask the service for ---------------------------------------------------------------


def test_the_service_shows_jobs_and_logs(site: ServiceSite, author: Author, module: str) -> None:
    author.push("master", version(author, "1.0"))
    jobs = json.loads(site.command("status", "--format", "json", user=GIT).stdout)
    job = next(job for job in jobs if f"{job['namespace']}/{job['module']}" == module)
    assert job["state"] == "published"
    assert "published" in site.command("status", str(job["id"]), user=GIT).stdout
    said = site.command("logs", str(job["id"]), user=GIT).stdout
    assert "success: " in said, said
    assert said == site.command("logs", "-f", str(job["id"]), user=GIT).stdout
    assert said == site.command("logs", str(job["id"]), user=SERVICE).stdout
    done = site.command("logs", "999", user=GIT, expect=1)
    assert "there is no job 999" in done.stderr
    site.command("status", "--nonsense", user=GIT, expect=2)


CLOSED = (
    ["cancel", "1"], ["retry", "1"], ["sweep"], ["gc"], ["reindex"],
    ["yank", "text/x@1", "--reason", "x"], ["unyank", "text/x@1"],
    ["deprecate", "text/x", "--reason", "x"],
)  # fmt: skip


@pytest.mark.parametrize("words", CLOSED, ids=lambda words: words[0])
def test_nothing_else_is_run(site: ServiceSite, words: list[str]) -> None:
    done = site.command(*words, user=GIT, expect=1)
    assert f"only the service's account may {words[0]}" in done.stderr
    said = ask(site, "|".join(["command", *words]))
    (shown, answer) = said.splitlines()
    assert shown.startswith("error: the service runs status, ")
    assert answer == "b'1'"


@pytest.mark.parametrize(
    "request_",
    ["", "x", "push", "command", "push|GIT_DIR=.", "push|GIT_DIR=/", "push|GIT_DIR", "||||",
     "command|--config|/tmp/x|status", "command|status|--config|/tmp/x", "command|logs|../../x"],
)  # fmt: skip
def test_what_makes_no_sense_does_nothing(site: ServiceSite, request_: str) -> None:
    said = ask(site, request_)
    assert said.splitlines()[-1] in ("b''", "b'1'", "b'2'", "b'.'"), said
    assert "b'0'" in ask(site, "command|status")


@pytest.mark.parametrize("where", ["outside", "others", "a link out", "root itself", "relative"])
def test_a_repository_elsewhere_is_not_taken(
    site: ServiceSite, author: Author, module: str, where: str
) -> None:
    outside = site.folder / "outside" / module
    outside.mkdir(parents=True)
    repository = site.repositories / f"{module}.git"
    link = site.repositories / "text" / f"link-{module[5:]}.git"
    places = {
        "outside": outside / "x.git", "others": repository, "a link out": link,
        "root itself": site.repositories, "relative": Path("first/first.git"),
    }  # fmt: skip
    if where in ("outside", "a link out"):
        author.push("master", version(author, "1.0"))
        repository.rename(outside / "x.git")
        link.symlink_to(outside / "x.git")
    if where == "others":
        give(repository, STRANGER)
    line = f"{'0' * 40} {'1' * 40} refs/tags/publish/2.0\n"
    said = ask(site, f"push|GIT_DIR={places[where]}", line)
    assert said.startswith("error: the service does not take"), said
    assert said.endswith("b'.'\n")


def test_those_who_say_nothing_keep_nobody_waiting(
    site: ServiceSite, author: Author, module: str
) -> None:
    connections = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(40)]
    for each in connections:
        each.connect(site.socket)
    start = monotonic()
    author.push("master", version(author, "1.0"))
    assert monotonic() - start < 5
    assert site.versions(module) == ["1.0"]
    for each in connections:
        each.close()


def test_a_request_without_streams_does_nothing(site: ServiceSite) -> None:
    for message in (b"push", b"", b"x" * 200_000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            connection.connect(site.socket)
            assert connection.recv(100) == hand_over.GREETING
            connection.send(message)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
    assert "b'0'" in ask(site, "command|status")


def children(process: int) -> list[str]:
    """The processes that a process has started, and that have not ended."""
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def test_following_a_log_ends_with_the_one_who_follows(
    site: ServiceSite, author: Author, module: str
) -> None:
    author.push("master", version(author, "1.0"))
    wait_until(lambda: not children(site.process))
    with sqlite3.connect(site.state / "jobs.sqlite") as table:
        change = "UPDATE jobs SET state = 'queued', due_at = ? WHERE repository = ?"
        assert table.execute(change, (time() + 3000, module)).rowcount == 1
        (job,) = table.execute("SELECT max(id) FROM jobs").fetchone()
    words = ["--config", str(site.config), "logs", "-f", str(job)]
    follower = subprocess.Popen(
        [sys.executable, "-m", "mlreef_hooks", *words],
        stdout=subprocess.PIPE, user=GIT, group=GIT, extra_groups=[],
    )  # fmt: skip
    assert follower.stdout is not None
    assert follower.stdout.readline()
    assert len(children(site.process)) == 1
    follower.kill()
    follower.wait()
    wait_until(lambda: not children(site.process))
    with sqlite3.connect(site.state / "jobs.sqlite") as table:
        table.execute("UPDATE jobs SET state = 'published', due_at = 0 WHERE id = ?", (job,))


# -- what a request or a repository could make it run ----------------------------------------------


@pytest.fixture
def trap() -> Iterator[Path]:
    """A program that leaves a trace beside it, whoever runs it; it is called git as well."""
    with open_folder() as folder:
        folder.chmod(0o777)
        for name in ("run", "git", "uv"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {folder}/trace\nexit 1\n")
            (folder / name).chmod(0o755)
        yield folder / "run"


def is_sprung(trap: Path) -> bool:
    """True where the program was run."""
    return (trap.parent / "trace").exists()


def hostile_variables(trap: Path) -> Mapping[str, str]:
    """What would make git, uv, Python or the loader run or read something else."""
    library = trap.parent / "library.so"
    library.write_bytes(b"no library")
    settings = trap.parent / "gitconfig"
    settings.write_text(f"[core]\n\tfsmonitor = {trap}\n[alias]\n\trev-parse = !{trap}\n")
    return {
        "PATH": str(trap.parent), "LD_PRELOAD": str(library), "LD_LIBRARY_PATH": str(trap.parent),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(trap), "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={trap}'", "GIT_EXEC_PATH": str(trap.parent),
        "GIT_SSH_COMMAND": str(trap), "GIT_OBJECT_DIRECTORY": "/nowhere", "HOME": "/nowhere",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/nowhere", "XDG_CONFIG_HOME": str(trap.parent),
        "PYTHONPATH": str(trap.parent), "PYTHONSTARTUP": str(trap), "UV_PYTHON": str(trap),
        "DOCKER_HOST": "unix:///nowhere", "DOCKER_CONFIG": str(trap.parent),
        "MLREEF_HOOKS_CONFIG": "/nowhere", "HTTP_AUTHORIZATION": "s3cret", "TMPDIR": "/nowhere",
        "GIT_PUSH_OPTION_X": "x", "GIT_PUSH_OPTION_": "x", "GL_REPO_X": "x",
    }  # fmt: skip


def test_no_variable_changes_what_is_run(
    site: ServiceSite, author: Author, module: str, trap: Path
) -> None:
    repository = site.repositories / f"{module}.git"
    tag = version(author, "1.0")
    said = hand_in(site, repository, author, tag, **hostile_variables(trap))
    assert "success: " in said, said
    assert site.versions(module) == ["1.0"]
    assert not is_sprung(trap)


def test_the_hook_sends_no_variable_but_those_of_its_table(trap: Path) -> None:
    kept = {"REMOTE_USER": "mona", "GL_USER": "x", "GIT_PUSH_OPTION_0": "y"}
    script = "from mlreef_hooks.cli import hand_over; print(sorted(hand_over._facts()))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**hostile_variables(trap), "PYTHONPATH": "", "LD_PRELOAD": "", **kept},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    sent = [f"{name}={value}".encode() for name, value in kept.items()]
    odd = [b"GIT_PUSH_OPTION_=x", b"GIT_PUSH_OPTION_X=x"]  # which the service does not take
    assert done.stdout == f"{sorted([*sent, *odd])}\n"


def settings_that_run(trap: Path) -> Mapping[str, str]:
    """Settings of a repository that make git run a program in one of its commands."""
    return {
        "core.fsmonitor": str(trap), "core.hooksPath": str(trap.parent),
        "core.sshCommand": str(trap), "core.gitProxy": str(trap), "core.pager": str(trap),
        "core.alternateRefsCommand": str(trap), "pager.config": str(trap),
        "credential.helper": str(trap), "diff.external": str(trap), "gpg.program": str(trap),
        "protocol.allow": "always", "protocol.ext.allow": "always",
        "alias.rev-parse": f"!{trap}", "alias.for-each-ref": f"!{trap}", "gc.auto": "1",
        "log.showSignature": "true", "core.askPass": str(trap),
    }  # fmt: skip


def test_no_setting_of_a_repository_runs_a_program(
    site: ServiceSite, author: Author, module: str, trap: Path
) -> None:
    repository = site.repositories / f"{module}.git"
    tag = version(author, "1.0")
    for name, value in settings_that_run(trap).items():
        site.as_git("git", "config", "--file", repository / "config", name, value)
    subprocess.run(["rm", "-f", trap.parent / "trace"], check=True)
    author.push("master")  # receive-pack is the account's own, and may run what it likes
    (trap.parent / "trace").unlink(missing_ok=True)
    line = f"{'0' * 40} {author.git('rev-parse', tag)} refs/tags/{tag}\n"
    author.git("push", "--receive-pack=git -c core.hooksPath=/dev/null receive-pack", "origin", tag)
    (trap.parent / "trace").unlink(missing_ok=True)
    said = ask(site, f"push|GIT_DIR={repository}", line)
    assert "success: " in said, said
    assert not is_sprung(trap)


@pytest.mark.parametrize("how", ["ext", "upload pack", "ssh"])
def test_missing_objects_are_not_fetched(
    site: ServiceSite, author: Author, module: str, trap: Path, how: str
) -> None:
    repository = site.repositories / f"{module}.git"
    tag = version(author, "1.0")
    author.push("master", tag)
    (object_id,) = author.git("rev-parse", "HEAD:upper.py").splitlines()
    (repository / "objects" / object_id[:2] / object_id[2:]).unlink()
    urls = {"ext": f"ext::{trap}", "upload pack": str(repository), "ssh": "ssh://host/x"}
    for name, value in {
        "core.repositoryFormatVersion": "1", "extensions.partialClone": "evil",
        "remote.evil.promisor": "true", "remote.evil.url": urls[how],
        "remote.evil.uploadpack": str(trap), "core.sshCommand": str(trap),
        "protocol.allow": "always", "protocol.ext.allow": "always",
    }.items():  # fmt: skip
        site.as_git("git", "config", "--file", repository / "config", name, value)
    site.as_git("git", f"--git-dir={repository}", "cat-file", "-p", object_id)
    assert is_sprung(trap), "the trap would not have been sprung by anybody"
    (trap.parent / "trace").unlink()
    author.git("tag", "publish/1.1")
    site.as_git("git", f"--git-dir={repository}", "update-ref", "refs/tags/publish/1.1", "master")
    line = f"{'0' * 40} {author.git('rev-parse', 'HEAD')} refs/tags/publish/1.1\n"
    said = ask(site, f"push|GIT_DIR={repository}", line)
    assert "success: " not in said
    assert not is_sprung(trap)


@pytest.mark.parametrize("file", ["packed-refs", "shallow", "objects/info/alternates", "config"])
def test_what_it_may_read_is_not_shown(
    site: ServiceSite, author: Author, module: str, file: str
) -> None:
    secret = site.home / "secret"
    secret.write_text("s3cret of the service\n")
    secret.chmod(0o600)
    os.chown(secret, SERVICE, SERVICE)
    repository = site.repositories / f"{module}.git"
    author.push("master", version(author, "1.0"))
    (object_id,) = author.git("rev-parse", "HEAD:upper.py").splitlines()
    (repository / "objects" / object_id[:2] / object_id[2:]).unlink()
    (repository / file).unlink(missing_ok=True)
    (repository / file).symlink_to(secret)
    line = f"{'0' * 40} {author.git('rev-parse', 'HEAD')} refs/tags/publish/1.1\n"
    said = ask(site, f"push|GIT_DIR={repository}", line)
    assert "error:" in said, said
    jobs = json.loads(site.command("status", "--format", "json", user=GIT).stdout)
    own = [str(job["id"]) for job in jobs if f"{job['namespace']}/{job['module']}" == module]
    shown = [site.command("logs", number, user=GIT).stdout for number in own]
    assert any(shown)
    kept = [path.read_text() for path in site.state.glob("logs/*.log")]
    assert "s3cret" not in f"{said}{jobs}{shown}{kept}"


def test_ref_updates_without_end_are_not_read(site: ServiceSite, author: Author) -> None:
    words = f"push|GIT_DIR={site.repositories}/first/first.git"
    with Path("/dev/zero").open("rb") as endless:
        done = subprocess.run(
            [sys.executable, "-c", ASK, site.socket, str(SERVICE), words],
            stdin=endless, capture_output=True, text=True, timeout=60, check=True,
            user=GIT, group=GIT, extra_groups=[],
        )  # fmt: skip
    assert "did not come to their end" in done.stdout, done.stdout


def test_the_script_and_the_program_agree() -> None:
    assert hand_over.MARK == MARK

"""The ground that the other tests stand on: transports, engine, registry."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlreef_hooks.engine import Engine, Run
from tests.support.engine import local_registry
from tests.support.git import Author, GitError, make_bare, remote_lines, write_hook
from tests.support.processes import MissingProgramError, StartError, daemon, find_program
from tests.support.servers import HttpServer, SshServer

HOOK = """\
#!/bin/sh
while read -r _ _ ref; do echo "got $ref from ${REMOTE_USER-nobody}"; done
"""

# Both ends open the fifo for reading and writing, so that neither waits for the other to open it.
WAITING_HOOK = """\
#!/bin/sh
echo waiting
echo "seen: $(timeout 10 head -n 1 <>'{fifo}')"
"""


@pytest.fixture(params=["path", "ssh", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    """Each way to reach a server."""
    return str(request.param)


def reach(
    transport: str, repository: Path, request: pytest.FixtureRequest
) -> tuple[str, Mapping[str, str]]:
    """A repository's address and what the author's environment needs for it."""
    if transport == "ssh":
        ssh: SshServer = request.getfixturevalue("sshd")
        return ssh.url(repository), ssh.environment
    if transport == "http":
        http: HttpServer = request.getfixturevalue("smart_http")
        return http.url(repository, "grace"), {}
    return str(repository), {}


def test_the_author_sees_what_the_hook_says(
    transport: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    repository = make_bare(tmp_path / "module.git")
    write_hook(repository, "post-receive", HOOK)
    address, environment = reach(transport, repository, request)
    author = Author(tmp_path / "clone", address, environment=environment)
    commit = author.commit({"a/b.py": "x = 1\n"})
    author.tag("publish/1.0", "The first release")

    pushed = author.push("master", "publish/1.0")

    user = "grace" if transport == "http" else "nobody"
    refs = ["refs/heads/master", "refs/tags/publish/1.0"]
    assert remote_lines(pushed) == [f"got {ref} from {user}" for ref in refs]
    stored = (repository / "refs/heads/master").read_text().strip()
    assert stored == commit


def test_the_author_sees_a_line_while_the_hook_runs_on(
    transport: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    repository = make_bare(tmp_path / "module.git")
    os.mkfifo(tmp_path / "seen")
    write_hook(repository, "post-receive", WAITING_HOOK.format(fifo=tmp_path / "seen"))
    address, environment = reach(transport, repository, request)
    author = Author(tmp_path / "clone", address, environment=environment)
    author.commit({"a.py": ""})
    command = [find_program("git"), "push", "origin", "master"]
    with subprocess.Popen(
        command, cwd=author.folder, env=author.environment, stderr=subprocess.PIPE, text=True
    ) as push:
        assert push.stderr is not None
        first = next(line for line in push.stderr if line.startswith("remote: "))
        fifo = os.open(tmp_path / "seen", os.O_RDWR)
        os.write(fifo, b"yes\n")
        rest = push.stderr.read()
        os.close(fifo)
    assert remote_lines(first + rest) == ["waiting", "seen: yes"]


def test_a_refused_push_is_an_error_with_the_words_of_the_hook(tmp_path: Path) -> None:
    repository = make_bare(tmp_path / "module.git", object_format="sha256")
    write_hook(repository, "pre-receive", "#!/bin/sh\necho not today\nexit 1\n")
    author = Author(tmp_path / "clone", repository, object_format="sha256")
    assert len(author.commit({"a.py": b""})) == 64
    with pytest.raises(GitError, match="remote: not today"):
        author.push()


def test_commits_are_the_same_in_every_clone(tmp_path: Path) -> None:
    clones = [Author(tmp_path / name, "unused") for name in ("one", "two")]
    first, second = (
        [clone.commit({"a": "1", "b": "2"}, executable=["b"]), clone.commit({"a": None})]
        for clone in clones
    )
    assert first == second
    assert clones[0].git("ls-tree", "--format=%(objectmode) %(path)", "HEAD") == "100755 b"


def test_a_daemon_that_ends_at_once_is_an_error_with_its_log(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo no such luck; exit 3"]
    with (
        pytest.raises(StartError, match=r"(?s)exit status 3.*no such luck"),
        daemon(command, log=tmp_path / "log", ready=lambda: False),
    ):
        pass


def test_a_missing_program_names_its_package() -> None:
    with pytest.raises(MissingProgramError, match="apt-get install nginx-light"):
        find_program("nginx", path="/nonexistent")


def test_a_registry_is_empty_and_answers(tmp_path: Path) -> None:
    with (
        local_registry(tmp_path) as registry,
        urllib.request.urlopen(f"http://{registry}/v2/_catalog") as response,
    ):
        assert response.read().strip() == b'{"repositories":[]}'


@pytest.mark.engine
def test_the_engine_runs_python_in_the_base_image(engine: str, base_image: str) -> None:
    client = Engine(engine)
    said: list[bytes] = []
    run = Run(image=base_image, command=["python", "--version"])
    ended = client.run(run, lambda _stream, chunk: said.append(chunk))
    client.close()
    assert (ended.status, b"".join(said)) == (0, b"Python 3.11.2\n")


def test_without_an_engine_nothing_takes_long() -> None:
    """The files without a mark `long` have no long test; to collect them takes long itself."""
    folder = Path(__file__).parent
    files = [path for path in folder.glob("test_*.py") if "mark.long" in path.read_text()]
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *map(str, files), "-m"]

    def collect(marks: str) -> "subprocess.CompletedProcess[str]":
        words = [*command, marks]
        return subprocess.run(words, cwd=folder.parent, capture_output=True, text=True, check=False)

    done = collect("long and not engine")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout
    assert collect("long").returncode == pytest.ExitCode.OK

"""The shell hook: what it starts and says, with shells, environments and inputs of any kind.

The interpreter is a program that records how it was called, so that its start can be seen.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from mlreef_hooks.cli import hand_over
from mlreef_hooks.config import Config, Publish, Worker
from mlreef_hooks.edge_mark import MARK as EDGE_MARK
from mlreef_hooks.edge_mark import set_edge_mark
from mlreef_hooks.hook_files import HOOK, chained_beside, hook_text, install_hook
from mlreef_hooks.waiting_room import MARK
from tests.support.git import Author, make_bare, remote_lines

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
A, B = "a" * 40, "b" * 40
PUBLISH = f"{A} {B} refs/tags/publish/1.0\n".encode()
BRANCH = f"{A} {B} refs/heads/master\n".encode()
RECORDER = """\
#!/bin/sh
folder=${0%/*}
printf '%s\\n' "$@" >"$folder/arguments"
cat >"$folder/stdin"
echo "recorded"
"""


class Hook:
    """The hook in a repository of its own, and the interpreter that it starts."""

    def __init__(self, folder: Path, *patterns: str) -> None:
        self.repository = make_bare(folder / "x.git")
        self.folder = folder / 'it\'s an "interpreter"'
        self.folder.mkdir()
        self.python = self.folder / "python"
        self.python.write_text(RECORDER)
        self.python.chmod(0o755)
        self.config = folder / "config $(x).toml"
        self.state = folder / "the state"
        publish = Publish(tags=patterns or ("publish/{version}",))
        config = Config(state=str(self.state), publish=publish)
        install_hook(self.repository, hook_text(self.python, self.config, config))

    def run(
        self, stdin: bytes, shell: str = "dash", **environment: str
    ) -> "subprocess.CompletedProcess[bytes]":
        """What the hook did, started as git starts it, with nothing but a `PATH`."""
        words = ["busybox", "sh"] if shell == "busybox" else [shell]
        return subprocess.run(
            [*words, f"hooks/{HOOK}"],
            cwd=self.repository,
            env={"PATH": "/usr/bin:/bin", "GIT_DIR": ".", **environment},
            input=stdin,
            capture_output=True,
            timeout=30,
            check=False,
        )

    @property
    def received(self) -> bytes | None:
        """What the interpreter read; None where it was not started."""
        path = self.folder / "stdin"
        return path.read_bytes() if path.exists() else None

    def chain(self, script: str) -> Path:
        """Let a hook run before ours; its file."""
        path = chained_beside(self.repository / "hooks" / HOOK)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    """The hook with the usual pattern."""
    return Hook(tmp_path)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each shell that there is."""
    return str(request.param)


ORDINARY = [
    BRANCH,
    b"",
    f"{A} {B} refs/tags/v1.0\n".encode(),
    f"{A} {B} refs/heads/refs/tags/publish/1.0\n".encode(),
    f"{A} {B} refs/notes/refs/tags/publish/1.0\n".encode(),
    f"{A} {B} refs/tags/xpublish/1.0\n".encode(),
    f"{A} {B} refs/heads/\xff\xfe\n".encode("latin-1"),
    b"\xff\n",
]


@pytest.mark.parametrize("stdin", ORDINARY, ids=repr)
def test_an_ordinary_push_starts_and_prints_nothing(hook: Hook, shell: str, stdin: bytes) -> None:
    done = hook.run(stdin, shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert hook.received is None


PUBLISHING = [
    PUBLISH,
    f"{'0' * 40} {B} refs/tags/publish/$(touch pwned);`x`\n".encode(),
    f"{A} {'0' * 40} refs/tags/publish/a/1.0\n".encode(),
    f"{'a' * 64} {'b' * 64} refs/tags/publish/1.0\n".encode(),
    f"{A} {B} refs/tags/publish/caf\xe9\\n%s\n".encode("latin-1"),
    f"{A} {B} refs/tags/publish/\u202e\n".encode(),
    f"{A} {B} refs/tags/publish/-n\n".encode(),
]


@pytest.mark.parametrize("stdin", PUBLISHING, ids=repr)
def test_a_publish_tag_is_handed_over_byte_by_byte(hook: Hook, shell: str, stdin: bytes) -> None:
    done = hook.run(BRANCH + stdin + BRANCH, shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"recorded\n", b"")
    assert hook.received == stdin
    arguments = ["-I", "-S", hand_over.__file__, str(hook.state), str(hook.config)]
    assert (hook.folder / "arguments").read_text().splitlines() == arguments
    assert not list(hook.repository.glob("pwned"))


def test_a_service_gets_its_socket_and_account(tmp_path: Path, shell: str) -> None:
    hook = Hook(tmp_path)
    worker = Worker(service="the-service", socket="/run/it's a/w.sock")
    config = Config(state=str(hook.state), worker=worker)
    install_hook(hook.repository, hook_text(hook.python, hook.config, config))
    assert hook.run(PUBLISH, shell).stdout == b"recorded\n"
    arguments = (hook.folder / "arguments").read_text().splitlines()
    assert arguments[3:] == [str(hook.state), str(hook.config), worker.socket, worker.service]


@pytest.mark.parametrize("chained", [False, True])
def test_many_refs_in_one_push(hook: Hook, shell: str, chained: bool) -> None:
    if chained:
        hook.chain("cat >all")
    lines = [f"{A} {B} refs/heads/{number:05}\n".encode() for number in range(20_000)]
    tags = [f"{A} {B} refs/tags/publish/{number}\n".encode() for number in range(500)]
    lines[10_000:10_000] = tags
    done = hook.run(b"".join(lines), shell)
    assert (done.returncode, done.stderr) == (0, b"")
    assert hook.received == b"".join(tags)
    if chained:
        assert (hook.repository / "all").read_bytes() == b"".join(lines)


@pytest.mark.parametrize(
    ("patterns", "ref", "started"),
    [
        (["v{version}"], "refs/tags/v1.0", True),
        (["v{version}"], "refs/tags/publish/1.0", False),
        (["v{version}"], "refs/tags/rev1", False),
        (["{module}@v{version}"], "refs/tags/add-noise@v1.0", True),
        (["{module}@v{version}"], "refs/tags/add-noise-v1.0", False),
        (["v{version}", "{module}@v{version}"], "refs/tags/add-noise@v1.0", True),
        (["v{version}", "{module}@v{version}"], "refs/tags/v1.0", True),
        (["v{version}", "{module}@v{version}"], "refs/heads/v1.0", False),
        (["{version}"], "refs/tags/1.0", True),
        (["{version}"], "refs/heads/1.0", False),
        (["r.1/{version}"], "refs/tags/r.1/1.0", True),
        (["r.1/{version}"], "refs/tags/r-1/1.0", False),
        (["it's-{version}"], "refs/tags/it's-1.0", True),
        (["$x-{version}"], "refs/tags/$x-1.0", True),
        (["{version}-final"], "refs/tags/1.0-final", True),
        (["{version}-final"], "refs/tags/1.0", False),
    ],
)
def test_patterns_of_tags(tmp_path: Path, patterns: list[str], ref: str, started: bool) -> None:
    hook = Hook(tmp_path, *patterns)
    done = hook.run(f"{A} {B} {ref}\n".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert (hook.received is not None) == started


@pytest.mark.parametrize("git_dir", [".", None, "absolute"])
def test_a_parked_tag_makes_branches_count(hook: Hook, shell: str, git_dir: str | None) -> None:
    (hook.repository / MARK).touch()
    environment = {"GIT_DIR": str(hook.repository)} if git_dir == "absolute" else {}
    hook.run(BRANCH + f"{A} {B} refs/tags/other\n".encode(), shell, **environment)
    assert hook.received == BRANCH
    (hook.repository / MARK).unlink()
    (hook.folder / "stdin").unlink()
    hook.run(BRANCH, shell)
    assert hook.received is None


def test_a_chained_hook_goes_first_and_gets_everything(hook: Hook, shell: str) -> None:
    hook.chain('cat >all; echo "before $GIT_DIR $X"; exit 3')
    done = hook.run(BRANCH + PUBLISH, shell, X="kept")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"before . kept\nrecorded\n", b"")
    assert (hook.repository / "all").read_bytes() == BRANCH + PUBLISH
    assert hook.received == PUBLISH


@pytest.mark.parametrize("ignored", [False, True], ids=["SIGPIPE", "SIGPIPE ignored"])
def test_a_chained_hook_need_not_read(hook: Hook, shell: str, ignored: bool) -> None:
    hook.chain("exec <&-; echo done")
    words = ["busybox", "sh"] if shell == "busybox" else [shell]
    trap = "trap '' PIPE; " if ignored else ""
    script = f'{trap}exec {" ".join(words)} "hooks/{HOOK}"'
    done = subprocess.run(
        ["bash", "-c", script], cwd=hook.repository, env={"PATH": "/usr/bin:/bin"},
        input=BRANCH * 20_000 + PUBLISH, capture_output=True, timeout=30, check=False,
        restore_signals=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\nrecorded\n", b"")
    assert hook.received == PUBLISH


def test_a_chained_hook_that_is_switched_off_stays_off(hook: Hook, shell: str) -> None:
    kept = hook.chain("echo never")
    kept.chmod(0o644)
    assert hook.run(PUBLISH, shell).stdout == b"recorded\n"
    kept.unlink()
    kept.symlink_to("nowhere")
    assert hook.run(PUBLISH, shell).stdout == b"recorded\n"
    kept.unlink()
    kept.mkdir()
    assert hook.run(PUBLISH, shell).stdout == b"recorded\n"


def _gone(hook: Hook) -> None:
    hook.python.unlink()


def _not_executable(hook: Hook) -> None:
    hook.python.chmod(0o644)


def _bad_interpreter(hook: Hook) -> None:
    hook.python.write_text("#!/nowhere/python\n")


def _broken(hook: Hook) -> None:
    hook.python.write_text("#!/bin/sh\nexit 1\n")


@pytest.mark.parametrize("spoil", [_gone, _not_executable, _bad_interpreter, _broken])
def test_an_interpreter_that_does_not_run_is_said(hook: Hook, shell: str, spoil: object) -> None:
    assert callable(spoil)
    spoil(hook)
    done = hook.run(PUBLISH, shell)
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, len(lines)) == (0, 3)
    assert lines[0].startswith("error: mlreef-hooks ")
    assert lines[1].startswith("hint: the push is stored")
    assert max(map(len, lines)) <= 72
    assert hook.run(BRANCH, shell).stdout == b""


@pytest.mark.parametrize("chained", [False, True])
def test_a_push_of_the_branch_of_an_edge_is_handed_over(
    hook: Hook, shell: str, chained: bool
) -> None:
    if chained:
        hook.chain("cat >all")
    set_edge_mark(hook.repository, "main.x*[1]")
    others = ["heads/main", "heads/mainyx", "heads/main.x*[1]/y", "x/heads/main.x*[1]", "tags/v1"]
    ordinary = "".join(f"{A} {B} refs/{ref}\n" for ref in others).encode()
    assert hook.run(ordinary, shell).stdout == b""
    assert hook.received is None
    branch = f"{A} {B} refs/heads/main.x*[1]\n".encode()
    assert hook.run(ordinary + branch + PUBLISH, shell).stdout == b"recorded\n"
    assert hook.received == branch + PUBLISH
    set_edge_mark(hook.repository, None)
    (hook.folder / "stdin").unlink()
    assert hook.run(branch, shell).stdout == b""
    assert hook.received is None


@pytest.mark.parametrize("content", [b"", b"\n", b"refs/heads/x\nrefs/heads/master\n", b"\xff"])
def test_a_broken_mark_of_an_edge_is_none(hook: Hook, shell: str, content: bytes) -> None:
    (hook.repository / EDGE_MARK).write_bytes(content)
    done = hook.run(BRANCH, shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert hook.run(PUBLISH, shell).stdout == b"recorded\n"


def test_a_missing_grep_is_said(hook: Hook, tmp_path: Path) -> None:
    done = hook.run(PUBLISH, "/bin/sh", PATH=str(tmp_path))
    assert done.returncode == 0
    assert b"error: mlreef-hooks cannot look for publish tags" in done.stdout


def test_a_real_push_shows_what_the_hook_says(hook: Hook, tmp_path: Path) -> None:
    author = Author(tmp_path / "clone", hook.repository)
    commit = author.commit({"x": "1"})
    assert remote_lines(author.push("master")) == []
    author.tag("publish/1.0")
    assert remote_lines(author.push("publish/1.0")) == ["recorded"]
    assert hook.received == f"{'0' * 40} {commit} refs/tags/publish/1.0\n".encode()


def test_a_push_into_a_working_tree(tmp_path: Path) -> None:
    working = Author(tmp_path / "working", "nowhere")
    working.commit({"x": "1"})
    git_dir = working.folder / ".git"
    python = tmp_path / "python"
    python.write_text(RECORDER)
    python.chmod(0o755)
    install_hook(git_dir, hook_text(python, tmp_path / "config.toml", Config()))
    author = Author(tmp_path / "clone", working.folder)
    author.git("pull", "--quiet", "origin", "master")
    author.tag("publish/1.0")
    assert remote_lines(author.push("publish/1.0")) == ["recorded"]
    (git_dir / MARK).touch()
    (tmp_path / "stdin").unlink()
    author.push("master:other")
    assert b"refs/heads/other" in (tmp_path / "stdin").read_bytes()

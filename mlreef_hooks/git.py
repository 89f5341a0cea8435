"""Running git: the only file that does, with an environment that holds no passwords."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path

from mlreef_hooks.account import Account
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_objects import CHECK

_KEPT_VARIABLES = (
    "PATH", "HOME", "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
)  # fmt: skip
# Where git keeps the objects of a push until its pre-receive hooks have let it in, see "Quarantine
# Environment" in git-receive-pack(1); the second is the quarantine itself, absolute.
_QUARANTINE = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
_in_gate = ContextVar("in_gate", default=False)

# What is checked or published may be anybody's: its settings must not make git run anything.
_RUNS_NOTHING = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.alternateRefsCommand=true",
)  # fmt: skip
# A folder that only looks like a bare repository can be in any clone.
_HARMLESS = ("-c", "safe.bareRepository=explicit", *_RUNS_NOTHING)
_REMEDIES = {
    b"safe.bareRepository": (
        "it is a bare repository, or looks like one; name one that you trust by --git-dir"
    ),
    b"not a git repository": "name a git repository",
}
_REMEDY = "see that git status works there"


def git_environment() -> dict[str, str]:
    """The few variables that a git process gets; a hook's own may hold passwords."""
    names = (*_KEPT_VARIABLES, *(_QUARANTINE if quarantine() else ()))
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **kept,
        "LC_ALL": "C",
        # Objects that a repository lacks are not fetched. Older git knows the second alone, and it
        # counts more than what a repository allows.
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def quarantine() -> Path | None:
    """The folder of the objects of the push that a pre-receive hook is asked about; None elsewhere,
    whatever the environment says.

    What is not there is in the repository and its alternates.
    """
    said = [os.environ.get(name, "") for name in _QUARANTINE[:2]]
    return Path(said[1]) if _in_gate.get() and all(said) else None


def look_into_quarantine() -> None:
    """From now on this process looks at a push that is not in yet (git-receive-pack(1))."""
    _in_gate.set(True)


def run_git(
    *words: str, stdin: bytes = b"", account: Account | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """What git did, whatever its exit status; PublishError where there is no git.

    Root may let it run as another account, which then sees settings of its own.
    """
    environment, other = git_environment(), account.for_process() if account else {}
    if account and other:
        environment |= {"HOME": account.home}
    try:
        return subprocess.run(
            ["git", *words], env=environment, input=stdin, capture_output=True, check=False, **other
        )
    except FileNotFoundError:
        raise _not_installed() from None


def run_own(folder: Path, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """What git did in a clone of the user's own, as they would run it themselves: with their
    settings, keys and network.
    """
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            env=_own_environment(), input=stdin, capture_output=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise _not_installed() from None


def push_own(folder: Path, words: Sequence[str], show: Callable[[bytes], None]) -> int:
    """The exit status of a push of the user's own; `show` gets each line of it as it comes."""
    command = ["-C", str(folder), *words]
    with _start(
        command, _own_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout or ():
            show(line)
    return process.returncode


def _own_environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def git_version() -> tuple[int, ...]:
    """git's version as numbers, such as (2, 39, 5); PublishError where there is none."""
    found = re.search(rb"[0-9]+(\.[0-9]+)*", run_git("version").stdout)
    return tuple(map(int, found[0].split(b"."))) if found else ()


def in_folder(folder: Path) -> tuple[str, ...]:
    """The words with which git works in a folder of a working tree, whoever wrote its settings."""
    return ("-C", str(folder), *_HARMLESS)


def in_repository(git_dir: Path) -> tuple[str, ...]:
    """The words with which git works in a repository that is named, whoever owns it and whoever
    wrote its settings.
    """
    return (f"--git-dir={git_dir}", *_RUNS_NOTHING)


def ask_git(
    git_dir: Path, *words: str, stdin: bytes = b"", good: Sequence[int] = (0,)
) -> "subprocess.CompletedProcess[bytes]":
    """What git did in a repository; PublishError where its exit status is not one of `good`."""
    done = run_git(*in_repository(git_dir), *words, stdin=stdin)
    if done.returncode not in good:
        raise PublishError(f"git {words[0]} failed{_reason(git_dir, done.stderr)}", CHECK)
    return done


def start_in_folder(
    folder: Path, *words: str, variables: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """A git that looks into a folder of a working tree, and writes its answer to its stdout;
    `variables` are added to its environment.
    """
    environment = {**git_environment(), **variables}
    return _start([*in_folder(folder), *words], environment, stdin=subprocess.DEVNULL)


def start_git(git_dir: Path, *words: str) -> "subprocess.Popen[bytes]":
    """A git that stays and answers on its stdout what is asked on its stdin."""
    return _start([*in_repository(git_dir), *words], git_environment(), stdin=subprocess.PIPE)


def _start(
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: int,
    stderr: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            ["git", *words],
            env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
    except FileNotFoundError:
        raise _not_installed() from None


def _not_installed() -> PublishError:
    return PublishError("git is not installed", "install the package git")


def first_line(said: bytes) -> str:
    """The first line of what git said."""
    return said.decode(errors="replace").strip().partition("\n")[0]


def unreadable(path: Path, said: bytes) -> PublishError:
    """The error of a repository that git does not read, with the remedy that git names for it."""
    commands = [line.strip() for line in said.splitlines() if line.startswith(b"\tgit config ")]
    if commands:
        hint = f"if you trust its owner: {commands[0].decode(errors='replace')}"
    else:
        hint = next((hint for words, hint in _REMEDIES.items() if words in said), _REMEDY)
    reason = f": {first_line(said)}" if commands else _reason(path, said)
    return PublishError(f"{path} cannot be read by git{reason}", hint)


def _reason(path: Path, said: bytes) -> str:
    shown = shown_to_owner(path, said)
    return f": {shown}" if shown else ""


def shown_to_owner(path: Path, said: bytes) -> str:
    """The first line of what git said of a repository; empty where it is another account's.

    git quotes files that it does not understand. In another account's repository they may be links
    to files that only this process may read: then nothing is shown.
    """
    try:
        own = path.stat().st_uid == os.geteuid()
    except OSError:
        own = True  # there is nothing
    return first_line(said) if own else ""

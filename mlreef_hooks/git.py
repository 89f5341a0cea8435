"""Running git: the only file that does, with an environment that holds no passwords."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence, Set
from contextvars import ContextVar
from dataclasses import dataclass
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
_DOCTOR = "the administrator runs mlreef-hooks doctor"
_REMEDY = "see that git status works there"
_COMMITTED = ("rev-parse", "--absolute-git-dir", "--verify", "HEAD:./")
_CHANGED = (
    "diff-index", "-z", "--name-status", "--no-renames", "--relative",
    "--no-ext-diff", "--no-textconv",
    # A submodule is its commit, whatever happens in its folder.
    "--ignore-submodules=dirty", "HEAD", "--", ".",
)  # fmt: skip
_UNTRACKED = ("ls-files", "-z", "--others", "--exclude-standard")
# Who signed a tag is told by ssh-keygen and the site's file: the repository's settings choose
# neither, and no other program either, whatever form of signature is in the tag.
_VERIFIED = (
    "-c", "gpg.ssh.program=ssh-keygen",
    "-c", "gpg.ssh.revocationFile=/dev/null",
    "-c", "gpg.openpgp.program=false",
    "-c", "gpg.x509.program=false",
    "-c", "gpg.minTrustLevel=fully",
)  # fmt: skip
_UNSIGNED: Mapping[bytes, str] = {
    b"no signature found": "it has no signature",
    b"No principal matched": "the key is none that the site allows",
}
_SAID = 200  # characters of what git says of a signature
_FILTERS = ("config", "-z", "--show-scope", "--name-only", "--get-regexp", r"^filter\.")


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is not in a folder as it was committed, by paths relative to it.

    `tree` is the folder's tree id in the last commit. Files that are `present` were changed or are
    not committed, those that are `gone` were.
    """

    git_dir: Path
    tree: str
    present: Set[str]
    gone: Set[str]


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
    """What git said of a repository, to be shown to its owner.

    git quotes files that it does not understand. In another account's repository they may be links
    to files that only this process may read: then nothing is shown.
    """
    try:
        own = path.stat().st_uid == os.geteuid()
    except OSError:
        own = True  # there is nothing
    return f": {first_line(said)}" if own else ""


def list_working_tree(folder: Path) -> list[str] | None:
    """The files below `folder` that git tracks or would add, relative to it.

    None where the folder is in no repository (or git ignores it as a whole); PublishError where it
    is in one that git does not read.
    """
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    done = run_git(*in_folder(folder), *words)
    if done.returncode and not done.stderr.startswith(b"fatal: not a git repository"):
        raise unreadable(folder, done.stderr)
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path] or None


def ask_changes(folder: Path) -> Callable[[], Changes | None]:
    """A function that answers once: what changed since the last commit, None where none has the
    folder. git looks for it while this process does other things.

    git's index tells files that did not change by their times, as in `git status`; one that was
    touched, and perhaps not changed, counts as changed.
    """
    environment = {**git_environment(), **_no_filters(folder)}
    started = [
        _start([*in_folder(folder), *words], environment, stdin=subprocess.DEVNULL)
        for words in (_COMMITTED, _CHANGED, _UNTRACKED)
    ]

    def answer() -> Changes | None:
        said = [process.communicate()[0] for process in started]
        return None if any(process.returncode for process in started) else _changes(*said)

    return answer


def _no_filters(folder: Path) -> dict[str, str]:
    """The variables that take the commands from the filters in a repository's own settings.

    git would filter a file to see whether it changed; without its filter it may count as changed.
    """
    said = os.fsdecode(run_git(*in_folder(folder), *_FILTERS).stdout).split("\0")
    own = ("local", "worktree")  # those of the account and the machine are the user's
    names = {name for scope, name in zip(said[::2], said[1::2], strict=False) if scope in own}
    variables = {"GIT_CONFIG_COUNT": str(len(names))}
    for number, name in enumerate(sorted(names)):
        variables[f"GIT_CONFIG_KEY_{number}"] = name
        variables[f"GIT_CONFIG_VALUE_{number}"] = ""
    return variables


def _changes(committed: bytes, changed: bytes, untracked: bytes) -> Changes:
    git_dir, tree = os.fsdecode(committed).rstrip("\n").rsplit("\n", 1)
    words = [os.fsdecode(word) for word in changed.split(b"\0")]
    by_path = dict(zip(words[1::2], words[0::2], strict=False))
    present = {path for path, status in by_path.items() if status != "D"}
    # git lists a repository inside the folder, which would become a submodule, as `inner/`.
    present |= {os.fsdecode(path).rstrip("/") for path in untracked.split(b"\0") if path}
    gone = by_path.keys() - present
    return Changes(git_dir=Path(git_dir), tree=tree, present=present, gone=gone)


def origin_of(folder: Path) -> str | None:
    """The URL that a working tree was cloned from, None where it was not."""
    return _setting([*in_folder(folder), "config", "--get", "remote.origin.url"])


def signature_fault(git_dir: Path, tag: str, signers: Path) -> str | None:
    """Why the tag object of this id is not signed by one of `signers`, None where it is.

    PublishError that may pass where this machine cannot tell.
    """
    if not os.access(signers, os.R_OK):
        message = "the file of those who may sign publish tags cannot be read"
        raise PublishError(message, _DOCTOR, passing=True)
    allowed = f"gpg.ssh.allowedSignersFile={signers}"
    words = (*_VERIFIED, "-c", allowed, "verify-tag", "--raw", tag)
    done = run_git(*in_repository(git_dir), *words)
    if done.returncode == 0:
        return None
    if b"cannot run ssh-keygen" in done.stderr:
        message = "ssh-keygen is not installed, so that signatures cannot be checked"
        raise PublishError(message, _DOCTOR, passing=True)
    known = next((_UNSIGNED[words] for words in _UNSIGNED if words in done.stderr), "")
    said = _reason(git_dir, done.stderr.strip().rpartition(b"\n")[2]).removeprefix(": ")[:_SAID]
    return known or said or "its signature is none by an SSH key"


def _setting(words: Sequence[str]) -> str | None:
    return os.fsdecode(run_git(*words).stdout).strip() or None

"""What `doctor` says: the table of all faults, and one thing that was looked at."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlreef_hooks.account import Account
from mlreef_hooks.config import Config

_AGAIN = "run mlreef-hooks install --repo {about} again"  # of faults about a repository
_OWNER = "give it to the repositories' owner: chown -R"
_CONFIGURATION = "correct it in the configuration"
_BACKUP = "restore it from a backup"
_REINDEX = "run mlreef-hooks reindex, which makes it again"

# Every fault by its id: whether it is an error or a warning, and what to do. docs/admin.md has the
# same ids with their symptoms.
FAULTS: Mapping[str, tuple[str, str]] = {
    # the doctor itself
    "check-failed": ("error", "run doctor as root, or as the account of the hook"),
    "check-late": (
        "error",
        "find out what hangs: a disk of the network, a name server",
    ),
    "doctor-account": ("warning", "run doctor as root, or as that account"),
    "repositories-none": ("warning", "name them with --repo or --all, or set [server] root"),
    # configuration
    "clock-wrong": ("error", "set the clock, and keep it by NTP"),
    "config-open": ("warning", "put the passwords into pip.netrc, or close the file: chmod o="),
    "file-closed": ("error", "let the account read it, by its group and mode"),
    "file-missing": ("error", _CONFIGURATION),
    "git-old": ("error", "install git 2.31 or newer"),
    "key-unusable": (
        "error",
        "make one without a passphrase, for the account that publishes alone: ssh-keygen",
    ),
    "secret-open": ("warning", "close it to all others: chmod o="),
    "service-away": ("error", "see systemctl status mlreef-hooks, and who is in the group"),
    "service-blind": ("error", "let its group read it, and set core.sharedRepository to 0640"),
    "server-kind": ("warning", "correct kind below [server] in the configuration"),
    # the hook
    "config-hook": (
        "error",
        "update git to 2.54, or run mlreef-hooks install --repo {about} without --config-hook",
    ),
    "hook-closed": ("error", _AGAIN),
    "hook-config": ("error", _AGAIN),
    "hook-dangling": ("error", _AGAIN),
    "hook-interpreter": ("error", _AGAIN),
    "hook-line-ends": ("error", _AGAIN),
    "hook-missing": ("error", _AGAIN),
    "hook-no-exec": ("error", "mount it without noexec: git runs no hook there"),
    "hook-outdated": ("error", _AGAIN),
    "hook-place": ("error", _AGAIN),
    "hook-program": ("error", _AGAIN),
    "hook-replaced": ("error", f"{_AGAIN}, after each time that the server writes its own there"),
    "hook-runner": ("error", "let the server write its own hooks again"),
    "hook-twice": ("warning", "take one of the two away"),
    "hooks-path": ("error", "unset core.hooksPath there"),
    # the repository
    "alternate-missing": (
        "error",
        "bring the folder back, or take its line out of objects/info/alternates",
    ),
    "branch-missing": ("warning", "push that branch, or set mlreef.mainBranch in the repository"),
    "git-lock": ("warning", "remove it, if no git process is at work in the repository"),
    "edge-mark": ("error", _AGAIN),
    "mark-missing": ("error", "let the mark be made as the account: touch mlreef-parked in it"),
    "mark-without-jobs": ("warning", "nothing: the next push of a branch takes it away"),
    "name-unknown": ("error", "correct root and kind below [server] in the configuration"),
    "push-options-off": ("warning", _AGAIN),
    "refs-replaced": ("warning", "none of it is published: publish what the commits really hold"),
    "repository-owner": ("error", "give all repositories and the state to one account"),
    "repository-unreadable": ("error", "see that git works there, as the account of the hook"),
    "visibility-unknown": ("warning", "set mlreef.visibility to public, internal or private"),
    "tags-unseen": ("warning", "run mlreef-hooks sweep"),
    "updates-kept": ("warning", "nothing: the next push to the repository does what they ask for"),
    # folders
    "disk-full": ("error", "make room"),
    "disk-low": ("warning", "make room"),
    "folder-closed": ("error", _OWNER),
    "folder-missing": (
        "warning",
        "the first publish makes it, if it may; so does mlreef-hooks install --repo PATH",
    ),
    "folder-network": ("error", "use a disk of this machine: tables and locks are not safe there"),
    "folder-no-locks": ("error", "use a file system that has flock and fsync"),
    "folder-read-only": ("error", "mount it for writing, or write another folder"),
    "images-open": ("error", "close it to all others: chmod o="),
    "inodes-low": ("warning", "remove small files, or use a file system with more inodes"),
    "left-over": ("warning", "remove it, if no publish is at work"),
    "lock-held": ("warning", "look at the process; end it if it hangs"),
    # jobs
    "jobs-failed": ("warning", "read the log; mlreef-hooks retry runs a job again"),
    "jobs-unreadable": ("error", f"{_BACKUP}, or move it away and run mlreef-hooks sweep"),
    "jobs-waiting": ("warning", "run mlreef-hooks retry --all as the account of the hook"),
    "process-old": ("warning", "nothing: it ends at the next push, or kill it"),
    # images
    "base-missing": ("warning", "the first publish fetches it; or make one with mlreef-hooks base"),
    "bytecode-missing": ("warning", "install it, or live with modules that start slower"),
    "engine-away": (
        "error",
        "start it, correct [builder.docker] url, or let the hook's account reach it",
    ),
    "engine-closed": ("error", "see the page for administrators on who may reach the engine"),
    "engine-old": ("error", "install Docker 20.10 or newer"),
    "engine-open": ("warning", "use a socket, ssh or TLS, or see that nobody else can reach it"),
    "engine-root": ("warning", "take it out of the group, or use a rootless engine"),
    "engine-store": (
        "error",
        'set "features": {"containerd-snapshotter": false} in its daemon.json',
    ),
    "packages-away": ("error", "correct [pip] in the configuration, or see to the network"),
    "registry-away": ("error", "correct [registry] in the configuration, or see to the network"),
    "registry-open": ("warning", "let it want a password there, or set registry.private_prefix"),
    "visibility-untold": ("warning", "correct [visibility] in the configuration"),
    # the index
    "index-damaged": ("error", _REINDEX),
    "index-lost": ("error", _REINDEX),
    "index-open": ("error", "close it to all others: chmod -R o="),
    "index-unfinished": ("warning", "nothing: the next publish completes it"),
    "index-unlisted": ("error", "publish a version of the module, which lists it again"),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. `id` is that of a fault, empty where all is well; `state` is `ok`,
    `warning` or `error`; `hint` says what to do.
    """

    id: str
    about: str
    state: str
    message: str
    hint: str

    def __str__(self) -> str:
        rest = f": {self.hint} [{self.id}]" if self.id else ""
        return f"{self.state}: {self.about}: {self.message}{rest}"

    def but(self, *, state: str = "", hint: str = "") -> "Finding":
        """The same, where it weighs less or something better can be done."""
        return replace(self, state=state or self.state, hint=hint or self.hint)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What is looked at: a site's configuration and repositories, as the account that runs the
    hook. `now` is in seconds since 1970.
    """

    config: Config
    config_file: Path
    git_dirs: Sequence[Path]
    account: Account
    now: float


Check = Callable[[Visit], Iterable[Finding]]


def fault(name: str, about: object, message: str) -> Finding:
    """A fault of the table; its command is whole, and can be copied."""
    state, hint = FAULTS[name]
    hint = hint.replace("{about}", shlex.quote(str(about)))
    return Finding(id=name, about=str(about), state=state, message=message, hint=hint)


def fine(about: object, message: str) -> Finding:
    """Something that is as it should be."""
    return Finding(id="", about=str(about), state="ok", message=message, hint="")

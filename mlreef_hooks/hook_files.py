"""The hook in a repository: put there, kept beside what was there before, and taken away again."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.durable_files import make_folder, replace_file
from mlreef_hooks.edge_mark import MARK as EDGE_MARK
from mlreef_hooks.errors import PublishError
from mlreef_hooks.waiting_room import MARK

HOOK = "post-receive"
CHAINED = "post-receive.before-mlreef"
_PACKAGE = Path(__file__).parent
PROGRAM = _PACKAGE / "cli" / "hand_over.py"  # what the hook starts
_MARK = "# mlreef-hooks:"
_IDS = "^[0-9a-f]* [0-9a-f]* "  # what stands before the ref in a hook's input
_DEPTH = 6  # folders below the one that is searched for repositories


@dataclass(frozen=True, kw_only=True)
class HookState:
    """The hook of one repository: `ours`, `foreign` or `none`, and whether one is chained."""

    git_dir: Path
    kind: str
    chained: bool
    text: str


def hook_text(python: Path, config_file: Path, config: Config) -> str:
    """The hook with its interpreter, program, configuration and tag patterns filled in."""
    wanted = (f"{_IDS}{pattern.grep_expression()}" for pattern in config.publish.patterns)
    values = {
        "python=": str(python),
        "program=": str(PROGRAM),
        "config=": str(config_file),
        "state=": config.state,
        "account=": config.worker.service,
        "socket=": config.worker.socket if config.worker.service else "",
        "wanted=": "\n".join(dict.fromkeys(wanted)),
    }
    template = (_PACKAGE / "hooks" / HOOK).read_text(encoding="utf-8")
    lines = template.splitlines(keepends=True)
    for place, line in enumerate(lines):
        for key, value in values.items():
            if line.startswith(f"{key}'"):
                lines[place] = f"{key}{shlex.quote(value)}\n"
    return "".join(lines)


def find_repositories(root: Path) -> Iterator[Path]:
    """The git directories at and below `root`, bare or not, without following links."""
    for folder, folders, _ in os.walk(root):
        path = Path(folder)
        folders.sort()
        if is_repository(path):
            folders.clear()
            yield path
        elif len(path.relative_to(root).parts) >= _DEPTH:
            folders.clear()


def is_repository(path: Path) -> bool:
    """True where git would take the folder for a git directory (gitrepository-layout(5))."""
    # Not Path.is_file, which raises PermissionError for a folder that may not be entered.
    has_head = os.path.isfile(path / "HEAD")
    return has_head and os.path.isdir(path / "objects") and os.path.isdir(path / "refs")


def git_dir_of(path: Path) -> Path:
    """The git directory that is, or is in, `path`, or that a `.git` file there leads to.

    PublishError where there is none.
    """
    for candidate in (path, path / ".git", *_named_by(path / ".git")):
        if is_repository(candidate):
            return candidate.resolve()
    raise PublishError(f"{path} is not a git repository", "name a bare repository's folder")


def _named_by(file: Path) -> Iterator[Path]:
    """Where a `.git` file leads (gitrepository-layout(5)); of a linked working tree also the git
    directory that it shares, in which the hooks are.
    """
    with suppress(OSError):
        said = file.read_bytes() if file.is_file() else b""
        if said.startswith(b"gitdir: "):
            git_dir = file.parent / os.fsdecode(said[8:].rstrip(b"\r\n"))
            yield git_dir
            yield git_dir / os.fsdecode((git_dir / "commondir").read_bytes().rstrip(b"\n"))


def read_hook(git_dir: Path) -> HookState:
    """What stands in the place of our hook."""
    path = git_dir / "hooks" / HOOK
    text, kind = "", "none"
    if os.path.lexists(path):
        text = path.read_bytes().decode(errors="surrogateescape") if path.is_file() else ""
        kind = "ours" if _MARK in text else "foreign"
    chained = os.path.lexists(git_dir / "hooks" / CHAINED)
    return HookState(git_dir=git_dir, kind=kind, chained=chained, text=text)


def install_hook(git_dir: Path, text: str, *, dry_run: bool = False) -> str:
    """Put the hook into a repository and say what was done; a foreign hook is kept and chained."""
    with _changing(git_dir) as hooks:
        state = read_hook(git_dir)
        if state.text == text and os.access(hooks / HOOK, os.X_OK):
            return "unchanged"
        if state.kind == "foreign" and state.chained:
            raise PublishError(
                f"{hooks} holds a {HOOK} that is not ours and a {CHAINED}",
                f"merge the two into {CHAINED} and remove {HOOK}, then install again",
            )
        if not dry_run:
            _put(hooks, text, foreign=state.kind == "foreign")
    words = {"ours": "updated", "foreign": "installed, the hook that was there is chained"}
    return words.get(state.kind, "installed")


def _put(hooks: Path, text: str, *, foreign: bool) -> None:
    make_folder(hooks, 0o755)
    if foreign:
        (hooks / HOOK).rename(hooks / CHAINED)
    try:
        replace_file(hooks / HOOK, text.encode(errors="surrogateescape"), 0o755)
    except OSError:
        if foreign:
            (hooks / CHAINED).rename(hooks / HOOK)
        raise


def uninstall_hook(git_dir: Path, *, dry_run: bool = False) -> str:
    """Take the hook away and put back what was there before."""
    with _changing(git_dir) as hooks:
        state = read_hook(git_dir)
        if state.kind != "ours":
            return "not installed"
        if not dry_run:
            if state.chained:
                (hooks / CHAINED).replace(hooks / HOOK)
            else:
                (hooks / HOOK).unlink()
            for name in (MARK, f"{MARK}.lock", EDGE_MARK):
                (git_dir / name).unlink(missing_ok=True)
    return "removed, the hook that was there before is back" if state.chained else "removed"


@contextmanager
def _changing(git_dir: Path) -> Iterator[Path]:
    """The folder of hooks; what the system refuses is a PublishError."""
    try:
        yield git_dir / "hooks"
    except OSError as error:
        raise PublishError(
            f"the hooks of {git_dir} cannot be changed: {error.strerror}",
            "run it as the account that owns the repository, or as root",
        ) from error

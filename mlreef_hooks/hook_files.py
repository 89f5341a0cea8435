"""The hooks in a repository: put there, kept beside what was there before, and taken away again."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.durable_files import make_folder, replace_file
from mlreef_hooks.edge_mark import MARK as EDGE_MARK
from mlreef_hooks.errors import PublishError
from mlreef_hooks.waiting_room import MARK

HOOK = "post-receive"
GATE = "pre-receive"
CHAINED = "post-receive.before-mlreef"
_PACKAGE = Path(__file__).parent
PROGRAM = _PACKAGE / "cli" / "hand_over.py"  # what the hook starts
_MARK = "# mlreef-hooks:"
# What stands before the ref in a hook's input; the gate lets every deletion in.
_IDS = {HOOK: "^[0-9a-f]* [0-9a-f]* ", GATE: "^[0-9a-f]* 0*[1-9a-f][0-9a-f]* "}
_DEPTH = 6  # folders below the one that is searched for repositories


@dataclass(frozen=True, kw_only=True)
class HookState:
    """A hook of one repository: `ours`, `foreign` or `none`, and whether one is chained."""

    git_dir: Path
    kind: str
    chained: bool
    text: str
    name: str = HOOK

    @property
    def path(self) -> Path:
        """Where the hook is, or would be."""
        return place_of(self.git_dir, self.name)


def place_of(git_dir: Path, name: str) -> Path:
    """Where a repository has the hook of this name."""
    return git_dir / "hooks" / name


def _chained(place: Path) -> Path:
    """Where the hook is kept that stood in the place before ours."""
    return place.with_name(f"{place.name}.before-mlreef")


def hook_text(python: Path, config_file: Path, config: Config, *, name: str = HOOK) -> str:
    """A hook with its interpreter, program, configuration and tag patterns filled in."""
    wanted = (f"{_IDS[name]}{pattern.grep_expression()}" for pattern in config.publish.patterns)
    values = {
        "python=": str(python),
        "program=": str(PROGRAM),
        "config=": str(config_file),
        "state=": config.state,
        "account=": config.worker.service,
        "socket=": config.worker.socket if config.worker.service else "",
        "wanted=": "\n".join(dict.fromkeys(wanted)),
    }
    template = (_PACKAGE / "hooks" / name).read_text(encoding="utf-8")
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
    """The git directory that is, or is in, `path`; PublishError where there is none."""
    for candidate in (path, path / ".git"):
        if is_repository(candidate):
            return candidate.resolve()
    raise PublishError(f"{path} is not a git repository", "name a bare repository's folder")


def read_hook(git_dir: Path, name: str = HOOK) -> HookState:
    """What stands in the place of our hook."""
    path = place_of(git_dir, name)
    text, kind = "", "none"
    if os.path.lexists(path):
        text = path.read_bytes().decode(errors="surrogateescape") if path.is_file() else ""
        kind = "ours" if _MARK in text else "foreign"
    chained = os.path.lexists(_chained(path))
    return HookState(git_dir=git_dir, kind=kind, chained=chained, text=text, name=name)


def install_hook(git_dir: Path, text: str, *, name: str = HOOK, dry_run: bool = False) -> str:
    """Put a hook into a repository and say what was done; a foreign hook is kept and chained."""
    with _changing(git_dir):
        state = read_hook(git_dir, name)
        if state.text == text and os.access(state.path, os.X_OK):
            return "unchanged"
        if state.kind == "foreign" and state.chained:
            before = _chained(state.path).name
            raise PublishError(
                f"{state.path.parent} holds a {name} that is not ours and a {before}",
                f"merge the two into {before} and remove {name}, then install again",
            )
        if not dry_run:
            _put(state.path, text, foreign=state.kind == "foreign")
    words = {"ours": "updated", "foreign": "installed, the hook that was there is chained"}
    return words.get(state.kind, "installed")


def _put(place: Path, text: str, *, foreign: bool) -> None:
    make_folder(place.parent, 0o755)
    if foreign:
        place.rename(_chained(place))
    try:
        replace_file(place, text.encode(errors="surrogateescape"), 0o755)
    except OSError:
        if foreign:
            _chained(place).rename(place)
        raise


def uninstall_hook(git_dir: Path, *, name: str = HOOK, dry_run: bool = False) -> str:
    """Take a hook away and put back what was there before."""
    with _changing(git_dir):
        state = read_hook(git_dir, name)
        if state.kind != "ours":
            return "not installed"
        if not dry_run:
            if state.chained:
                _chained(state.path).replace(state.path)
            else:
                state.path.unlink()
            for mark in (MARK, f"{MARK}.lock", EDGE_MARK) if name == HOOK else ():
                (git_dir / mark).unlink(missing_ok=True)
    return "removed, the hook that was there before is back" if state.chained else "removed"


@contextmanager
def _changing(git_dir: Path) -> Iterator[None]:
    """What the system refuses is a PublishError."""
    try:
        yield
    except OSError as error:
        raise PublishError(
            f"the hooks of {git_dir} cannot be changed: {error.strerror}",
            "run it as the account that owns the repository, or as root",
        ) from error

"""The hook in a repository: put there, kept beside what was there before, and taken away again."""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import TagPattern

HOOK = "post-receive"
CHAINED = "post-receive.before-mlreef"
PARKED_MARK = "mlreef-parked"  # a file in the git directory, where the shell hook looks for it
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


def hook_text(python: Path, config: Path, patterns: Sequence[TagPattern]) -> str:
    """The hook with its interpreter, configuration and tag patterns filled in."""
    wanted = dict.fromkeys(f"{_IDS}{pattern.grep_expression()}" for pattern in patterns)
    values = {"python=": str(python), "config=": str(config), "wanted=": "\n".join(wanted)}
    template = resources.files("mlreef_hooks").joinpath("hooks", HOOK).read_text()
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
        if is_repository(path):
            folders.clear()
            yield path
        elif len(path.relative_to(root).parts) >= _DEPTH:
            folders.clear()


def is_repository(path: Path) -> bool:
    """True where git would take the folder for a git directory (gitrepository-layout(5))."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def git_dir_of(path: Path) -> Path:
    """The git directory that is, or is in, `path`; PublishError where there is none."""
    for candidate in (path, path / ".git"):
        if is_repository(candidate):
            return candidate.resolve()
    raise PublishError(f"{path} is not a git repository", "name a bare repository's folder")


def read_hook(git_dir: Path) -> HookState:
    """What stands in the place of our hook."""
    path = git_dir / "hooks" / HOOK
    text, kind = "", "none"
    if path.is_symlink() or path.exists():
        text = path.read_text(errors="replace") if path.is_file() else ""
        kind = "ours" if _MARK in text else "foreign"
    chained = (git_dir / "hooks" / CHAINED).exists()
    return HookState(git_dir=git_dir, kind=kind, chained=chained, text=text)


def install_hook(git_dir: Path, text: str, *, dry_run: bool = False) -> str:
    """Put the hook into a repository and say what was done; a foreign hook is kept and chained."""
    state = read_hook(git_dir)
    if state.text == text:
        return "unchanged"
    if state.kind == "foreign" and state.chained:
        raise PublishError(
            f"{git_dir}/hooks holds a {HOOK} that is not ours and a {CHAINED}",
            f"merge the two into {CHAINED} and remove {HOOK}, then install again",
        )
    if not dry_run:
        hooks = git_dir / "hooks"
        hooks.mkdir(exist_ok=True)
        if state.kind == "foreign":
            (hooks / HOOK).rename(hooks / CHAINED)
        _write(hooks / HOOK, text)
    words = {"ours": "updated", "foreign": "installed, the hook that was there is chained"}
    return words.get(state.kind, "installed")


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.chmod(0o755)
    beside.replace(path)


def uninstall_hook(git_dir: Path, *, dry_run: bool = False) -> str:
    """Take the hook away and put back what was there before."""
    state = read_hook(git_dir)
    if state.kind != "ours":
        return "not installed"
    hooks = git_dir / "hooks"
    if not dry_run:
        (hooks / HOOK).unlink()
        if state.chained:
            (hooks / CHAINED).rename(hooks / HOOK)
        (git_dir / PARKED_MARK).unlink(missing_ok=True)
    return "removed, the hook that was there before is back" if state.chained else "removed"

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
from mlreef_hooks.hook_place import HookPlace, in_repository
from mlreef_hooks.waiting_room import MARK

HOOK = "post-receive"
GATE = "pre-receive"
_CHAINED = ".before-mlreef"
_PACKAGE = Path(__file__).parent
PROGRAM = _PACKAGE / "cli" / "hand_over.py"  # what the hook starts
_MARK = "# mlreef-hooks:"
# What stands before the ref in a hook's input; the gate lets every deletion in.
_IDS = {HOOK: "^[0-9a-f]* [0-9a-f]* ", GATE: "^[0-9a-f]* 0*[1-9a-f][0-9a-f]* "}


@dataclass(frozen=True, kw_only=True)
class HookState:
    """A hook of one repository: `ours`, `foreign` or `none`, and whether one is chained.

    `hook` is the file, which may be a link.
    """

    git_dir: Path
    hook: Path
    kind: str
    chained: bool
    text: str


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


def read_hook(git_dir: Path, hook: Path | None = None) -> HookState:
    """What stands in the place of our hook, usually that of the repository's own."""
    path = hook or in_repository(HOOK, git_dir).path
    text, kind = "", "none"
    if os.path.lexists(path):
        text = path.read_bytes().decode(errors="surrogateescape") if path.is_file() else ""
        kind = "ours" if _is_ours(text) else "foreign"
    chained = os.path.lexists(chained_beside(path))
    return HookState(git_dir=git_dir, hook=path, kind=kind, chained=chained, text=text)


def _is_ours(text: str) -> bool:
    """True for a hook that begins by saying so; others may speak of ours, and are not ours."""
    return any(line.startswith(_MARK) for line in text.split("\n", 2)[:2])


def chained_beside(hook: Path) -> Path:
    """Where a hook is kept that stood in the place of ours."""
    return hook.with_name(hook.name + _CHAINED)


def install_hook(
    git_dir: Path, text: str, place: HookPlace | None = None, *, dry_run: bool = False
) -> str:
    """Put the hook into a repository and say what was done; a foreign hook is kept and chained."""
    place = place or in_repository(HOOK, git_dir)
    hook = place.path
    with changing(hook.parent):
        state = read_hook(git_dir, hook)
        if state.text == text and os.access(hook, os.X_OK):
            return "unchanged"
        if state.kind == "foreign" and (_keeps_another(hook) or not place.chains):
            raise _occupied(hook, place)
        if not dry_run:
            _put(hook, text, foreign=state.kind == "foreign")
    words = {"ours": "updated", "foreign": "installed, the hook that was there is chained"}
    return words.get(state.kind, "installed")


def _occupied(hook: Path, place: HookPlace) -> PublishError:
    if not place.chains:
        return PublishError(f"{hook} is not ours", "give it another name, then install again")
    kept = chained_beside(hook).name
    return PublishError(
        f"{hook.parent} holds a {hook.name} that is not ours and a {kept}",
        f"merge the two into {kept} and remove {hook.name}, then install again",
    )


def _put(hook: Path, text: str, *, foreign: bool) -> None:
    make_folder(hook.parent, 0o755)
    kept = chained_beside(hook)
    # A link first: at no moment, and after no kill, a push goes without the hook that is there.
    if foreign and not os.path.lexists(kept):
        os.link(hook, kept, follow_symlinks=False)
    try:
        replace_file(hook, text.encode(errors="surrogateescape"), 0o755)
    except OSError:
        if foreign:
            kept.unlink()
        raise


def _keeps_another(hook: Path) -> bool:
    """True where beside a hook another one is kept; an installation that was killed leaves the same
    one by both names.
    """
    kept = chained_beside(hook)
    return os.path.lexists(kept) and not os.path.samestat(kept.lstat(), hook.lstat())


def remove_hook(git_dir: Path, place: HookPlace, *, dry_run: bool = False) -> str:
    """Take the hook out of a place and put back what was there before."""
    hook = place.path
    with changing(hook.parent):
        state = read_hook(git_dir, hook)
        if state.kind != "ours":
            return "not installed"
        if not dry_run:
            if state.chained:
                chained_beside(hook).replace(hook)
            else:
                hook.unlink()
            _remove_empty(hook.parent)
    return "removed, the hook that was there before is back" if state.chained else "removed"


def remove_marks(git_dir: Path) -> None:
    """Take away what hooks of ours left in a repository."""
    for name in (MARK, f"{MARK}.lock", EDGE_MARK):
        (git_dir / name).unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    """Remove folders that were made for our hook alone."""
    for each in (folder, folder.parent):
        if each.name not in (f"{HOOK}.d", f"{GATE}.d", "custom_hooks") or any(each.iterdir()):
            return
        each.rmdir()


@contextmanager
def changing(hooks: Path) -> Iterator[None]:
    """Changes of a folder of hooks; what the system refuses is a PublishError."""
    try:
        yield
    except OSError as error:
        raise PublishError(
            f"{hooks} cannot be changed: {error.strerror}",
            "run it as the account that owns the repository, or as root",
        ) from error

"""What would keep a push from being published, found before it does."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.hook_files import HOOK, hook_text, read_hook
from mlreef_hooks.index_files import IndexFiles


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at: `state` is `ok`, `warning` or `error`; `hint` says what to do."""

    about: str
    state: str
    message: str
    hint: str = ""


def examine(config: Config, config_file: Path, git_dirs: Sequence[Path]) -> Iterator[Finding]:
    """Everything that was looked at, in the order in which a push would meet it."""
    if not git_dirs:
        yield Finding(
            about="repositories", state="warning", message="none was looked at",
            hint="name them with --repo or --all, or set [server] root",
        )  # fmt: skip
    for git_dir in git_dirs:
        yield from _examine_hook(git_dir, config, config_file)
    yield from _examine_folders(config, {path.stat().st_uid for path in git_dirs})
    yield from _examine_engine(config)
    yield _examine_index(config)


def _examine_hook(git_dir: Path, config: Config, config_file: Path) -> Iterator[Finding]:
    about, again = str(git_dir), "run mlreef-hooks install again"
    path = git_dir / "hooks" / HOOK
    state = read_hook(git_dir)
    if state.kind != "ours":
        dangling = path.is_symlink() and not path.exists()
        said = "the hook is a dangling link" if dangling else "the hook is not installed"
        yield Finding(about=about, state="error", message=said, hint=again)
        return
    python = _value(state.text, "python")
    fault = _fault_of_program(python, git_dir.stat().st_uid) or (
        "" if os.access(path, os.X_OK) else "the hook is not executable"
    )
    if "\r" in state.text:
        fault = "the hook has Windows line ends"
    named = Path(_value(state.text, "config"))
    expected = hook_text(Path(python), named, config.publish.patterns)
    if not fault and (state.text != expected or named.resolve() != config_file.resolve()):
        fault = "the hook is of another version or configuration"
    if fault:
        yield Finding(about=about, state="error", message=fault, hint=again)
    else:
        yield Finding(about=about, state="ok", message="the hook is installed")


def _value(text: str, name: str) -> str:
    found = [line for line in text.splitlines() if line.startswith(f"{name}=")]
    return found[0].partition("=")[2].strip("'") if found else ""


def _fault_of_program(path: str, user: int) -> str:
    """Why `user` could not run the program; empty where it can."""
    place = Path(path)
    if not place.exists():
        return f"the interpreter {path} is not there"
    for folder in (place, *place.resolve().parents, place.resolve()):
        found = folder.stat()
        wanted = stat.S_IXUSR if found.st_uid == user else stat.S_IXOTH
        if user != 0 and not found.st_mode & wanted and not found.st_mode & stat.S_IXGRP:
            return f"the repository's owner may not reach the interpreter: {folder}"
    return ""


def _examine_folders(config: Config, owners: set[int]) -> Iterator[Finding]:
    for folder in (config.state_path, config.index_path):
        about = str(folder)
        if not folder.is_dir():
            hint = "run mlreef-hooks install; the first publish makes it too, if it may"
            yield Finding(about=about, state="warning", message="is not there yet", hint=hint)
        elif owners - {0, folder.stat().st_uid} and not folder.stat().st_mode & stat.S_IWGRP:
            hint = f"chown it to the repositories' owner (uid {min(owners)})"
            yield Finding(about=about, state="error", message="cannot be written", hint=hint)
        else:
            yield Finding(about=about, state="ok", message="can be written")


def _examine_engine(config: Config) -> Iterator[Finding]:
    url = config.builder.docker.url
    try:
        engine = Engine(url, timeout=10)
        version = engine.version()
    except PublishError as error:
        hint = "start it, correct [builder.docker] url, or let the hook's account reach it"
        yield Finding(about=url, state="error", message=error.message, hint=hint)
        return
    if engine.keeps_layers():
        yield Finding(about=url, state="ok", message=f"Docker engine {version}")
    else:
        hint = 'set "features": {"containerd-snapshotter": false} in its daemon.json'
        said = f"Docker engine {version} with containerd's image store"
        yield Finding(about=url, state="error", message=said, hint=hint)
    for name, base in config.base.items():
        if engine.image(base.image):
            yield Finding(about=f"base.{name}", state="ok", message=f"{base.image} is in the engine")
        else:
            hint = f"docker pull {base.image}, or make one with mlreef-hooks base"
            said = f"{base.image} is not in the engine yet"
            yield Finding(about=f"base.{name}", state="warning", message=said, hint=hint)
    engine.close()


def _examine_index(config: Config) -> Finding:
    about = str(config.index_path)
    try:
        lines = IndexFiles(config.index_path).lines()
    except PublishError as error:
        return Finding(about=about, state="error", message=error.message, hint=error.hint)
    return Finding(about=about, state="ok", message=f"the index holds {len(lines)} modules")

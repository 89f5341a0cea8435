"""What would keep a push from being published, found before it does."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.account import EXECUTE, READ, WRITE, Account
from mlreef_hooks.bases import BASES
from mlreef_hooks.config import Base, Config
from mlreef_hooks.edge_mark import is_edge_marked
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import hooks_path_of
from mlreef_hooks.hook_check import hook_fault
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.intake import edge_branch
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.plain_text import counted
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.wheels.bytecode import find_compiler

_WRITTEN = ("*.sqlite*", "*.lock", "*.log", ".lock")  # files that are changed where they are


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
            about="repositories",
            state="warning",
            message="none was looked at",
            hint="name them with --repo or --all, or set [server] root",
        )
    for git_dir in git_dirs:
        yield _examine_hook(git_dir, config, config_file)
    accounts = [Account.of(user) for user in sorted({path.stat().st_uid for path in git_dirs})]
    for folder in dict.fromkeys((config.state_path, config.index_path)):
        yield _examine_folder(folder, accounts)
    yield from _examine_pip(config)
    yield from _examine_engine(config, accounts)
    yield _examine_index(config)


def _examine_hook(git_dir: Path, config: Config, config_file: Path) -> Finding:
    about = str(git_dir)
    fault, hint = hook_fault(git_dir, config, config_file), "run mlreef-hooks install again"
    fault = fault or _mark_fault(git_dir, config)
    elsewhere = hooks_path_of(git_dir)
    if elsewhere:
        fault, hint = f"git looks for hooks in {elsewhere}", "unset core.hooksPath there"
    if fault:
        return Finding(about=about, state="error", message=fault, hint=hint)
    return Finding(about=about, state="ok", message="the hook is installed")


def _mark_fault(git_dir: Path, config: Config) -> str:
    """Why the hook would not see to the branch that is wanted; empty where it would."""
    try:
        with closing(GitRepository(git_dir)) as repository:
            branch = edge_branch(repository, config)
    except PublishError as error:
        return error.message
    if is_edge_marked(git_dir, branch):
        return ""
    return "the hook does not know which pushes are to be published"


def _examine_pip(config: Config) -> Iterator[Finding]:
    """The findings that a file which `[pip]` names is not there."""
    for key, path in (("ca_bundle", config.pip.ca_bundle), ("netrc", config.pip.netrc)):
        if path and not Path(path).is_file():
            hint = f"correct {key} below [pip] in the configuration"
            yield Finding(
                about=f"pip.{key}", state="error", message=f"{path} is not there", hint=hint
            )


def _examine_folder(folder: Path, accounts: Sequence[Account]) -> Finding:
    about = str(folder)
    if not folder.is_dir():
        hint = "run mlreef-hooks install; the first publish makes it too, if it may"
        return Finding(about=about, state="warning", message="is not there yet", hint=hint)
    for account in accounts:
        place = _unwritable(folder, account)
        if place is not None:
            hint = f"give it to the repositories' owner: chown -R {account.user} {folder}"
            if folder.stat().st_uid not in (0, account.user):
                hint = "it is another account's: write another folder into the configuration"
            message = f"uid {account.user} cannot write {place}"
            return Finding(about=about, state="error", message=message, hint=hint)
    return Finding(about=about, state="ok", message="can be written")


def _unwritable(folder: Path, account: Account) -> Path | None:
    """What the account would have to write at or below the folder, and cannot."""
    obstacle = account.obstacle(folder, READ | WRITE | EXECUTE)
    if obstacle is not None:
        return obstacle
    for parent, folders, files in os.walk(folder):
        below = [Path(parent, name) for name in folders]
        changed = [path for name in files if any(map((path := Path(parent, name)).match, _WRITTEN))]
        wanted = [(path, READ | WRITE | EXECUTE) for path in below]
        for path, bits in [*wanted, *((path, READ | WRITE) for path in changed)]:
            if not account.may(path, bits):
                return path
    return None


def _examine_engine(config: Config, accounts: Sequence[Account]) -> Iterator[Finding]:
    url, needed = config.builder.docker.url, config.builder.use == "docker"
    try:
        engine = Engine(url, timeout=10)
    except PublishError as error:
        state = "error" if needed else "warning"
        hint = "start it, correct [builder.docker] url, or let the hook's account reach it"
        if not needed:
            hint = (
                "without one no module is started before it is published, and none built of source"
            )
        yield Finding(about=url, state=state, message=error.message, hint=hint)
        engine = None
    try:
        if engine is not None:
            yield _examine_socket(url, accounts) or _examine_store(engine)
        for name, base in config.base.items():
            yield _examine_base(engine, config, name, base)
    except PublishError as error:
        yield Finding(about=url, state="error", message=error.message, hint=error.hint)
    finally:
        if engine is not None:
            engine.close()


def _examine_socket(url: str, accounts: Sequence[Account]) -> Finding | None:
    """The finding that an account of repositories cannot reach the engine that answered us."""
    path = Path(url.removeprefix("unix://"))
    for account in accounts if url.startswith("unix://") else ():
        obstacle = account.obstacle(path, READ | WRITE)
        if obstacle is not None:
            message = f"uid {account.user} cannot use the engine's socket because of {obstacle}"
            hint = "see the page for administrators on who may reach the engine"
            return Finding(about=url, state="error", message=message, hint=hint)
    return None


def _examine_store(engine: Engine) -> Finding:
    version = f"Docker engine {engine.version()}"
    if engine.keeps_layers():
        return Finding(about=engine.url, state="ok", message=version)
    message = f"{version} with containerd's image store"
    hint = 'set "features": {"containerd-snapshotter": false} in its daemon.json'
    return Finding(about=engine.url, state="error", message=message, hint=hint)


def _examine_base(engine: Engine | None, config: Config, name: str, base: Base) -> Finding:
    about, image = f"base.{name}", base.image
    if config.builder.use != "docker" and find_compiler(base.python) is None:
        message = f"this server has no python{base.python}, so that images have no bytecode"
        hint = "install it, or live with modules that start slower"
        return Finding(about=about, state="warning", message=message, hint=hint)
    if OciLayouts(config.images_path).find(BASES, image):
        return Finding(about=about, state="ok", message=f"{image} is stored")
    if engine is not None and engine.image(image):
        return Finding(about=about, state="ok", message=f"{image} is in the engine")
    hint = "the first publish fetches it; or make one with mlreef-hooks base"
    return Finding(about=about, state="warning", message=f"{image} is not here yet", hint=hint)


def _examine_index(config: Config) -> Finding:
    about, index = str(config.index_path), IndexFiles(config.index_path)
    try:
        lines = index.lines()
        lost = [line for line in lines if index.find(line["namespace"], line["name"]) is None]
    except PublishError as error:
        return Finding(about=about, state="error", message=error.message, hint=error.hint)
    if lost:
        message = f"it lists {lost[0]['namespace']}/{lost[0]['name']}, whose document is not there"
        hint = "restore it from a backup"
        return Finding(about=about, state="error", message=message, hint=hint)
    return Finding(
        about=about, state="ok", message=f"the index holds {counted(len(lines), 'module')}"
    )

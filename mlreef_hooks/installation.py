"""What `install` makes besides the hooks: the configuration file and the state folder."""

import json
import os
import tomllib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import toml

from mlreef_hooks.account import Account, user_of
from mlreef_hooks.config import Config, parse_config
from mlreef_hooks.durable_files import make_folder, replace_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.service_files import state_mode

SERVICE_ACCOUNT = "mlreef-hooks"  # unless the configuration names another
_HEAD = "# Configuration of mlreef-hooks; every key and its default: docs/config.md\n"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a first configuration says; empty texts are left to the defaults. `group` is that of the
    repositories where a service publishes.
    """

    root: Path
    registry: str
    engine: str
    main_branch: str
    group: str = ""
    kind: str = "auto"
    hooks_dir: str = ""
    config_hook: bool = False
    cover_new: bool = False

    def document(self, state: Path) -> dict[str, Any]:
        """The TOML document of a new configuration file."""
        chosen: dict[str, dict[str, Any]] = {
            "publish": {"main_branch": self.main_branch},
            "registry": {"prefix": self.registry},
            "builder": {"docker": {"url": self.engine}} if self.engine else {},
        }
        if self.group:
            chosen["worker"] = {"service": SERVICE_ACCOUNT, "group": self.group}
            chosen["index"] = {"path": str(state / "index")}  # which others may read
            state = state / "state"
        kept = {name: table for name, table in chosen.items() if any(table.values())}
        return {"state": str(state), "server": {"root": str(self.root), **self._server()}, **kept}

    def check_kept(self, config: Config) -> None:
        """PublishError where a configuration that was there already says something else."""
        for name, value in self._server().items():
            if name != "cover_new" and getattr(config.server, name) != value:
                raise PublishError(
                    f"the configuration does not say {name} = {json.dumps(value)}",
                    "write it there below [server], then install again",
                )

    def _server(self) -> dict[str, Any]:
        """What is chosen of the server besides the folder."""
        chosen = {
            "kind": "" if self.kind == "auto" else self.kind,
            "hooks_dir": self.hooks_dir,
            "config_hook": self.config_hook,
            "cover_new": self.cover_new,
        }
        return {name: value for name, value in chosen.items() if value}


def write_config(
    path: Path, settings: Settings, *, state: Path, dry_run: bool
) -> tuple[Config, str]:
    """The configuration at `path`, and what was done; a file that is there stays as it is."""
    with _changing(path):
        if path.exists():
            text = path.read_text(encoding="utf-8")
            return parse_config(text, path=str(path), state=str(state)), "kept"
        text = _HEAD + _as_toml(settings.document(state))
        config = parse_config(text, path=str(path), state=str(state))
        if not dry_run:
            make_folder(path.parent, 0o755)
            replace_file(path, text.encode(), 0o644)
    return config, "written"


def _as_toml(document: dict[str, Any]) -> str:
    text = toml.dumps(document)
    try:
        kept = tomllib.loads(text) == document
    except tomllib.TOMLDecodeError:
        kept = False
    if not kept:  # toml writes some control characters as other ones, or as no TOML at all
        raise PublishError(
            "a path holds characters that a configuration file cannot",
            "use folders whose names are UTF-8 without control characters",
        )
    return text


def prepare_state(config: Config, git_dirs: Sequence[Path]) -> None:
    """Make the folders of state and index, owned by the account whose repositories get the hook, or
    by the service's.

    PublishError where the repositories belong to several accounts, for one of them could not write.
    """
    owners = {found.st_uid: found.st_gid for found in map(Path.stat, git_dirs)}
    if len(owners) > 1:
        raise PublishError(
            "the repositories belong to several accounts",
            "install for one account at a time, with a configuration (--config) for each",
        )
    if config.worker.service:
        service = Account.of(user_of(config.worker.service))
        owners = {service.user: service.group}
    for folder, mode in _folders(config):
        with _changing(folder):
            if folder.is_dir():
                _check_owner(folder, owners.keys(), config.worker.service)
                continue
            make_folder(folder.parent, 0o755)
            make_folder(folder, mode)
            if os.geteuid() == 0:
                for user, group in owners.items():
                    os.chown(folder, user, group)


def _folders(config: Config) -> Iterator[tuple[Path, int]]:
    """The folders that are made, with their modes: of a service only the index is for others."""
    yield config.state_path, state_mode(config) if config.worker.service else 0o755
    yield config.index_path, 0o755
    if config.catalog.path:
        yield Path(config.catalog.path), 0o755


def _check_owner(folder: Path, users: Collection[int], service: str) -> None:
    owner = folder.stat().st_uid
    if not users or owner in (0, *users):
        return
    if service:
        message = f"{folder} belongs to another account (uid {owner}) than the service {service}"
        hint = f"once no process uses it: chown -R {service}: {folder}"
    else:
        message = f"{folder} belongs to another account (uid {owner}) than the repositories"
        hint = 'write another folder as state = "..." into the configuration of these repositories'
    raise PublishError(message, hint)


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise PublishError(
            f"{path} cannot be read or made: {error}",
            "install as root, or name another place with --config",
        ) from error

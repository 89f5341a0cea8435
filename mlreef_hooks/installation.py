"""What `install` makes besides the hooks: the configuration file and the state folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import toml

from mlreef_hooks.config import Config, parse_config
from mlreef_hooks.errors import PublishError

_HEAD = "# Configuration of mlreef-hooks; every key and its default: docs/config.md\n"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a first configuration says; empty texts are left to the defaults."""

    root: Path
    registry: str
    engine: str
    main_branch: str

    def document(self, state: Path) -> dict[str, Any]:
        """The TOML document of a new configuration file."""
        chosen: dict[str, dict[str, Any]] = {
            "publish": {"main_branch": self.main_branch},
            "registry": {"prefix": self.registry},
            "builder": {"docker": {"url": self.engine}} if self.engine else {},
        }
        kept = {name: table for name, table in chosen.items() if any(table.values())}
        return {"state": str(state), "server": {"root": str(self.root)}, **kept}


def write_config(
    path: Path, settings: Settings, *, state: Path, dry_run: bool
) -> tuple[Config, str]:
    """The configuration at `path`, and what was done; a file that is there stays as it is."""
    if path.exists():
        return parse_config(path.read_text(), path=str(path), state=str(state)), "kept"
    text = _HEAD + toml.dumps(settings.document(state))
    config = parse_config(text, path=str(path), state=str(state))
    if not dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text)
        beside.chmod(0o644)
        beside.replace(path)
    return config, "written"


def prepare_state(config: Config, git_dirs: Sequence[Path]) -> None:
    """Make the state folder, owned by the account whose repositories get the hook.

    PublishError where they belong to several accounts, for one of them could not write it.
    """
    owners = {git_dir.stat().st_uid for git_dir in git_dirs}
    folders = [config.state_path, config.index_path]
    if len(owners) > 1:
        raise PublishError(
            "the repositories belong to several accounts",
            "install for one account at a time, with a configuration (--config) for each",
        )
    for folder in folders:
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if new and owners and os.getuid() == 0:
            owner = next(iter(owners))
            os.chown(folder, owner, -1)

"""Who may read a repository: the one place that all git servers ask."""

from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.manifest import VISIBILITIES


def repository_visibility(git_dir: Path, settings: Mapping[str, str]) -> str:
    """What `git config mlreef.visibility` says in the repository; private without a word."""
    said = settings.get("mlreef.visibility", "").strip().lower()
    return said if said in VISIBILITIES else "private"

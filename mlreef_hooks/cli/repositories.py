"""The repositories that a command is about, as its options name them."""

from pathlib import Path

import click

from mlreef_hooks.git_dirs import git_dir_of
from mlreef_hooks.placement import code_repositories

repo_option = click.option(
    "--repo", "repos", multiple=True, type=click.Path(path_type=Path), help="One repository."
)
all_option = click.option(
    "--all", "root", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Every repository below this folder.",
)  # fmt: skip


def find_git_dirs(repos: tuple[Path, ...], root: Path | None) -> list[Path]:
    """The git directories that the options name."""
    if not repos and root is None:
        raise click.UsageError("name repositories with --repo PATH or --all DIR")
    found = [git_dir_of(path) for path in repos]
    return found + (list(code_repositories(root.resolve())) if root else [])

"""Commands for authors of code projects."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.git_working_tree import ask_changes

if TYPE_CHECKING:
    from mlreef_hooks.config import Config
    from mlreef_hooks.validation import Validation


@click.command("check")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
@click.option(
    "--git-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A repository, bare or not, to read a revision of.",
)
@click.option("--rev", help="The revision (default: HEAD).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "gitlab", "sarif"]),
    default="text",
    help="For people (text, the default), or for programs.",
)
@click.option("--fix", is_flag=True, help="Mend what is mechanical, then check again.")
@click.option("--dry-run", is_flag=True, help="With --fix: show the changes, and write nothing.")
@click.option(
    "--python", help="With --fix: the Python that has the requirements (default: the active one)."
)
@click.option("--watch", is_flag=True, help="Check again at each save, until Ctrl-C.")
@click.pass_obj
def check(
    config_file: str | None,
    path: Path | None,
    git_dir: Path | None,
    rev: str | None,
    form: str,
    fix: bool,
    dry_run: bool,
    python: str | None,
    watch: bool,
) -> int:
    """Check a code project by the rules that the server has.

    Reads the files below PATH (default: this folder), or a revision of a repository. Exit status:
    0 publishable, 1 errors, 2 usage.
    """  # fmt: skip
    if path is not None and git_dir is not None:
        raise click.UsageError("give PATH or --git-dir, not both")
    of_folder = git_dir is None and rev is None
    _refuse_together(of_folder=of_folder, fix=fix, needs_fix=dry_run or bool(python), watch=watch)
    config, folder = load_config(config_file), path or Path()
    if not of_folder:
        from mlreef_hooks.cli import check as checks

        revision = "HEAD" if rev is None else rev
        found = checks.validate_revision(git_dir or folder, revision, config)
        return _show(found, form, None)
    if watch:
        from mlreef_hooks.cli.watching import watch_folder

        watch_folder(folder, lambda: _show(_validate(folder, config), form, folder))
    if not fix:
        return _show(_validate(folder, config), form, folder)
    from mlreef_hooks.cli.fix import fix_folder

    validate, aside = partial(_validate, folder, config), form != "text"
    found = fix_folder(folder, validate, python=python, dry_run=dry_run, to_stderr=aside)
    return _show(found, form, folder)


def _refuse_together(*, of_folder: bool, fix: bool, needs_fix: bool, watch: bool) -> None:
    """UsageError for options that mean nothing together."""
    if not of_folder and (fix or watch):
        raise click.UsageError("--fix and --watch are for the files of a folder, not a revision")
    if fix and watch:
        raise click.UsageError("give --fix or --watch, not both")
    if needs_fix and not fix:
        raise click.UsageError("--dry-run and --python go with --fix")


def _validate(folder: Path, config: "Config") -> "Validation":
    changes = ask_changes(folder)
    # The rules are imported while git looks for changes.
    from mlreef_hooks.cli import check as checks

    return checks.validate_folder(folder, changes, config)


def _show(validation: "Validation", form: str, folder: Path | None) -> int:
    """Print what was found; the exit status. `folder` is None for a revision."""
    from mlreef_hooks.cli.formats.found import Found
    from mlreef_hooks.cli.formats.table import FORMATS

    place = "" if folder is None or folder.is_absolute() else folder.as_posix()
    click.echo(FORMATS[form](Found(validation=validation, folder=place)))
    if form == "text" and folder is not None and not validation.manifests:
        from mlreef_hooks.cli.check import project_above

        above = project_above(folder)
        if above is not None:
            click.echo(f"hint: the project begins above: mlreef-hooks check {above}")
    return 0 if validation.publishable else 1

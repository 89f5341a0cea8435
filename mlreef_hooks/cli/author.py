"""Commands for authors of code projects."""

from pathlib import Path

import click

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.git import ask_changes


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
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def check(
    config_file: str | None, path: Path | None, git_dir: Path | None, rev: str | None, form: str
) -> int:
    """Check a code project by the rules that the server has.

    Reads the files below PATH (default: this folder), or a revision of a repository. Exit status:
    0 publishable, 1 errors, 2 usage.
    """  # fmt: skip
    if path is not None and git_dir is not None:
        raise click.UsageError("give PATH or --git-dir, not both")
    config = load_config(config_file)
    folder = path or Path()
    changes = ask_changes(folder) if git_dir is None and rev is None else None
    # The rules are imported while git looks for changes.
    from mlreef_hooks.cli import check as checks

    if changes is not None:
        validation = checks.validate_folder(folder, changes, config)
    else:
        revision = "HEAD" if rev is None else rev
        validation = checks.validate_revision(git_dir or folder, revision, config)
    click.echo(checks.as_json(validation) if form == "json" else checks.as_text(validation))
    return 0 if validation.publishable else 1

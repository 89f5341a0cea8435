"""Commands for authors of code projects."""

import json
import os
from pathlib import Path

import click

from mlreef_hooks.checking import check_commit, check_folder
from mlreef_hooks.cli.configuration import load_config, user_caches
from mlreef_hooks.config import Config, Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import origin_of
from mlreef_hooks.report import counted, plain
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.plain import PlainServer
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
    if git_dir is None and rev is None:
        validation = check_folder(folder, _name_of(folder), config, user_caches())
    else:
        validation = _validate_revision(git_dir or folder, "HEAD" if rev is None else rev, config)
    click.echo(_as_json(validation) if form == "json" else _as_text(validation))
    return 0 if validation.publishable else 1


def _name_of(folder: Path) -> str:
    """The name of a module that does not say its own, as the server makes it."""
    server = PlainServer(settings=Server(), user_id=os.getuid())
    return server.repository_name(_repository_of(folder), {}).name


def _repository_of(folder: Path) -> Path:
    """What a clone was cloned from, for that is what the server knows it by; else the folder."""
    origin = origin_of(folder) if (folder / ".git").exists() else None
    return Path("/", *origin.replace(":", "/").split("/")[-2:]) if origin else folder


def _validate_revision(place: Path, rev: str, config: Config) -> Validation:
    try:
        repository = GitRepository(place)
    except PublishError as error:
        raise click.UsageError(f"{error.message}: {error.hint}") from None
    try:
        commit = repository.commit_of(rev)
        if commit is None:
            raise click.UsageError(f"{place} has no revision {rev}: name a branch, tag or commit")
        git_dir = repository.git_dir
        folder = git_dir.parent if git_dir.name == ".git" else git_dir
        return check_commit(repository, commit, _name_of(folder), config, user_caches())
    finally:
        repository.close()


def _as_json(validation: Validation) -> str:
    modules = [manifest.to_json() for manifest in validation.manifests]
    document = {
        "ok": validation.publishable,
        "module": modules[0] if modules else None,
        "modules": modules,
        "problems": [problem.to_json() for problem in validation.problems],
    }
    return json.dumps(document, indent=2)


def _as_text(validation: Validation) -> str:
    lines = [plain(str(problem)) for problem in validation.problems]
    for manifest in validation.manifests if validation.publishable else ():
        parameters = counted(len(manifest.parameters), "parameter")
        requirements = counted(len(manifest.requirements), "requirement")
        said = f"{manifest.name} ({manifest.kind}) is publishable"
        lines.append(f"ok: {said}: {parameters}, {requirements}")
    if not validation.publishable:
        errors = sum(problem.severity == "error" for problem in validation.problems)
        lines.append(f"not publishable: {counted(errors, 'error')}")
    return "\n".join(lines)

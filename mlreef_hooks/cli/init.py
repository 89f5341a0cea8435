"""`mlreef-hooks init`: an author's folder made a module, nothing that is there changed."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mlreef_hooks.cli.completion import from_words
from mlreef_hooks.cli.init_files import write_files
from mlreef_hooks.cli.init_function import choose_paths, with_function
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_working_tree import list_working_tree
from mlreef_hooks.installed_modules import read_providers
from mlreef_hooks.installed_packages import read_installed
from mlreef_hooks.manifest import DATA_TYPES, KINDS
from mlreef_hooks.module_keys import NAME_HINT, is_module_name
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import Problems
from mlreef_hooks.project_files import ProjectFiles
from mlreef_hooks.proposal.kinds import Proposal, propose_kind
from mlreef_hooks.proposal.other_scripts import other_scripts
from mlreef_hooks.proposal.paths import Paths
from mlreef_hooks.proposal.plan import (
    Plan,
    Wanted,
    plan_script,
    plan_skeleton,
    settle,
    unsure_of,
)
from mlreef_hooks.proposal.requirement_file import external_imports, write_requirements
from mlreef_hooks.proposal.script import Script, find_scripts, read_script
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.working_tree import read_working_tree

_PYTHON = "3.11"  # the grammar that is read; the check has that of the base
_SHOWN = 10
_CHOICES = {"kind": tuple(KINDS.values()), "inputs": DATA_TYPES, "outputs": DATA_TYPES}
_OPTIONS = {"kind": "--kind", "inputs": "--input", "outputs": "--output"}
_QUESTIONS = {
    "kind": "What kind of module is it",
    "inputs": "Which data goes in",
    "outputs": "Which data comes out",
}
_DATA: dict[str, Any] = {
    "type": click.Choice(DATA_TYPES, case_sensitive=False), "metavar": "TYPE",
    "shell_complete": from_words(DATA_TYPES),
}  # fmt: skip


@click.command("init")
@click.argument(
    "path", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
@click.option("--script", help="The script to begin with, relative to PATH.")
@click.option(
    "--function", help="The function that does the script's work, where it has no parser."
)
@click.option("--name", help="The module's name (default: the repository's).")
@click.option("--title", help="Its title (default: the script's name in words).")
@click.option("--description", help="What it does (default: what the script says of itself).")
@click.option("--kind", type=click.Choice(tuple(KINDS.values())), help="What it is.")
@click.option("--input", "inputs", **_DATA, help="Which data goes in.")
@click.option("--output", "outputs", **_DATA, help="Which data comes out.")
@click.option("--reads", help="The script's parameter that is its input.")
@click.option("--writes", help="The script's parameter that is its output.")
@click.option("--base", help="One of the site's base environments.")
@click.option("--python", help="The Python that has the requirements (default: the active one).")
@click.option("--annotate", is_flag=True, help="Put MLReef annotations into the file written.")
@click.option("--yes", is_flag=True, help="Ask nothing, and take what is proposed.")
@click.option("--dry-run", is_flag=True, help="Show the files, and write nothing.")
def init(
    path: Path | None,
    script: str | None,
    function: str | None,
    reads: str | None,
    writes: str | None,
    python: str | None,
    *,
    yes: bool,
    dry_run: bool,
    **said: Any,
) -> None:
    """Make the scripts of a folder a module.

    Writes mlreef.toml, requirements.txt and, where the script has not both --input-path and
    --output-path, mlreef_entry.py. No file that is there is changed.
    """
    wanted, folder = Wanted(**said), path or Path()
    if wanted.name is not None and not is_module_name(wanted.name):
        raise click.UsageError(f"--name {plain(wanted.name)} is not a module name: {NAME_HINT}")
    tree = read_working_tree(folder, list_working_tree(folder))
    chosen = _choose_script(tree, script, yes=yes)
    chosen = with_function(chosen, function, yes=yes) if chosen else None
    if chosen is None:
        plan = plan_skeleton(wanted)
    else:
        paths = choose_paths(chosen, reads, writes)
        plan = _plan(tree, chosen, paths, wanted, python, yes=yes)
    write_files(plan, ProjectFiles(folder), dry_run=dry_run)


def _choose_script(tree: SourceTree, named: str | None, *, yes: bool) -> Script | None:
    """The script to begin with, None where there is no Python file at all."""
    if named is None:
        found = find_scripts(tree, _PYTHON)
        if len(found) > 1:
            named = _ask_script(found, yes=yes)
        elif found:
            named = found[0]
    if named is None:
        return None
    named = os.path.normpath(named)
    entry = tree.get(named)
    if entry is None or not entry.is_file or not named.endswith(".py"):
        raise PublishError(f"{named} is no Python file here", "name one of PATH: --script FILE.py")
    problems = Problems()
    script = read_script(tree, named, _PYTHON, problems)
    if script is None:
        (problem,) = problems
        raise PublishError(f"{problem.path}:{problem.line}: {problem.message}", problem.hint)
    if script.dotted:
        raise PublishError(
            f"{named} is a part of a package: it imports by dots, and does not start by its path",
            "begin with a script that imports the package by its name: --script FILE",
        )
    return script


def _ask_script(found: list[str], *, yes: bool) -> str:
    shown = found[:_SHOWN]
    if yes or not sys.stdin.isatty():
        more = " and others" if len(found) > _SHOWN else ""
        hint = "name the one to begin with: --script FILE"
        raise PublishError(f"there are several scripts: {', '.join(shown)}{more}", hint)
    answer: str = click.prompt("Which script", type=click.Choice(shown), default=shown[0])
    return answer


def _plan(
    tree: SourceTree, script: Script, paths: Paths, wanted: Wanted, python: str | None, *, yes: bool
) -> Plan:
    proposal = propose_kind(script, paths)
    wanted = _complete(wanted, proposal, paths, yes=yes)
    settled = settle(wanted, proposal, paths, script)
    because = f", for {proposal.because}" if proposal.because else ""
    data = f"from {settled.inputs} to {settled.outputs}"
    _say(f"{script.path}: a {settled.kind}, {data}{because}")
    imported = external_imports(script.path, tree, _PYTHON, sys.stdlib_module_names)
    needs = bool(imported)
    providers = read_providers(python, os.environ) if needs else {}
    installed = read_installed(python, os.environ) if needs else {}
    requirements = write_requirements(imported, providers, installed)
    plan = plan_script(script, paths, settled, requirements)
    return replace(plan, notes=(*plan.notes, *_note_others(script, tree)))


def _note_others(script: Script, tree: SourceTree) -> list[str]:
    """What is said of scripts that no module is made of."""
    others = other_scripts(script, tree, _PYTHON)
    if not others:
        return []
    more = " and others" if len(others) > _SHOWN else ""
    found = f"{', '.join(others[:_SHOWN])}{more}"
    return [f"{script.path} does not use {found}; to begin with another script: --script FILE"]


def _complete(wanted: Wanted, proposal: Proposal, paths: Paths, *, yes: bool) -> Wanted:
    """What was said, with the answers to what nothing tells; PublishError that names the options
    where nobody can be asked.
    """
    unsure = unsure_of(wanted, proposal, paths)
    if yes or not unsure:
        return wanted
    if not sys.stdin.isatty():
        options = " ".join(f"{_OPTIONS[key]} {taken}" for key, taken in unsure.items())
        raise PublishError(
            f"nothing tells {' and '.join(unsure)}", f"give {options}, or take that with --yes"
        )
    answers: dict[str, Any] = {
        key: click.prompt(
            _QUESTIONS[key],
            type=click.Choice(_CHOICES[key], case_sensitive=False),
            default=taken,
        )
        for key, taken in unsure.items()
    }
    return replace(wanted, **answers)


def _say(text: str) -> None:
    click.echo(plain(text))

"""What `check --fix` does and says."""

import difflib
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import click

from mlreef_hooks.fixing import Fix, Note, plan_fixes
from mlreef_hooks.installed_packages import read_installed
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import printable
from mlreef_hooks.project_files import ProjectFiles
from mlreef_hooks.validation import Validation


def fix_folder(
    folder: Path,
    validate: Callable[[], Validation],
    *,
    python: str | None,
    dry_run: bool,
    to_stderr: bool,
) -> Validation:
    """What is found in a folder after its mechanical faults were mended, each said in a line.

    With `dry_run` nothing is written, the changes are shown, and it is what was found before.
    """
    found = validate()
    files = ProjectFiles(folder)
    installed = cache(partial(read_installed, python, os.environ))
    say = partial(click.echo, err=to_stderr)
    fixes = plan_fixes(found, files, installed)
    for fix in fixes:
        if fix.done and not dry_run:
            files.write(fix.path, fix.target, fix.after)
        for note in fix.done:
            say(_line("would fix" if dry_run else "fixed", fix, note))
        for note in fix.left:
            say(_line("not fixed", fix, note))
        if dry_run:
            say("".join(_diff(fix)), nl=False)
    return found if dry_run or not any(fix.done for fix in fixes) else validate()


def _line(word: str, fix: Fix, note: Note) -> str:
    place = fix.path if note.line is None else f"{fix.path}:{note.line}"
    return plain(f"{word}: {place}: {note.said}")


def _diff(fix: Fix) -> Iterator[str]:
    """A unified diff, as `git diff` names the files; what cannot be shown is escaped."""
    before, after = (
        content.decode(errors="backslashreplace").splitlines(keepends=True)
        for content in (fix.before, fix.after)
    )
    if fix.target != fix.path:
        yield f"rename from {fix.path}\nrename to {fix.target}\n"
    for line in difflib.unified_diff(before, after, f"a/{fix.path}", f"b/{fix.target}"):
        yield "\t".join(map(printable, line.rstrip("\r\n").split("\t"))) + "\n"

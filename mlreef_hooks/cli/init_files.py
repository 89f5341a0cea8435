"""`mlreef-hooks init`: its files written, and those that are there compared."""

import difflib
from collections.abc import Sequence

import click

from mlreef_hooks.plain_text import plain
from mlreef_hooks.project_files import ProjectFiles
from mlreef_hooks.proposal.plan import Plan
from mlreef_hooks.proposal.wrapper_mark import means_the_same
from mlreef_hooks.requirements import OLD_NAMES, REQUIREMENTS


def write_files(plan: Plan, files: ProjectFiles, *, dry_run: bool) -> None:
    """Write what is not there, and say all of it; nothing is written `dry_run`."""
    written = [path for path, text in plan.files.items() if _put(path, text, files, dry=dry_run)]
    for note in plan.notes:
        _say(f"note: {note}")
    if dry_run:
        return
    if not written:
        _say("nothing was written: all files are there")
        return
    _say("next: mlreef-hooks check")
    _say("then: mlreef-hooks publish")


def _put(path: str, text: str, files: ProjectFiles, *, dry: bool) -> bool:
    """Write a file that is not there, or say what would be; True where it was written."""
    names = (path, *OLD_NAMES) if path == REQUIREMENTS else (path,)
    taken = next(filter(files.is_taken, names), None)
    if taken:
        _left_alone(taken, text, files, dry=dry)
    elif dry:
        _say(f"would write {path}:")
        _show(text.splitlines())
    else:
        files.create(path, text.encode())
        _say(f"wrote {path}")
    return not taken and not dry


def _left_alone(path: str, text: str, files: ProjectFiles, *, dry: bool) -> None:
    """Say of a file that is there what would stand in it otherwise."""
    content = files.read(path)
    if content is not None and _is_as_it_should_be(path, content, text.encode()):
        _say(f"{path} is as it should be")
        return
    left = f"would leave alone {path}" if dry else f"left {path} alone"
    if content is None:
        _say(f"{left}; without it, init would write:")
        _show(text.splitlines())
        return
    _say(f"{left}; what is there (-), and what init would write (+):")
    lines = content.decode(errors="replace").splitlines()
    compared = [*difflib.unified_diff(lines, text.splitlines(), n=0, lineterm="")]
    _show([line for line in compared[2:] if not line.startswith("@@")])


def _is_as_it_should_be(path: str, content: bytes, text: bytes) -> bool:
    if path.endswith(".py"):
        return means_the_same(content, text)
    return content.splitlines() == text.splitlines()


def _show(lines: Sequence[str]) -> None:
    for line in lines:
        indent = line[: len(line) - len(line.lstrip(" "))]
        click.echo(f"    {indent}{plain(line)}".rstrip())


def _say(text: str) -> None:
    click.echo(plain(text))

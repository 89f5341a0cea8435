"""What of the findings in a folder can be mended mechanically: each file as it should be.

Nothing is written here. A fix is made only where it is sure; whatever it does not speak of stays
byte for byte, and what was fixed has nothing left to fix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlreef_hooks.problems import Problem, printable
from mlreef_hooks.project_files import ProjectFiles
from mlreef_hooks.proposal.renewal import renew_wrapper
from mlreef_hooks.requirement_pinning import Installed, pin_requirements
from mlreef_hooks.requirements import OLD_NAMES, REQUIREMENTS
from mlreef_hooks.source.completion import complete_halves
from mlreef_hooks.validation import Validation

FIXED_RULES = (
    "requirements-name-old",
    "requirement-unpinned",
    "parameter-drift",
    "wrapper-outdated",
)
Installation = Callable[[], Mapping[str, Installed]]


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a change does to a line, or why it was not made; `line` is None for the whole file."""

    line: int | None = None
    said: str


@dataclass(frozen=True, kw_only=True)
class Fix:
    """One file: where it is, where it should be, its content before and after.

    `done` says what the change does, `left` what could not be done; without `done` there is none.
    """

    path: str
    target: str
    before: bytes
    after: bytes
    done: tuple[Note, ...] = ()
    left: tuple[Note, ...] = ()


def plan_fixes(validation: Validation, files: ProjectFiles, installed: Installation) -> list[Fix]:
    """The fixes for the findings of a folder, by file; `installed` is asked only where something
    is unpinned.
    """
    by_path: dict[str, list[Problem]] = {}
    for problem in validation.problems:
        if problem.rule in FIXED_RULES:
            by_path.setdefault(problem.path, []).append(problem)
    entry_points = {printable(each.entry_point) for each in validation.manifests}
    fixes = []
    for path, problems in by_path.items():
        content = files.read(path)
        if content is None:
            continue
        if path in entry_points:
            fixes.append(_renew(path, content, files) or _complete(path, content))
        else:
            pinned = _pin(path, content, problems, installed)
            fixes.append(_rename(pinned, problems, files))
    return [fix for fix in fixes if fix.done or fix.left]


def _renew(path: str, content: bytes, files: ProjectFiles) -> Fix | None:
    """A wrapper that hands on what its script takes now; None for an entry point of its own, or
    one that was changed and has halves to complete.
    """
    renewal = renew_wrapper(path, content, files.read)
    if renewal is None or (renewal.left and complete_halves(content).added):
        return None
    done = (
        Note(said=f"it is written anew for {renewal.script}"),
        *(Note(said=said) for said in renewal.told),
    )
    left = (Note(said=renewal.left),) if renewal.left else ()
    return Fix(
        path=path,
        target=path,
        before=content,
        after=renewal.content,
        done=done if renewal.content != content else (),
        left=left,
    )


def _complete(path: str, content: bytes) -> Fix:
    """An entry point with the missing halves of its parameters."""
    completion = complete_halves(content)
    return Fix(
        path=path,
        target=path,
        before=content,
        after=completion.content,
        done=tuple(Note(said=said) for said in completion.added),
        left=tuple(Note(said=said) for said in completion.left),
    )


def _pin(path: str, content: bytes, problems: Sequence[Problem], installed: Installation) -> Fix:
    """A requirements file with what is unpinned pinned."""
    lines = {each.line for each in problems if each.rule == "requirement-unpinned" and each.line}
    pinning = pin_requirements(content, lines, installed() if lines else {})
    return Fix(
        path=path,
        target=path,
        before=content,
        after=pinning.content,
        done=tuple(Note(line=line, said=said) for line, said in sorted(pinning.pinned.items())),
        left=tuple(Note(line=line, said=said) for line, said in sorted(pinning.left.items())),
    )


def _rename(fix: Fix, problems: Sequence[Problem], files: ProjectFiles) -> Fix:
    """The fix of a requirements file that gets its name too, where it has an old one."""
    if not any(each.rule == "requirements-name-old" for each in problems):
        return fix
    others = [name for name in (REQUIREMENTS, *OLD_NAMES) if files.is_taken(name)]
    if others != [fix.path]:
        note = Note(said=f"{' and '.join(others)} are there; keep one of them")
        return _joined(fix, fix.path, left=(note,))
    return _joined(fix, REQUIREMENTS, done=(Note(said=f"it is {REQUIREMENTS} now"),))


def _joined(
    fix: Fix, target: str, *, done: tuple[Note, ...] = (), left: tuple[Note, ...] = ()
) -> Fix:
    return Fix(
        path=fix.path,
        target=target,
        before=fix.before,
        after=fix.after,
        done=(*fix.done, *done),
        left=(*fix.left, *left),
    )

"""The files that make a script, or nothing, a module: each with the content that it should have."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from mlreef_hooks.proposal.annotating import annotate
from mlreef_hooks.proposal.function_wrapper import write_function_wrapper
from mlreef_hooks.proposal.kinds import Proposal
from mlreef_hooks.proposal.module_file import write_module_file
from mlreef_hooks.proposal.paths import Paths, Takes
from mlreef_hooks.proposal.requirement_file import RequirementFile
from mlreef_hooks.proposal.script import Script, title_of
from mlreef_hooks.proposal.skeleton import SKELETON, write_skeleton
from mlreef_hooks.proposal.told_paths import tell_paths
from mlreef_hooks.proposal.wrapper import write_wrapper
from mlreef_hooks.proposal.wrapper_mark import marked
from mlreef_hooks.source.wrapped_script import WRAPPER

_KIND = "data-operation"
_ANY, _NONE = "ANY", "NONE"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the author said of the module; None where nothing was. `annotate` is for annotations
    beside the parser of an entry point that is written.
    """

    name: str | None = None
    title: str | None = None
    description: str | None = None
    kind: str | None = None
    inputs: str | None = None
    outputs: str | None = None
    base: str | None = None
    annotate: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The files by path, which of them is started, and what the author should know."""

    files: Mapping[str, str]
    entry_point: str
    notes: tuple[str, ...] = ()


def unsure_of(wanted: Wanted, proposal: Proposal, paths: Paths) -> dict[str, str]:
    """What nothing tells and nobody said, with what is taken then; by the fields of `Wanted`."""
    assumed = {
        "kind": (proposal.kind, _KIND),
        "inputs": (proposal.inputs, _ANY),
        "outputs": (proposal.outputs, _ANY),
    }
    if paths.reads is Takes.NOTHING:
        assumed.pop("inputs")
    return {
        key: taken
        for key, (found, taken) in assumed.items()
        if found is None and getattr(wanted, key) is None
    }


def settle(wanted: Wanted, proposal: Proposal, paths: Paths, script: Script) -> Wanted:
    """What was said, and for the rest what is proposed."""
    reads_nothing = paths.reads is Takes.NOTHING and bool(script.has_parser) and not script.complete
    proposed = Wanted(
        title=(script.processor and script.processor.title) or title_of(script.path),
        description=script.description,
        kind=proposal.kind or _KIND,
        inputs=_NONE if reads_nothing else proposal.inputs or _ANY,
        outputs=proposal.outputs or _ANY,
    )
    said = {each.name: getattr(wanted, each.name) for each in fields(Wanted)}
    return replace(proposed, **{key: value for key, value in said.items() if value is not None})


def plan_script(
    script: Script, paths: Paths, settled: Wanted, requirements: RequirementFile
) -> Plan:
    """The files for a script, which itself stays as it is."""
    files: dict[str, str] = {}
    notes = []
    entry_point = script.path
    if script.refused:
        notes.append(f"{script.path} cannot be wrapped; mlreef-hooks explain {script.refused}")
    elif not script.complete or not script.has_parser:
        entry_point = WRAPPER
        write = write_function_wrapper if script.function else write_wrapper
        files[WRAPPER] = write(script, paths)
        notes += tell_paths(script, paths)
    files["mlreef.toml"] = _module_file(settled, entry_point)
    files["requirements.txt"] = requirements.text
    for name in requirements.unpinned:
        notes.append(
            f"{name} is not installed in your Python: write its version into requirements.txt"
        )
    return _marked(
        _annotated(Plan(files=files, entry_point=entry_point, notes=tuple(notes)), settled)
    )


def _marked(plan: Plan) -> Plan:
    """The plan with a wrapper that tells by its first line whether it was changed since."""
    text = plan.files.get(WRAPPER)
    return plan if text is None else replace(plan, files={**plan.files, WRAPPER: marked(text)})


def _annotated(plan: Plan, settled: Wanted) -> Plan:
    """The plan with annotations, where they are wanted and the entry point is one of its files."""
    text = plan.files.get(plan.entry_point)
    if text is None or not settled.annotate:
        return plan
    text = annotate(
        text,
        title=settled.title or "",
        kind=settled.kind or _KIND,
        inputs=settled.inputs or _ANY,
        outputs=settled.outputs or _ANY,
    )
    return replace(plan, files={**plan.files, plan.entry_point: text})


def plan_skeleton(wanted: Wanted) -> Plan:
    """A small module that works."""
    title = wanted.title or "My Module"
    description = wanted.description or "Copies every file of a folder"
    settled = replace(
        wanted,
        title=title,
        description=description,
        kind=wanted.kind or _KIND,
        inputs=wanted.inputs or _ANY,
        outputs=wanted.outputs or _ANY,
    )
    files = {
        SKELETON: write_skeleton(),
        "mlreef.toml": _module_file(settled, SKELETON),
        "requirements.txt": "# One package in a line, with its version: numpy==2.4.0\n",
    }
    return _annotated(Plan(files=files, entry_point=SKELETON), settled)


def _module_file(settled: Wanted, entry_point: str) -> str:
    return write_module_file(
        name=settled.name,
        title=settled.title or "",
        description=settled.description or "",
        kind=settled.kind or _KIND,
        entry_point=entry_point,
        inputs=settled.inputs or _ANY,
        outputs=settled.outputs or _ANY,
        base=settled.base,
    )

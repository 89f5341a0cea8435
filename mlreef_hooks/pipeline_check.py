"""A pipeline against the index: exact versions, data types, parameters, before anything starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlreef_hooks.command_line import missing_parameters, unknown
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, deprecation, named
from mlreef_hooks.manifest import REQUIRED_PATHS, python_name
from mlreef_hooks.pipeline import Findings, Pipeline, PipelineFile, Step
from mlreef_hooks.run_values import read_values

_ANY, _NOTHING = "ANY", "NONE"
Find = Callable[[str], tuple[Document, Document]]


@dataclass(frozen=True, kw_only=True)
class ResolvedStep:
    """A step with the module's document, the exact version, and the checked parameter values.

    `values` are those that the pipeline gives, without the paths.
    """

    step: Step
    document: Document
    version: Document
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.name

    @property
    def module(self) -> str:
        """The module and its exact version, such as `vision/add-noise@1.2.0`."""
        return named(self.document, self.version["version"])

    @property
    def takes_nothing(self) -> bool:
        """True where the module takes no data."""
        return bool(self.version["inputs"] == [_NOTHING])


@dataclass(frozen=True, kw_only=True)
class ResolvedPipeline:
    """A pipeline whose every step is known and checked, in an order in which they can run."""

    title: str
    inputs: Mapping[str, str]
    steps: tuple[ResolvedStep, ...]
    outputs: Mapping[str, str]


def resolve_pipeline(file: PipelineFile, find: Find, findings: Findings) -> ResolvedPipeline:
    """The pipeline with exact versions. `find` gives the document and the version of a module, or a
    PublishError with a hint; findings where something would not run.
    """
    pipeline = file.pipeline
    check = _Check(file.line_of, find, findings)
    found = [check.resolve(step) for step in pipeline.steps if step.module]
    steps = {step.name: step for step in found if step is not None}
    for step in steps.values():
        check.data_types(step, pipeline, steps)
    return ResolvedPipeline(
        title=pipeline.title,
        inputs=pipeline.inputs,
        steps=tuple(steps.values()),
        outputs=pipeline.outputs,
    )


class _Check:
    def __init__(self, line_of: Callable[..., int], find: Find, findings: Findings) -> None:
        self._line_of = line_of
        self._find = find
        self._findings = findings

    def resolve(self, step: Step) -> ResolvedStep | None:
        """The step with its version and values; None, with findings, where there is no module. What
        names no version is checked by the newest, so that all is said at once.
        """
        line = self._line_of("step", step.number, "module")
        try:
            document, version = self._find(step.module)
        except PublishError as error:
            self._findings.add(line, error.message, error.hint)
            return None
        module = f"{document['namespace']}/{document['name']}"
        if "@" not in step.module or "version" not in version:
            wanted = version.get("version") or "VERSION"
            said = f"{step.module} names no version, and a pipeline must be the same tomorrow"
            self._findings.add(line, said, f"write {module}@{wanted}")
            if "version" not in version:
                return None
        self._warn(line, step, document, version)
        values = self._values(step, version["parameters"])
        return ResolvedStep(step=step, document=document, version=version, values=values)

    def _warn(self, line: int, step: Step, document: Document, version: Document) -> None:
        if version.get("yanked"):
            said = f"{step.module} is yanked: {version['yank_reason']}"
            self._findings.add(line, said, "it still runs; look for a newer one", "warning")
        if reason := deprecation(document, version):
            said = f"{step.module} is deprecated: {reason}"
            self._findings.add(line, said, "it still runs; look for another", "warning")

    def _values(self, step: Step, parameters: list[Document]) -> dict[str, Any]:
        """The values of a step's parameters, each with a finding of its own where it is wrong."""
        by_name = {python_name(each["name"]): each for each in parameters}
        values: dict[str, Any] = {}
        for name, value in step.parameters.items():
            line = self._line_of("step", step.number, "parameters", name)
            parameter = by_name.get(python_name(name))
            if parameter is None or python_name(name) in map(python_name, REQUIRED_PATHS):
                self._add_unknown(line, name, parameters)
                continue
            try:
                values |= read_values([parameter], {}, given={parameter["name"]: value})
            except PublishError as error:
                self._findings.add(line, error.message, error.hint)
        self._add_missing(step, parameters)
        return values

    def _add_unknown(self, line: int, name: str, parameters: list[Document]) -> None:
        others = [each for each in parameters if each["name"] not in REQUIRED_PATHS]
        said, _, hint = unknown(name, others).partition(", ")
        self._findings.add(line, said, hint)

    def _add_missing(self, step: Step, parameters: list[Document]) -> None:
        given = {python_name(name) for name in step.parameters}
        named_ = {each["name"] for each in parameters if python_name(each["name"]) in given}
        missing = missing_parameters(parameters, named_, REQUIRED_PATHS)
        for word in missing:
            name = word.removeprefix("-p ").partition("=")[0]
            line = self._line_of("step", step.number, "parameters")
            said = f"{step.name} lacks the parameter {name}"
            self._findings.add(line, said, f"write {name} = ... under [step.parameters]")

    def data_types(
        self, step: ResolvedStep, pipeline: Pipeline, steps: Mapping[str, ResolvedStep]
    ) -> None:
        """Findings where what a step gets is not what its module takes."""
        line = self._line_of("step", step.step.number, "input")
        sources = step.step.source_names()
        takes = f"{step.module} takes {_words(step.version['inputs'])}"
        if not sources and not step.takes_nothing:
            said = f"{step.name} has no input, and {takes}"
            self._findings.add(line, said, 'write input = "..."')
        if sources and step.takes_nothing:
            self._findings.add(line, f"{step.module} takes no data", "leave out its input")
            return
        for name in sources:
            made = [pipeline.inputs[name]] if name in pipeline.inputs else []
            if name in steps:
                made = steps[name].version["outputs"]
            if not _fits(made, step.version["inputs"]):
                said = f"{name} is {_words(made)}, and {takes}"
                self._findings.add(line, said, "put a step between them, or take another module")


def _fits(made: list[str], taken: list[str]) -> bool:
    """True where data of these types may be taken; a module that says no type takes any."""
    if made == [_NOTHING]:
        return False
    return not made or not taken or _ANY in {*made, *taken} or bool({*made} & {*taken})


def _words(words: list[str]) -> str:
    return ", ".join(words) or "any data"

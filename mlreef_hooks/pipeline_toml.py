"""`pipeline.toml`: what it may say, read into a `Pipeline`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlreef_hooks.manifest import DATA_TYPES
from mlreef_hooks.pipeline import (
    NAME,
    NAME_HINT,
    Findings,
    Pipeline,
    PipelineFile,
    Place,
    Sources,
    Step,
)
from mlreef_hooks.pipeline_order import order_steps
from mlreef_hooks.problems import did_you_mean
from mlreef_hooks.toml_lines import KeyLines, TomlError, read_toml

BYTES = 1 << 18  # of the whole file
_STEPS = 500
_KEYS = ("title", "inputs", "step", "outputs")
_STEP_KEYS = ("name", "module", "input", "parameters")
_SHOWN = 60


def read_pipeline(content: bytes, findings: Findings) -> PipelineFile | None:
    """What a file says, as far as it can be read; None, with findings, where it is no TOML.

    With errors among the findings it is no pipeline that could run.
    """
    document = _read_document(content, findings)
    if document is None:
        return None
    value, lines = document
    pipeline = _Reading(value, lines, findings).pipeline()
    steps = order_steps(pipeline, lines, findings)
    ordered = replace(pipeline, steps=steps, outputs=pipeline.outputs or _ends(pipeline))
    return PipelineFile(pipeline=ordered, line_of=lines.of)


def _ends(pipeline: Pipeline) -> dict[str, str]:
    """The steps that nobody takes data of: the outputs of a pipeline that names none."""
    taken = {name for step in pipeline.steps for name in step.source_names()}
    return {step.name: step.name for step in pipeline.steps if step.name not in taken}


def _read_document(content: bytes, findings: Findings) -> tuple[dict[str, Any], KeyLines] | None:
    if len(content) > BYTES:
        findings.add(1, "this is too large for a pipeline", f"write up to {BYTES} bytes")
        return None
    try:
        return read_toml(content)
    except TomlError as fault:
        findings.add(fault.line or 1, fault.message, fault.hint)
        return None


class _Reading:
    """One document on its way to a pipeline; every finding has the line of its key."""

    def __init__(self, document: Mapping[str, Any], lines: KeyLines, findings: Findings) -> None:
        self._document = document
        self._lines = lines
        self._findings = findings

    def pipeline(self) -> Pipeline:
        """What the document says, as far as it can be read."""
        self._check_keys((), self._document, _KEYS, "a pipeline")
        title = self._document.get("title", "")
        if not isinstance(title, str):
            self._add(("title",), "title is not a text", 'write title = "..."')
        steps = tuple(self._steps())
        if not steps and not self._findings.errors:
            self._findings.add(1, "there is no step", "write [[step]] with name, module and input")
        return Pipeline(
            title=str(title),
            inputs=dict(self._named("inputs", self._data_type)),
            steps=steps,
            outputs=dict(self._named("outputs", self._step_name)),
        )

    def _add(self, place: Place, message: str, hint: str) -> None:
        self._findings.add(self._lines.of(*place), message, hint)

    def _check_keys(
        self, place: Place, table: Mapping[str, Any], known: tuple[str, ...], where: str
    ) -> None:
        for key in table.keys() - {*known}:
            message = f"{key[:_SHOWN]!r} is not a key of {where}"
            self._add((*place, key), message, did_you_mean(key, list(known)))

    def _table(self, place: Place, value: Any, hint: str) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self._add(place, f"{place[-1]} is not a table", hint)
        return {}

    def _named(self, key: str, read: Any) -> Iterator[tuple[str, str]]:
        """The names of a table and what `read` makes of their values."""
        table = self._table((key,), self._document.get(key, {}), f"write [{key}]")
        for name, value in table.items():
            if self._is_name((key, name), name):
                yield name, read((key, name), value)

    def _is_name(self, place: Place, name: object) -> bool:
        if isinstance(name, str) and NAME.fullmatch(name):
            return True
        self._add(place, f"{str(name)[:_SHOWN]!r} is not a name", NAME_HINT)
        return False

    def _data_type(self, place: Place, value: Any) -> str:
        word = value.upper() if isinstance(value, str) else ""
        if word not in DATA_TYPES:
            hint = did_you_mean(word, list(DATA_TYPES))
            self._add(place, f"{str(value)[:_SHOWN]!r} is not a type of data", hint)
            return "ANY"  # one finding is enough
        return word

    def _step_name(self, place: Place, value: Any) -> str:
        return value if self._is_name(place, value) else ""

    def _steps(self) -> Iterator[Step]:
        tables = self._document.get("step", [])
        if not isinstance(tables, list) or len(tables) > _STEPS:
            self._add(("step",), "step is no list of steps", f"write [[step]], up to {_STEPS}")
            return
        for number, value in enumerate(tables):
            yield self._step(number, self._table(("step", number), value, "write [[step]]"))

    def _step(self, number: int, table: Mapping[str, Any]) -> Step:
        place: Place = ("step", number)
        self._check_keys(place, table, _STEP_KEYS, "[[step]]")
        for key in ("name", "module"):
            if key not in table:
                self._add(place, f"a step has no {key}", f'write {key} = "..."')
        name = table.get("name", "")
        if "name" in table:
            self._is_name((*place, "name"), name)
        parameters = table.get("parameters", {})
        return Step(
            name=str(name),
            module=self._module((*place, "module"), table.get("module", "")),
            sources=self._sources((*place, "input"), table.get("input", "")),
            parameters=self._table((*place, "parameters"), parameters, "write [step.parameters]"),
            number=number,
        )

    def _module(self, place: Place, value: Any) -> str:
        if not isinstance(value, str):
            self._add(place, "module is not a text", 'write module = "NAMESPACE/NAME@VERSION"')
            return ""
        return value

    def _sources(self, place: Place, value: Any) -> Sources:
        if isinstance(value, str):
            return value
        hint = 'write input = "NAME", or input = { FOLDER = "NAME", ... } for several'
        if not isinstance(value, dict) or not value:
            self._add(place, "input is not a name, and no table of names", hint)
            return ""
        for folder, name in value.items():
            self._is_name((*place, folder), folder)
            if not isinstance(name, str):
                self._add((*place, folder), f"{folder[:_SHOWN]!r} is not the name of data", hint)
        return {folder: str(name) for folder, name in value.items()}

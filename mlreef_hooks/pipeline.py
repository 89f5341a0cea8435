"""A pipeline: steps that are modules, what goes into each, and what comes out; and its findings."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import counted
from mlreef_hooks.problems import Severity, printable

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")  # of an input, a step, an output
NAME_HINT = "write letters, digits, _ and -, up to 63 of them"
Place = tuple[str | int, ...]  # of a key in the file
Sources = str | Mapping[str, str]  # one input or step, or several by the names of their folders


@dataclass(frozen=True, kw_only=True)
class Step:
    """One module in a pipeline. `module` is `NAMESPACE/NAME@VERSION`, as it is written.

    `sources` are names of inputs of the pipeline or of other steps; empty where the module takes no
    data. `number` is the place among the steps of the file, from 0.
    """

    name: str
    module: str
    sources: Sources = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0

    def source_names(self) -> tuple[str, ...]:
        """The inputs and steps whose data this step takes."""
        if isinstance(self.sources, str):
            return (self.sources,) if self.sources else ()
        return tuple(self.sources.values())


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Steps in an order in which they can run; `inputs` have a data type each, `outputs` a step."""

    title: str
    inputs: Mapping[str, str]
    steps: tuple[Step, ...]
    outputs: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PipelineFile:
    """A file that was read: the pipeline, and what tells the line of each key."""

    pipeline: Pipeline
    line_of: Callable[..., int]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is wrong in a pipeline's file; `line` counts from 1."""

    severity: Severity
    path: str
    line: int
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.path}:{self.line}: {self.message}: {self.hint}"


class Findings:
    """All that is wrong in one file, so that its author sees everything at once."""

    def __init__(self, path: str) -> None:
        """`path` is what the file is called."""
        self.path = path
        self._found: dict[Finding, None] = {}  # in order, each once

    def add(self, line: int, message: str, hint: str, severity: Severity = "error") -> None:
        """Add one; the texts may quote the file, whose characters may be any."""
        found = Finding(
            severity=severity,
            path=printable(self.path),
            line=line,
            message=printable(message),
            hint=printable(hint),
        )
        self._found.setdefault(found)

    def __iter__(self) -> Iterator[Finding]:
        """The findings by line."""
        return iter(sorted(self._found, key=lambda found: found.line))

    @property
    def errors(self) -> int:
        """How many of them keep the pipeline from being run."""
        return sum(found.severity == "error" for found in self._found)

    def refuse(self) -> None:
        """PublishError where there is an error."""
        if self.errors:
            said = f"{printable(self.path)} has {counted(self.errors, 'error')}"
            raise PublishError(said, "nothing was started; correct the lines above")

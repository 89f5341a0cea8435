"""The exports by their names: how a module and how a pipeline is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlreef_hooks.exports.cwl import write_tool, write_workflow
from mlreef_hooks.exports.gitlab_ci import write_gitlab_ci
from mlreef_hooks.index import Document
from mlreef_hooks.pipeline import Step
from mlreef_hooks.pipeline_check import ResolvedPipeline, ResolvedStep

_INPUT = "input"  # what a single module's data are called


@dataclass(frozen=True, kw_only=True)
class Export:
    """A format: how a pipeline is written; how a module is, with the values of its parameters.

    `takes_values` is false where the values are given when it is run.
    """

    pipeline: Callable[[ResolvedPipeline], str]
    module: Callable[[Document, Document, Mapping[str, Any]], str]
    takes_values: bool


def _tool(document: Document, version: Document, values: Mapping[str, Any]) -> str:
    return write_tool(document, version)


def _job(document: Document, version: Document, values: Mapping[str, Any]) -> str:
    return write_gitlab_ci(pipeline_of(document, version, values))


EXPORTS: Mapping[str, Export] = {
    "cwl": Export(pipeline=write_workflow, module=_tool, takes_values=False),
    "gitlab-ci": Export(pipeline=write_gitlab_ci, module=_job, takes_values=True),
}


def pipeline_of(
    document: Document, version: Document, values: Mapping[str, Any]
) -> ResolvedPipeline:
    """A pipeline of this one module, whose only input is `input`."""
    name = document["name"].replace(".", "-")
    step = Step(name=name, module="", sources=_INPUT)
    resolved = ResolvedStep(step=step, document=document, version=version, values=values)
    return ResolvedPipeline(
        title="", inputs={_INPUT: "ANY"}, steps=(resolved,), outputs={name: name}
    )

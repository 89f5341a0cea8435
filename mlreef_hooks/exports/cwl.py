"""CWL v1.2 (https://www.commonwl.org/v1.2/): modules as CommandLineTools, pipelines as Workflows.

The image's own entry point is the command. The output is the runner's output folder itself: a
folder in it would have to be made by the module, and some expect one that is there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.exports.cwl_inputs import (
    END_OF_OPTIONS,
    OPTIONS,
    cwl_value,
    is_path,
    joined,
    needs_end_of_options,
    option_of,
    parameter_inputs,
)
from mlreef_hooks.exports.images import registry_name
from mlreef_hooks.exports.yaml_text import write_yaml
from mlreef_hooks.pipeline_check import ResolvedPipeline, ResolvedStep

Document = dict[str, Any]
VERSION = "v1.2"
INPUT, OUTPUT = "/input", "/output"  # in the container
DATA, MADE = "input-path", "output"  # the input of a tool that is data, and its output
# A runner lets the output folder be the home. What is kept there for a next time is no output.
_CACHES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
_SCRATCH = "/tmp"  # noqa: S108
_MEMORY = re.compile("[0-9]{1,9}[kmg]")
_ANY_DATA = ["Directory", "File"]


def write_tool(document: Document, version: Document) -> str:
    """A module's version as a CWL file."""
    return write_yaml({"cwlVersion": VERSION, **tool(document, version)})


def write_workflow(pipeline: ResolvedPipeline) -> str:
    """A pipeline as one CWL file, with its modules in it."""
    outputs = {
        name: {"type": "Directory", "outputSource": f"{_step_id(step)}/{MADE}"}
        for name, step in pipeline.outputs.items()
    }
    steps = {_step_id(step.name): _step(pipeline, step) for step in pipeline.steps}
    label = {"label": pipeline.title} if pipeline.title else {}
    inputs = {name: {"type": _ANY_DATA, "doc": kind} for name, kind in pipeline.inputs.items()}
    head = {"cwlVersion": VERSION, "class": "Workflow", **label}
    return write_yaml({**head, "inputs": inputs, "outputs": outputs, "steps": steps})


def tool(document: Document, version: Document, folders: Sequence[str] = ()) -> Document:
    """A CommandLineTool; with several `folders` its data are as many inputs, by their names."""
    parameters = version["parameters"]
    return {
        "class": "CommandLineTool",
        "label": document["title"],
        "doc": _doc(document, version),
        "requirements": _requirements(version, folders),
        "inputs": {**_data_inputs(parameters, folders), **parameter_inputs(parameters)},
        "arguments": _arguments(parameters, folders),
        "outputs": {MADE: {"type": "Directory", "outputBinding": {"glob": "."}}},
    }


def _doc(document: Document, version: Document) -> str:
    called = f"{document['namespace']}/{document['name']} {version['version']}"
    return f"{called}\n{document['description']}".strip()


def _requirements(version: Document, folders: Sequence[str]) -> Document:
    own = version["environment"]
    variables = {name: _SCRATCH for name in _CACHES if name not in own}
    requirements: Document = {
        "DockerRequirement": {**_image(version["image"]), "dockerOutputDirectory": OUTPUT},
        "NetworkAccess": {"networkAccess": False},
        "EnvVarRequirement": {"envDef": variables},
    }
    if memory := version["resources"].get("memory"):
        requirements["ResourceRequirement"] = {"ramMin": _mebibytes(memory)}
    if folders:
        listing = [_staged(name) for name in folders]
        requirements["InitialWorkDirRequirement"] = {"listing": listing}
    return requirements


def _mebibytes(memory: str) -> int:
    if not _MEMORY.fullmatch(memory):
        raise PublishError(f"{memory[:20]!a} is no amount of memory", "its author writes it as 4g")
    kibibytes = int(memory[:-1]) << {"k": 0, "m": 10, "g": 20}[memory[-1]]
    return -(-kibibytes // 1024)


def _image(image: Mapping[str, Any]) -> Document:
    """The image by digest in its registry, else by the id that the engine which has it knows."""
    if name := registry_name(image):
        return {"dockerPull": name}
    return {"dockerImageId": image.get("id", image["digest"])}


def _staged(name: str) -> Document:
    return {"entryname": f"{INPUT}/{name}", "entry": f"$(inputs['{data_input(name)}'])"}


def data_input(folder: str) -> str:
    """The input of one of several folders; no parameter's name has a dot."""
    return f"{DATA}.{folder}" if folder else DATA


def _data_inputs(parameters: Sequence[Mapping[str, Any]], folders: Sequence[str]) -> Document:
    if folders:
        return {data_input(name): {"type": _ANY_DATA} for name in folders}
    (path,) = [each for each in parameters if is_path(each) and _is_input(each)]
    document: Document = {"type": _ANY_DATA}
    document["inputBinding"] = {"position": OPTIONS, **joined(str(option_of(path)))}
    if path["description"]:
        document["doc"] = path["description"]
    return {DATA: document}


def _is_input(parameter: Mapping[str, Any]) -> bool:
    return str(parameter["name"]).startswith("input")


def _arguments(parameters: Sequence[Mapping[str, Any]], folders: Sequence[str]) -> list[Document]:
    arguments = []
    for path in filter(is_path, parameters):
        if not _is_input(path) or folders:
            place = INPUT if _is_input(path) else OUTPUT
            words = {"position": OPTIONS, **joined(str(option_of(path))), "valueFrom": place}
            arguments.append(words)
    if needs_end_of_options(parameters):
        arguments.append({"position": END_OF_OPTIONS, "valueFrom": "--"})
    return arguments


def _step_id(name: str) -> str:
    return f"step.{name}"  # an output may have the name of its step


def _step(pipeline: ResolvedPipeline, step: ResolvedStep) -> Document:
    sources = step.step.sources
    folders = () if isinstance(sources, str) else tuple(sources)
    pairs = {"": sources} if isinstance(sources, str) else sources
    data: Document = {
        data_input(folder): _source(pipeline, source) for folder, source in pairs.items()
    }
    by_name = {each["name"]: each for each in step.version["parameters"]}
    values = {
        name: {"default": cwl_value(by_name[name], value)} for name, value in step.values.items()
    }
    return {
        "run": tool(step.document, step.version, folders),
        "in": {**data, **values},
        "out": [MADE],
    }


def _source(pipeline: ResolvedPipeline, source: str) -> Any:
    if not source:
        return {"default": {"class": "Directory", "basename": "no-data", "listing": []}}
    return source if source in pipeline.inputs else f"{_step_id(source)}/{MADE}"

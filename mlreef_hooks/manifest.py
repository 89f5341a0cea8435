"""What a code module is: its names, kind, data types, parameters, requirements, environment.

The words are MLReef's (https://doc.mlreef.com): kinds, data types, parameter types, visibilities.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSONValue = None | bool | int | float | str | list["JSONValue"] | dict[str, "JSONValue"]

KINDS: Mapping[str, str] = {
    "ALGORITHM": "model",
    "OPERATION": "data-operation",
    "VISUALIZATION": "data-visualization",
}
DATA_TYPES = (
    "ANY", "AUDIO", "BINARY", "HIERARCHICAL", "IMAGE", "MODEL", "NONE", "NUMBER", "TABULAR", "TEXT",
    "TIME_SERIES", "VIDEO",
)  # fmt: skip
# What people may write for a kind, or a data type, and what it means.
KIND_WORDS: Mapping[str, str] = {**{kind: kind for kind in KINDS.values()}, **KINDS}
TYPE_WORDS: Mapping[str, str] = {word: word for word in DATA_TYPES}
PARAMETER_TYPES = (
    "string", "integer", "float", "complex", "boolean", "list", "tuple", "dictionary", "object",
    "undefined",
)  # fmt: skip
PYTHON_TYPES: Mapping[str, str] = {
    "str": "string", "int": "integer", "float": "float", "complex": "complex", "bool": "boolean",
    "list": "list", "tuple": "tuple", "dict": "dictionary",
}  # fmt: skip
VISIBILITIES = ("private", "internal", "public")  # from narrow to wide
METRICS = ("RECALL", "PRECISION", "F1_SCORE", "UNDEFINED")
REQUIRED_PATHS = ("input-path", "output-path")  # the two that a pipeline fills
REMAINDER = "..."  # argparse's word for a positional argument that takes all that is left
PARAMETER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
MODULE_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


def are_names(namespace: str, name: str) -> bool:
    """True where a module may be called so in an index; what else is asked for would be a path, or
    a part of an address.
    """
    return all(map(MODULE_NAME.fullmatch, (*namespace.split("/"), name)))


def python_name(name: str) -> str:
    """The name as Python sees it: `input-path` is `input_path`."""
    return name.replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a module and how it is written on the command line.

    `type` is one of `PARAMETER_TYPES`. `option` is what stands before the value (`--angle`), None
    for a positional argument. `nargs` has argparse's meaning: None for one value, 0 for a flag, a
    number, or one of `?`, `*`, `+`, `...`. `negative` is the option that switches a flag off
    (`--no-shuffle`), or the text that the program takes for false (`type=bool`); `repeated` says
    that each value is written with an option of its own. `line` (from 1) is the place in the entry
    point and is not part of the document.
    """

    name: str
    type: str
    required: bool
    default: JSONValue
    description: str
    choices: tuple[JSONValue, ...] | None = None
    option: str | None = None
    nargs: int | str | None = None
    negative: str | None = None
    repeated: bool = False
    line: int = field(default=0, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The parameter as in the index."""
        return {
            "name": self.name,
            "type": self.type,
            "required": self.required,
            "default": self.default,
            "description": self.description,
            "choices": None if self.choices is None else list(self.choices),
            "option": self.option,
            "nargs": self.nargs,
            "negative": self.negative,
            "repeated": self.repeated,
        }


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric that a module names: one of `METRICS`, and the variables it is computed from."""

    name: str
    ground_truth: str
    prediction: str


@dataclass(frozen=True, kw_only=True)
class ExternalImport:
    """Something that a module imports when it starts, by its dotted name and the place."""

    path: str
    line: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a module needs of a machine; `memory` as in `4g`, None where nothing is said."""

    gpu: bool = False
    memory: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The resources as in the index."""
        return {"gpu": self.gpu, "memory": self.memory}


@dataclass(frozen=True, kw_only=True)
class ModuleManifest:
    """Everything a code project says about its module, checked.

    `name` fits `MODULE_NAME`; `kind` is a value of `KINDS`; `inputs` and `outputs` are words of
    `DATA_TYPES`; `visibility` is the widest that the author wants, None where nothing is said.
    `requirements` are the requirements of the tree for people, includes followed, in their order;
    `requirements_files` are the files that pip is given, by name. `base` names a base environment
    of the site. `argparse` is true where the entry point parses its options with argparse, so that
    it answers `--help`; `imports` are those that are sure to be needed and no files of the tree.
    `picture` is the path of a PNG or JPEG in the tree, None where it has none.
    `tags` are words to find it by.
    """

    name: str
    title: str
    description: str
    kind: str
    author: str | None
    visibility: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    entry_point: str
    parameters: tuple[Parameter, ...]
    metrics: tuple[Metric, ...]
    requirements: tuple[str, ...]
    requirements_files: Mapping[str, str]
    base: str
    environment: Mapping[str, str]
    resources: Resources
    licenses: str | None
    argparse: bool
    imports: tuple[ExternalImport, ...] = ()
    picture: str | None = None
    tags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The manifest as the `module` object of `mlreef-hooks check --format json`."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "kind": self.kind,
            "author": self.author,
            "tags": list(self.tags),
            "visibility": self.visibility,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "entry_point": self.entry_point,
            "parameters": [parameter.to_json() for parameter in self.parameters],
            "requirements": list(self.requirements),
            "base": self.base,
            "environment": dict(self.environment),
            "resources": self.resources.to_json(),
        }

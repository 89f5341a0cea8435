"""The JSON Schema of a module's parameters: what the index says of their values."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlreef_hooks.manifest import Parameter

_JSON_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "float": {"type": "number"},
    "complex": {"type": "string"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array"},
    "tuple": {"type": "array"},
    "dictionary": {"type": "object"},
    "object": {},
    "undefined": {},
}


def parameters_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """A JSON Schema (2020-12) that the parameter values of one run must fit."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {parameter.name: _value_schema(parameter) for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.required],
        "additionalProperties": False,
    }


def _value_schema(parameter: Parameter) -> dict[str, Any]:
    schema = dict(_JSON_TYPES[parameter.type])
    if parameter.choices is not None:
        choices = {"enum": list(parameter.choices)}
        schema |= {"items": choices} if schema.get("type") == "array" else choices
    if isinstance(parameter.nargs, int) and parameter.nargs > 0 and not parameter.repeated:
        schema |= {"minItems": parameter.nargs, "maxItems": parameter.nargs}
    if parameter.description:
        schema["description"] = parameter.description
    if parameter.default is not None:
        schema["default"] = parameter.default
    return schema

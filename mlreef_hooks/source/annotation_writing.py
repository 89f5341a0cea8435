"""Annotations written for parameters that only argparse has: the text of a file with them."""

import ast
from collections.abc import Mapping, Sequence

from mlreef_hooks.manifest import JSONValue, Parameter
from mlreef_hooks.source.annotation_fields import PARAMETER
from mlreef_hooks.source.annotations import parameter_annotations
from mlreef_hooks.source.inserted_lines import SourceLines

_ORDER = ("name", "type", "required", "defaultValue")


def add_annotations(content: bytes, parameters: Sequence[Parameter]) -> bytes | None:
    """A file with an annotation for each parameter, below its last one and written as that is.

    `content` compiles. None where there is no annotation of a parameter on lines of its own.
    """
    module, lines = ast.parse(content), SourceLines.of(content)
    there = parameter_annotations(module)
    if lines is None or not there or not lines.alone(there[-1], before="@"):
        return None
    words = _spellings(there)
    added = [_decorator(there[-1], parameter, words) for parameter in parameters]
    return lines.insert_below(there[-1], added)


def literal(value: JSONValue) -> str:
    """A value as Python source, whole; texts in double quotes where they hold none."""
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and '"' not in text else text


def _spellings(there: Sequence[ast.Call]) -> Mapping[str, str]:
    """How a file spells the arguments: a function of its own may take no other spelling."""
    used = [keyword.arg for call in there for keyword in call.keywords if keyword.arg]
    return {PARAMETER.spellings.get(word, word): word for word in used}


def _decorator(model: ast.Call, parameter: Parameter, words: Mapping[str, str]) -> str:
    values = [literal(parameter.name), f'"{parameter.type.upper()}"', str(parameter.required)]
    if parameter.default is not None:
        values.append(literal(parameter.default))
    keywords = bool(model.keywords) and len(model.args) == 0
    said = [
        f"{words.get(word, word)}={value}" if keywords or _is_keyword(model, place) else value
        for place, (word, value) in enumerate(zip(_ORDER, values, strict=False))
    ]
    return f"@{ast.unparse(model.func)}({', '.join(said)})"


def _is_keyword(model: ast.Call, place: int) -> bool:
    """True for an argument that the model, which begins by position, has by keyword."""
    return bool(model.keywords) and place >= len(model.args)

"""MLReef annotations of a Python file: what `data_processor`, `parameter` and `metric` say.

The vocabulary is MLReef's (https://doc.mlreef.com). A decorator counts as an annotation

* under its plain name, since scripts define the annotations themselves as functions that do
  nothing, or use them without any definition;
* as an attribute or an import of a module whose name begins with `mlreef`, under any alias;
* imported from any other module only in a file that has a `data_processor`: `param`, `parameter`,
  `processor` and `metric` are names that other libraries use too;
* as an attribute of anything else (`pytest.mark.parameter`): never.

A file without a `data_processor` or a `parameter` carries no annotations: a lone `metric` is
another library's.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import Metric, Parameter
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.annotation_arguments import AnnotationArguments, Signature
from mlreef_hooks.source.annotation_fields import (
    METRIC,
    PARAMETER,
    PROCESSOR,
    Processor,
    read_metric,
    read_parameter,
    read_processor,
)
from mlreef_hooks.source.names import dotted_name, imported_names
from mlreef_hooks.source.nodes import nodes_of
from mlreef_hooks.source.parameters import distinct_parameters
from mlreef_hooks.source.source_file import SourceFile

__all__ = [
    "ANNOTATION_WORDS",
    "Annotations",
    "Processor",
    "carries_annotations",
    "read_annotations",
]

# A file without any of these words carries no annotations. They are the decorators as they are
# usually written; one that goes by an alias is imported from `mlreef...` or with `data_processor`.
ANNOTATION_WORDS = ("data_processor", "@processor", "@param", "mlreef")

_SIGNATURES: Mapping[str, Signature] = {
    "data_processor": PROCESSOR,
    "processor": PROCESSOR,
    "parameter": PARAMETER,
    "param": PARAMETER,
    "metric": METRIC,
}
_DECORATED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """What the annotations of a file say, as far as they can be read."""

    processor: Processor | None
    parameters: tuple[Parameter, ...]
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, kw_only=True)
class _Annotation:
    """One annotation: the decorator, and the function (by number) that it stands on."""

    decorator: ast.expr
    signature: Signature
    function: int
    word: str
    foreign: bool  # imported from a module that is not MLReef's


def carries_annotations(module: ast.Module) -> bool:
    """True where a file has a `data_processor` or a `parameter` annotation."""
    return bool(_find_annotations(module))


def read_annotations(module: ast.Module, path: str, problems: Problems) -> Annotations | None:
    """What the annotations of a file say, None where it has none; their faults as findings."""
    found = _find_annotations(module)
    if not found:
        return None
    source = SourceFile.of(module, path, problems)
    _check_order(found, source)
    processors = [each for each in found if each.signature is PROCESSOR][:1]
    read = [read_processor(arguments) for arguments in _bind(processors, PROCESSOR, source)]
    parameters = [read_parameter(arguments) for arguments in _bind(found, PARAMETER, source)]
    metrics = [read_metric(arguments) for arguments in _bind(found, METRIC, source)]
    return Annotations(
        processor=read[0] if read else None,
        parameters=distinct_parameters([each for each in parameters if each is not None], source),
        metrics=tuple(dict.fromkeys(each for each in metrics if each is not None)),
    )


def parameter_annotations(module: ast.Module) -> list[ast.Call]:
    """The `parameter` annotations of a file, in the order of the source."""
    found = [each for each in _find_annotations(module) if each.signature is PARAMETER]
    return [each.decorator for each in found if isinstance(each.decorator, ast.Call)]


def _find_annotations(module: ast.Module) -> list[_Annotation]:
    """The annotations of a file in the order of the source; empty where they are another's."""
    functions = [node for node in nodes_of(module) if isinstance(node, _DECORATED)]
    decorated = [
        (decorator, function)
        for function, node in enumerate(functions)
        for decorator in node.decorator_list
    ]
    if not decorated:
        return []
    imported = imported_names(module)
    found = [
        annotation
        for decorator, function in decorated
        if (annotation := _annotation(decorator, function, imported)) is not None
    ]
    unmistakable = any(each.word == "data_processor" for each in found)
    if not unmistakable:
        found = [each for each in found if not each.foreign]
    called = any(isinstance(each.decorator, ast.Call) for each in found)
    if not any(each.signature is not METRIC for each in found) or not (unmistakable or called):
        return []
    return sorted(found, key=lambda each: (each.decorator.lineno, each.decorator.col_offset))


def _annotation(
    decorator: ast.expr, function: int, imported: Mapping[str, str]
) -> _Annotation | None:
    """The annotation that a decorator is; None where it is none."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = dotted_name(target, imported)
    if name is None:
        return None
    module, _, word = name.rpartition(".")
    mlreef = any(part.lower().startswith("mlreef") for part in module.split("."))
    if word not in _SIGNATURES or (isinstance(target, ast.Attribute) and not mlreef):
        return None
    return _Annotation(
        decorator=decorator,
        signature=_SIGNATURES[word],
        function=function,
        word=word,
        foreign=bool(module) and not mlreef,
    )


def _check_order(found: Sequence[_Annotation], source: SourceFile) -> None:
    """Add what stands where MLReef refuses it: "must be placed after" its `data_processor`."""
    processors = [each for each in found if each.signature is PROCESSOR]
    parameters = [each for each in found if each.signature is PARAMETER]
    for second in processors[1:]:
        source.add(
            "annotation-repeated",
            second.decorator.lineno,
            f"a second data_processor; the first stands in line {processors[0].decorator.lineno}",
            "remove one of them: a file holds one module",
        )
    if not processors:
        source.add(
            "annotation-order",
            parameters[0].decorator.lineno,
            "a parameter without a data_processor",
            f"write above it {PROCESSOR.line}",
        )
    _check_above(processors[:1], parameters, source)


def _check_above(
    processors: Sequence[_Annotation], parameters: Sequence[_Annotation], source: SourceFile
) -> None:
    for processor in processors:
        line = processor.decorator.lineno
        for parameter in parameters:
            above = parameter.decorator.lineno
            if parameter.function == processor.function and above < line:
                source.add(
                    "annotation-order",
                    above,
                    f"a parameter above its data_processor in line {line}",
                    f"move it below line {line}",
                )


def _bind(
    found: Sequence[_Annotation], signature: Signature, source: SourceFile
) -> list[AnnotationArguments]:
    """The arguments of the annotations of one kind; a finding for each without parentheses."""
    bound = []
    for each in found:
        if each.signature is not signature:
            continue
        if isinstance(each.decorator, ast.Call):
            bound.append(AnnotationArguments(each.decorator, signature, source))
        else:
            source.add(
                "annotation-argument",
                each.decorator.lineno,
                f"{signature.name} has no arguments",
                f"write {signature.line}",
            )
    return bound

"""What is asked of all parameters together: names of their own, and the two that all need."""

from collections.abc import Sequence
from typing import TypeVar

from mlreef_hooks.manifest import REQUIRED_PATHS, Parameter, python_name
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.source_file import SourceFile
from mlreef_hooks.source.wording import quoted

_NO_PATHS = ("integer", "float", "complex", "boolean", "dictionary")
Read = TypeVar("Read", bound=Parameter)


def check_required_paths(parameters: Sequence[Parameter], path: str, problems: Problems) -> None:
    """Add a finding for each of `input-path` and `output-path` that a pipeline could not fill."""
    by_name = {python_name(parameter.name): parameter for parameter in parameters}
    last = max((each.line for each in parameters), default=1)
    for name in REQUIRED_PATHS:
        parameter = by_name.get(python_name(name))
        fault = _fault_of_path(name, parameter)
        if fault:
            line = max(parameter.line if parameter else last, 1)
            call = f'parser.add_argument("--{name}", required=True)'
            annotation = f'@parameter(name="{name}", type="STRING", required=True)'
            hint = f"write {call}, and {annotation} where parameters are annotated"
            problems.add("parameter-path-missing", path, line, fault, hint)


def _fault_of_path(name: str, parameter: Parameter | None) -> str | None:
    """Why a pipeline cannot fill it with a path; None where it can."""
    if parameter is None:
        return f"the parameter {name} is missing"
    faults = {
        f"{name} is a positional argument, and pipelines fill --{name}": parameter.option is None,
        f"{name} is spelled {parameter.option}, and pipelines fill --{name}": (
            parameter.option not in (None, f"--{name}")
        ),
        f"{name} takes no value, and pipelines give it a path": parameter.nargs == 0,
        f"{name} has choices, and pipelines give it a path": parameter.choices is not None,
        f"{name} takes {parameter.type} values, and pipelines give it a path": (
            parameter.nargs != 0 and parameter.type in _NO_PATHS
        ),
    }
    return next((fault for fault, found in faults.items() if found), None)


def distinct_parameters(parameters: Sequence[Read], source: SourceFile) -> tuple[Read, ...]:
    """The parameters without those whose name an earlier one has, `-` and `_` taken as one."""
    distinct: dict[str, Read] = {}
    for parameter in parameters:
        first = distinct.setdefault(python_name(parameter.name), parameter)
        if first is not parameter:
            source.add(
                "parameter-repeated",
                parameter.line,
                f"{quoted(parameter.name)} stands in line {first.line} already",
                "remove one of them, or give it another name",
            )
    return tuple(distinct.values())

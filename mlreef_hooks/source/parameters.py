"""What is asked of all parameters together: names of their own, and the two that all need."""

from collections.abc import Sequence
from typing import TypeVar

from mlreef_hooks.manifest import REQUIRED_PATHS, Parameter, python_name
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.source_file import SourceFile
from mlreef_hooks.source.wording import quoted

Read = TypeVar("Read", bound=Parameter)


def check_required_paths(parameters: Sequence[Parameter], path: str, problems: Problems) -> None:
    """Add a finding for each of `input-path` and `output-path` that a pipeline could not fill."""
    by_name = {python_name(parameter.name): parameter for parameter in parameters}
    for name in REQUIRED_PATHS:
        parameter = by_name.get(python_name(name))
        call = f'parser.add_argument("--{name}", required=True)'
        annotation = f'@parameter(name="{name}", type="STRING", required=True)'
        if parameter is None:
            last = max((each.line for each in parameters), default=1)
            problems.add(
                "parameter-path-missing",
                path,
                max(last, 1),
                f"the parameter {name} is missing",
                f"write {call}, and {annotation} where parameters are annotated",
            )
        elif parameter.option is None:
            problems.add(
                "parameter-path-missing",
                path,
                parameter.line,
                f"{name} is a positional argument, and pipelines fill --{name}",
                f"write {call}",
            )


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

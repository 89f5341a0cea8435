"""`mlreef-hooks init`: the function that does a script's work, and its input and output, as they
are said, told or asked for.
"""

import sys

import click

from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import python_name
from mlreef_hooks.plain_text import plain
from mlreef_hooks.proposal.paths import Paths, find_paths, possible_paths
from mlreef_hooks.proposal.script import Script, script_of
from mlreef_hooks.proposal.working_function import (
    file_to_import,
    fitting_function,
    only_defines,
    possible_functions,
)

_SHOWN = 10


def with_function(script: Script, named: str | None, *, yes: bool) -> Script:
    """The script with the function that is `named`. Without a name one is needed only where
    starting the file does nothing: the one that fits, and that is said; else the one that is
    answered; PublishError where it cannot be told.
    """
    if named is None and (script.has_parser or script.function or not only_defines(script.module)):
        return script
    functions = possible_functions(script.module)
    if named is None and not functions:
        raise PublishError(
            f"{script.path} does nothing when it is started, and has no function with parameters",
            "begin with another file (--script FILE), or call in it what it should do",
        )
    chosen = named or _fitting(script) or _ask(script, functions[:_SHOWN], yes=yes)
    found = script_of(script.module, script.path, chosen)
    if found.function:
        return found
    if chosen in functions:
        better = file_to_import(script.path)
        raise PublishError(f"{script.path} cannot be imported by its name", f"call it {better}")
    raise PublishError(
        f"{script.path} has no public function {chosen} whose parameters all have names",
        f"it has {', '.join(functions[:_SHOWN])}" if functions else "begin without --function",
    )


def _fitting(script: Script) -> str:
    function, because = fitting_function(script.module)
    if function:
        said = f"the function {function} does the work, for {because}; --function names another"
        click.echo(plain(f"{script.path}: {said}"))
    return function


def _ask(script: Script, functions: list[str], *, yes: bool) -> str:
    if yes or not sys.stdin.isatty():
        raise PublishError(
            f"{script.path} does nothing when it is started, and has several functions:"
            f" {', '.join(functions)}",
            "name the one that does the work: --function NAME",
        )
    answer: str = click.prompt("Which function does the work", type=click.Choice(functions))
    return answer


def choose_paths(script: Script, reads: str | None, writes: str | None) -> Paths:
    """Its input and output: those that are named, else told by their names; PublishError for a
    name that no parameter has which could be a path.
    """
    possible = [each.name for each in possible_paths(script.parameters)]
    known = {python_name(each) for each in possible}
    for option, name in (("--reads", reads), ("--writes", writes)):
        if name is not None and python_name(name.lstrip("-")) not in known:
            some = f"it has {', '.join(possible[:_SHOWN])}" if possible else f"leave {option} out"
            raise PublishError(f"{script.path} has no parameter {name} that could be a path", some)
    return find_paths(script.parameters, *(each and each.lstrip("-") for each in (reads, writes)))

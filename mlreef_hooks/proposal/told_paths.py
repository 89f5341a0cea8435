"""What a wrapper does with the two folders, in words for its author."""

from mlreef_hooks.manifest import Parameter, python_name
from mlreef_hooks.proposal.paths import Paths, possible_paths
from mlreef_hooks.proposal.script import Script

_MOST = 10  # parameters that are named


def tell_paths(script: Script, paths: Paths) -> list[str]:
    """What is handed on as what; and for a folder that is not, how to say as what it should be."""
    source, target = paths.source, paths.target
    told = []
    if source is not None:
        told.append(f"--input-path is handed on as {_called(script, source)}")
    if target is not None:
        told.append(f"--output-path is handed on as {_called(script, target)}")
    if script.unread:
        told.append(f"some parameters of {script.path} cannot be read from it, and are left out")
    if script.parameters and source is None:
        said = "no parameter looks like its input: --input-path is not read"
        told.append(f"{said}{_how('--reads', script, paths)}")
    if script.parameters and target is None:
        does = "returns" if script.function else "prints"
        said = f"no parameter looks like its output: what it {does} becomes a file"
        told.append(f"{said}{_how('--writes', script, paths)}")
    return told


def called_in(script: Script, parameter: Parameter) -> str:
    """What a parameter is called there: a function has no options."""
    return python_name(parameter.name) if script.function else parameter.option or parameter.name


def _called(script: Script, parameter: Parameter) -> str:
    return f"{'the argument ' if script.function else ''}{called_in(script, parameter)}"


def _how(option: str, script: Script, paths: Paths) -> str:
    """The option of `init` that says which parameter it is, and which could be."""
    taken = (paths.source, paths.target)
    free = [
        each.name
        for each in possible_paths(script.parameters)
        if not any(each is one for one in taken)
    ]
    if not free:
        return ""
    return f"; if one is, say which ({', '.join(free[:_MOST])}): init {option} NAME"

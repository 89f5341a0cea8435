"""The script behind an entry point that `init` wrote: there, compiling, and agreeing with it."""

import ast
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import ExternalImport, Parameter
from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.wrapper_drift import find_differences
from mlreef_hooks.proposal.wrapper_mark import is_as_written
from mlreef_hooks.source.followed import follow_imports
from mlreef_hooks.source.names import binds_name
from mlreef_hooks.source.parsing import parse_source
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.source.wrapped_script import WrappedScript
from mlreef_hooks.tree import SourceTree

_LENGTH = 4096  # of a path; no file system holds a longer one


@dataclass(frozen=True, kw_only=True)
class Wrapper:
    """An entry point that hands on to a script: its path, source and parser's parameters."""

    path: str
    module: ast.Module
    parameters: Sequence[Parameter]
    script: WrappedScript


def check_script(
    wrapper: Wrapper, tree: SourceTree, python: str, problems: Problems
) -> tuple[ExternalImport, ...]:
    """What a wrapper and its script are sure to import from elsewhere; findings for the script,
    for what it imports, and for what differs between the two.
    """
    script = wrapper.script
    keep = script.path if script.function else None
    followed = follow_imports(wrapper.module, wrapper.path, tree, python, problems, keep=keep)
    fault = _fault_of_place(wrapper, followed.imports, tree)
    if fault:
        _report_place(wrapper, f"{quoted(script.named)} {fault}", problems)
    elif script.function and followed.kept:
        _check_function(wrapper, followed.kept, tree, problems)
    elif tree.get(script.path) and not script.function:
        return followed.imports + _check_started(wrapper, tree, python, problems)
    return followed.imports


def _fault_of_place(
    wrapper: Wrapper, imports: Sequence[ExternalImport], tree: SourceTree
) -> str | None:
    """Why the script cannot be started or imported; None where it can, or may be by a link."""
    script = wrapper.script
    if script.path == wrapper.path:
        return "is the entry point itself"
    if script.function:  # it may also be a package, or compiled
        external = {(each.path, each.line) for each in imports}
        found = (wrapper.path, script.line) not in external
    else:
        named = len(script.path) <= _LENGTH
        found = named and (tree.get(script.path) is not None or _is_linked(script, tree))
    return None if found else "is not a file of the repository"


def _is_linked(script: WrappedScript, tree: SourceTree) -> bool:
    """True where a link of the tree is on the way; what is behind it is not read."""
    return any(f"{script.path}/".startswith(f"{link}/") for link in tree.links())


def _report_place(wrapper: Wrapper, message: str, problems: Problems) -> None:
    hint = f"correct it, or write {wrapper.path} anew: {_remade(wrapper)}"
    problems.add("entry-point-not-found", wrapper.path, wrapper.script.line, message, hint)


def _check_function(
    wrapper: Wrapper, module: ast.Module, tree: SourceTree, problems: Problems
) -> None:
    function = wrapper.script.function
    if binds_name(module, function):
        _check_drift(wrapper, module, tree, problems)
    else:
        message = f"{quoted(wrapper.script.named)} has no function {quoted(function)}"
        _report_place(wrapper, message, problems)


def _check_started(
    wrapper: Wrapper, tree: SourceTree, python: str, problems: Problems
) -> tuple[ExternalImport, ...]:
    path = wrapper.script.path
    module = parse_source(tree, path, python, problems)
    if module is None:
        return ()
    _check_drift(wrapper, module, tree, problems)
    return follow_imports(module, path, tree, python, problems).imports


def _check_drift(
    wrapper: Wrapper, module: ast.Module, tree: SourceTree, problems: Problems
) -> None:
    found = find_differences(wrapper.module, wrapper.parameters, wrapper.script, module)
    hint = _hint(wrapper, module, tree) if found else ""
    for each in found:
        problems.add(each.rule, wrapper.path, each.line, each.message, hint)


def _hint(wrapper: Wrapper, behind: ast.Module, tree: SourceTree) -> str:
    # Most wrappers agree with their scripts.
    from mlreef_hooks.proposal.wrapper_use import needless, why_left

    reason = needless(wrapper.script, behind)
    if reason:
        return reason
    if is_as_written(tree.read(wrapper.path)):
        reason = why_left(wrapper.module, wrapper.script, behind)
        if not reason:
            return f"mlreef-hooks check --fix writes {wrapper.path} anew"
    named = f"--script {shlex.quote(wrapper.script.path)}"
    if wrapper.script.function:
        named = f"{named} --function {wrapper.script.function}"
    said = f"{reason}: " if reason else ""
    return f"{said}change it by hand, or write it anew: {_remade(wrapper)} {named}"


def _remade(wrapper: Wrapper) -> str:
    """The commands that write an entry point anew, whatever it was."""
    return f"rm {shlex.quote(wrapper.path)} && mlreef-hooks init --yes"

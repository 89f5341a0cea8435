"""A wrapper written anew for its script as that is now, where nobody has changed it, and where it
would not mean something else.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.annotating import annotate
from mlreef_hooks.proposal.function_wrapper import write_function_wrapper
from mlreef_hooks.proposal.script import script_of
from mlreef_hooks.proposal.told_paths import tell_paths
from mlreef_hooks.proposal.wrapper import write_wrapper
from mlreef_hooks.proposal.wrapper_mark import is_as_written, marked
from mlreef_hooks.proposal.wrapper_use import keep_paths, read_use, why_left
from mlreef_hooks.source.annotations import read_annotations
from mlreef_hooks.source.parsing import parse_own
from mlreef_hooks.source.wrapped_script import WrappedScript, find_wrapped_script


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """A wrapper, its script by name, and its content now, with what it does in words; or why it
    stays.
    """

    script: str
    content: bytes
    told: tuple[str, ...] = ()
    left: str = ""


def renew_wrapper(path: str, content: bytes, read: Callable[[str], bytes | None]) -> Renewal | None:
    """The wrapper at `path` as it should be; None for an entry point that is none. `read` answers
    the content of another file of the project, None where it has none.
    """
    module = parse_own(content)
    wrapped = find_wrapped_script(module, path) if module else None
    if module is None or wrapped is None:
        return None
    left = Renewal(script=wrapped.named, content=content)
    if not is_as_written(content):
        return replace(left, left="it was changed, or written by an earlier version")
    source = read(wrapped.path)
    behind = None if source is None else parse_own(source)
    if behind is None:
        return replace(left, left=f"{wrapped.named} cannot be read")
    reason = why_left(module, wrapped, behind)
    if reason:
        return replace(left, left=reason)
    script = script_of(behind, wrapped.named, wrapped.function)
    paths = keep_paths(read_use(module, wrapped), script)
    write = write_function_wrapper if script.function else write_wrapper
    text = marked(_annotated(write(script, paths), module, wrapped))
    line_end = "\r\n" if b"\r\n" in content else "\n"
    content = text.replace("\n", line_end).encode()
    return replace(left, content=content, told=tuple(tell_paths(script, paths)))


def _annotated(text: str, module: ast.Module, wrapped: WrappedScript) -> str:
    """The text with the annotations that the wrapper in `module` has."""
    annotations = read_annotations(module, wrapped.named, Problems())
    said = annotations.processor if annotations else None
    if said is None:
        return text
    inputs, outputs = " ".join(said.inputs), " ".join(said.outputs)
    title, kind = said.title or "", said.kind or ""
    return annotate(text, title=title, kind=kind, inputs=inputs, outputs=outputs)

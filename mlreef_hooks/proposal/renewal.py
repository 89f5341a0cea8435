"""A wrapper made anew for its script as that is now, where nobody has changed it."""

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.annotating import annotate
from mlreef_hooks.proposal.function_wrapper import write_function_wrapper
from mlreef_hooks.proposal.paths import find_paths
from mlreef_hooks.proposal.script import script_of
from mlreef_hooks.proposal.wrapper import write_wrapper
from mlreef_hooks.proposal.wrapper_mark import is_as_written, marked
from mlreef_hooks.source.annotations import read_annotations
from mlreef_hooks.source.wrapped_script import WrappedScript, find_wrapped_script


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """A wrapper, its script by name, and its content now; or why it stays, in words."""

    script: str
    content: bytes
    left: str = ""


def renew_wrapper(path: str, content: bytes, read: Callable[[str], bytes | None]) -> Renewal | None:
    """The wrapper at `path` as it should be; None for an entry point that is none. `read` answers
    the content of another file of the project, None where it has none.
    """
    module = _parsed(content)
    wrapped = find_wrapped_script(module, path) if module else None
    if module is None or wrapped is None:
        return None
    left = Renewal(script=wrapped.named, content=content)
    if not is_as_written(content):
        return replace(left, left="it was changed, or written by an earlier version")
    source = read(wrapped.path)
    script = None if source is None else _parsed(source)
    text = _text(module, wrapped, script) if script else ""
    if not text:
        return replace(left, left=f"{wrapped.named} is no script that can be handed parameters on")
    line_end = "\r\n" if b"\r\n" in content else "\n"
    return replace(left, content=text.replace("\n", line_end).encode())


def _parsed(content: bytes) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the author's own
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _text(module: ast.Module, wrapped: WrappedScript, source: ast.Module) -> str:
    """The text of the wrapper as `init` would write it, empty where it would write none."""
    script = script_of(source, wrapped.named, wrapped.function)
    if script.refused or script.dotted or script.function != wrapped.function:
        return ""
    write = write_function_wrapper if script.function else write_wrapper
    text = write(script, find_paths(script.parameters))
    annotations = read_annotations(module, wrapped.named, Problems())
    said = annotations.processor if annotations else None
    if said:
        inputs, outputs = " ".join(said.inputs), " ".join(said.outputs)
        title, kind = said.title or "", said.kind or ""
        text = annotate(text, title=title, kind=kind, inputs=inputs, outputs=outputs)
    return marked(text)

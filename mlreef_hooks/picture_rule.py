"""The rule of the picture that `mlreef.toml` names: a PNG or JPEG of the tree, of bounded size."""

import posixpath

from mlreef_hooks.module_keys import PATH
from mlreef_hooks.picture import PICTURE_BYTES, look_at_picture
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.tree import SourceTree


def check_picture(
    path: str | None, line: int | None, tree: SourceTree, problems: Problems
) -> str | None:
    """The path of the picture; None where there is none, with a finding where it is not fit."""
    if path is None:
        return None
    named = posixpath.normpath(path)
    entry = tree.get(named)
    if entry is None:
        fault, hint = "is not a file of the repository", "write its path from the root, and add it"
    elif entry.size > PICTURE_BYTES:
        fault, hint = f"has {entry.size} bytes", f"make it one of up to {PICTURE_BYTES} bytes"
    elif look_at_picture(tree.read(named)) is None:
        fault, hint = "is no PNG or JPEG to show", "save it as PNG, of up to 8192 pixels each way"
    else:
        return named
    problems.add("toml-value-invalid", PATH, line, f"the picture {quoted(path)} {fault}", hint)
    return None

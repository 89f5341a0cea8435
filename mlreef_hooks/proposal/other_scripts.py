"""The Python files that stand beside a script and have no part in its module."""

import posixpath

from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.script import Script, is_aside
from mlreef_hooks.source.imports import FOLLOWED, local_imports
from mlreef_hooks.source.parsing import parse_source
from mlreef_hooks.tree import SourceTree


def other_scripts(script: Script, tree: SourceTree, python: str) -> list[str]:
    """The files in the script's folder that could be scripts and that it does not import, neither
    itself nor by what it imports; in their order.
    """
    root = posixpath.dirname(script.path)
    waiting, seen = [script.path], {script.path}
    while waiting:
        module = parse_source(tree, each := waiting.pop(), python, Problems())
        for imported in sorted(set(local_imports(module, each, root, tree)) if module else ()):
            if imported not in seen and len(seen) < FOLLOWED:
                seen.add(imported)
                waiting.append(imported)
    files = [each.path for each in tree.all_entries() if each.is_file]
    beside = [each for each in files if each.endswith(".py") and posixpath.dirname(each) == root]
    package = posixpath.join(root, "__init__.py")
    return sorted(each for each in {*beside} - seen - {package} if not is_aside(each))

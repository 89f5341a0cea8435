"""The Python files that stand beside a script and have no part in its module."""

import posixpath

from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.script import Script, is_aside
from mlreef_hooks.source.followed import follow_imports
from mlreef_hooks.tree import SourceTree


def other_scripts(script: Script, tree: SourceTree, python: str) -> list[str]:
    """The files in the script's folder that could be scripts and that it does not import, neither
    itself nor by what it imports; in their order.
    """
    root = posixpath.dirname(script.path)
    own = follow_imports(script.module, script.path, tree, python, Problems()).files
    files = [each.path for each in tree.all_entries() if each.is_file]
    beside = [each for each in files if each.endswith(".py") and posixpath.dirname(each) == root]
    package = posixpath.join(root, "__init__.py")
    return sorted(each for each in {*beside} - own - {package} if not is_aside(each))

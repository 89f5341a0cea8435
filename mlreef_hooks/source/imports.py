"""Which files of the tree an entry point imports, by its `import` statements alone."""

import ast
import posixpath
from collections.abc import Iterator

from mlreef_hooks.tree import SourceTree

FOLLOWED = 2000  # files; a hostile tree could make a chain of any length


def local_imports(module: ast.Module, path: str, root: str, tree: SourceTree) -> Iterator[str]:
    """The files of the tree that the module at `path` imports; `root` is the entry point's folder.

    Python puts that folder first on `sys.path`, so `import a.b` is `a/b.py` below it.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(root, alias.name.split("."), tree)
        elif isinstance(node, ast.ImportFrom):
            start = _start(node.level, path, root)
            parts = node.module.split(".") if node.module else []
            yield from _files(start, parts, tree)
            for alias in node.names:
                yield from _files(start, [*parts, alias.name], tree)


def _start(level: int, path: str, root: str) -> str:
    if level == 0:
        return root
    folder = posixpath.dirname(path)
    for _ in range(min(level, 100) - 1):
        folder = posixpath.dirname(folder)
    return folder


def _files(start: str, parts: list[str], tree: SourceTree) -> Iterator[str]:
    """The package files on the way to a module, and the module itself."""
    for count in range(1, len(parts) + 1):
        place = posixpath.join(start, *parts[:count])
        for path in (f"{place}.py", f"{place}/__init__.py"):
            if tree.get(path):
                yield path

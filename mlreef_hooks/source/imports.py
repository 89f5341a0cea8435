"""Which files of the tree an entry point imports, by its `import` statements alone."""

import ast
import posixpath
from collections.abc import Iterator, Sequence

from mlreef_hooks.source.nodes import nodes_of
from mlreef_hooks.tree import SourceTree

FOLLOWED = 2000  # files; a hostile tree could make a chain of any length
FOLLOWED_TOKENS = 500_000  # of them together; to parse as many takes up to two seconds
_DEPTH = 100  # parts of a dotted name; a source could hold one of half a million
_LENGTH = 4096  # of a path; no file system holds a longer one


def local_imports(module: ast.Module, path: str, root: str, tree: SourceTree) -> Iterator[str]:
    """The files of the tree that the module at `path` imports; `root` is the entry point's folder.

    Python puts that folder first on `sys.path`, so `import a.b` is `a/b.py` below it.
    """
    for node in nodes_of(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(root, alias.name.split("."), tree)
        elif isinstance(node, ast.ImportFrom):
            start = _start(node.level, path, root)
            parts = node.module.split(".") if node.module else []
            yield from _files(start, parts, tree)
            package = posixpath.join(start, *parts[:_DEPTH])
            for alias in node.names:
                yield from _files(package, [alias.name], tree)


def _start(level: int, path: str, root: str) -> str:
    if level == 0:
        return root
    folder = posixpath.dirname(path)
    for _ in range(min(level, _DEPTH) - 1):
        folder = posixpath.dirname(folder)
    return folder


def _files(start: str, parts: Sequence[str], tree: SourceTree) -> Iterator[str]:
    """The package files on the way to a module, and the module itself."""
    place = start
    for part in parts[:_DEPTH]:
        if len(place) + len(part) > _LENGTH:
            return
        place = posixpath.join(place, part)
        for path in (f"{place}.py", f"{place}/__init__.py"):
            if tree.get(path):
                yield path

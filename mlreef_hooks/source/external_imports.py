"""What a module is sure to import when it starts, and that is no file of its tree."""

import ast
import posixpath
from collections.abc import Iterator, Sequence

from mlreef_hooks.manifest import ExternalImport
from mlreef_hooks.source.imports import local_imports
from mlreef_hooks.tree import SourceTree

_PATH = "sys.path"  # a program that changes it may find its modules anywhere


class ExternalImports:
    """Collects the imports of the files that are imported for sure, beginning with one."""

    def __init__(self, entry_point: str, tree: SourceTree) -> None:
        self._root = posixpath.dirname(entry_point)
        self._tree = tree
        self._certain = {entry_point}
        self._found: dict[ExternalImport, None] = {}
        self._anywhere = False

    def add(self, module: ast.Module, path: str) -> None:
        """Take the next file; those that import it came before."""
        if path not in self._certain:
            return
        self._anywhere |= any(_changes_path(node) for node in ast.walk(module))
        statements = [*_certain_imports(module)]
        certain = ast.Module(body=[*statements], type_ignores=[])
        self._certain |= set(local_imports(certain, path, self._root, self._tree))
        for statement in statements:
            for name in _names(statement):
                if not self._is_local(name.partition(".")[0]):
                    found = ExternalImport(path=path, line=statement.lineno, name=name)
                    self._found.setdefault(found)

    @property
    def found(self) -> tuple[ExternalImport, ...]:
        """The imports; none where the program looks for modules in places of its own."""
        return () if self._anywhere else tuple(self._found)

    def _is_local(self, name: str) -> bool:
        place = posixpath.join(self._root, name)
        files = (f"{place}.py", f"{place}/__init__.py")
        folders = (*self._tree.folders, *self._tree.known)
        inside = any(folder.startswith(f"{place}/") for folder in folders)
        return inside or any(self._tree.get(file) for file in files)


def _certain_imports(module: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports at the top of a module: neither in a function nor where they may fail."""
    for statement in module.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement


def _names(statement: ast.Import | ast.ImportFrom) -> Sequence[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [statement.module] if statement.module and not statement.level else []


def _changes_path(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == _PATH

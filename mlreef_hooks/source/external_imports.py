"""What a module is sure to import when it starts, and that is no file of its tree."""

import ast
import posixpath
from collections.abc import Iterator, Sequence
from functools import cached_property

from mlreef_hooks.manifest import ExternalImport
from mlreef_hooks.source.imports import local_imports
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_entry import FOLDER, SYMLINK

_SUFFIXES = (".py", ".pyc", ".so")  # of modules
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
                if name.partition(".")[0] not in self._local:
                    found = ExternalImport(path=path, line=statement.lineno, name=name)
                    self._found.setdefault(found)

    @property
    def found(self) -> tuple[ExternalImport, ...]:
        """The imports; none where the program looks for modules in places of its own."""
        return () if self._anywhere else tuple(self._found)

    @cached_property
    def _local(self) -> frozenset[str]:
        """What can be imported from the folder of the entry point, folders without a file too."""
        inside = self._tree.directly_in(posixpath.join(self._root, ""))
        return frozenset(_module_of(name, mode) for name, mode in inside.items())


def _module_of(name: str, mode: int) -> str:
    """The name by which what is in a folder is imported, empty where it cannot be."""
    if mode in (FOLDER, SYMLINK) and "." not in name:
        return name
    # As in turn.py, turn.so and turn.cpython-311-x86_64-linux-gnu.so
    return name.partition(".")[0] if name.endswith(_SUFFIXES) else ""


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

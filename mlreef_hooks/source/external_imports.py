"""What a module is sure to import when it starts, and that is no file of its tree."""

import ast
import posixpath
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

from mlreef_hooks.manifest import ExternalImport
from mlreef_hooks.source.imports import local_imports
from mlreef_hooks.source.nodes import nodes_of
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_entry import FOLDER, SYMLINK

_SUFFIXES = (".py", ".pyc", ".so")  # of modules
# A program that touches these may find its modules anywhere; other parts of sys are only read.
_MACHINERY = ("sys", "site")
_PLACES = ("path", "path_hooks", "path_importer_cache", "meta_path", "modules", "addsitedir", "*")
_VARIABLE = "PYTHONPATH"


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
        self._anywhere |= _changes_path(module) or self._may_follow_link(module)
        if path not in self._certain:
            return
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

    def _may_follow_link(self, module: ast.Module) -> bool:
        """True where it may import a file that is a link, or is behind one, which nobody read."""
        statements = (
            each for each in nodes_of(module) if isinstance(each, ast.Import | ast.ImportFrom)
        )
        names = (name for each in statements for name in _names(each))
        return bool(self._linked) and any(name.partition(".")[0] in self._linked for name in names)

    @cached_property
    def _linked(self) -> frozenset[str]:
        """The modules in the folder of the entry point that are links, or hold some."""
        below = posixpath.join(self._root, "")
        inside = (path[len(below) :] for path in self._tree.links() if path.startswith(below))
        return frozenset(path.partition("/")[0].partition(".")[0] for path in inside)

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


def _changes_path(module: ast.Module) -> bool:
    """True where a program may change where its modules are looked for, or runs text."""
    nodes = nodes_of(module)
    names = {name for node in nodes for name in _names_of_machinery(node)}
    # What is only read, such as sys.argv.
    harmless = {
        id(node.value)
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr not in _PLACES
    }
    return any(_may_change(node, names, harmless) for node in nodes)


def _names_of_machinery(node: ast.AST) -> Iterator[str]:
    """The names that an import gives to sys and site."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            if alias.name in _MACHINERY:
                yield alias.asname or alias.name


def _may_change(node: ast.AST, names: Collection[str], harmless: Collection[int]) -> bool:
    match node:
        case ast.Name(id="exec"):
            return True
        case ast.Name(id=name):
            return name in names and id(node) not in harmless
        case ast.ImportFrom(module=module) if module in _MACHINERY:
            return any(alias.name in _PLACES for alias in node.names)
        case ast.Attribute(value=ast.Attribute(attr=outer), attr=inner):
            return outer in _MACHINERY and inner in _PLACES
        case ast.Constant(value=text) if isinstance(text, str):
            return text in (*_MACHINERY, _VARIABLE)  # as in __import__("sys")
    return False

"""What a script imports, as pinned requirements: the text of `requirements.txt`."""

import ast
import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlreef_hooks.missing_imports import package_of
from mlreef_hooks.problems import Problems
from mlreef_hooks.requirement_pinning import Installed, pin_requirements
from mlreef_hooks.source.imports import FOLLOWED, local_imports
from mlreef_hooks.source.parsing import parse_source
from mlreef_hooks.tree import SourceTree

# Where an import may fail, or may never be done: the script starts without what it names.
_OPTIONAL = (ast.Try, ast.If, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A module that is imported from elsewhere; `optional` where the script can do without."""

    name: str
    optional: bool


@dataclass(frozen=True, kw_only=True)
class RequirementFile:
    """The text, and what of it has no version because nothing of the kind is installed."""

    text: str
    unpinned: tuple[str, ...]


def external_imports(
    path: str, tree: SourceTree, python: str, standard: Collection[str]
) -> list[Imported]:
    """What the file at `path`, and the files of the tree that it imports, import from elsewhere.

    `standard` are the names of Python's own modules.
    """
    root = posixpath.dirname(path)
    waiting, seen = [path], {path}
    needed: dict[str, bool] = {}
    while waiting:
        module = parse_source(tree, each := waiting.pop(), python, Problems())
        if module is None:
            continue
        for imported in sorted(set(local_imports(module, each, root, tree)) - seen):
            if len(seen) < FOLLOWED:
                seen.add(imported)
                waiting.append(imported)
        for name, optional in _imports(module.body, optional=False):
            if name.partition(".")[0] not in standard and not _is_local(name, root, tree):
                needed[name] = optional and needed.get(name, True)
    return [Imported(name=name, optional=optional) for name, optional in sorted(needed.items())]


def _is_local(name: str, root: str, tree: SourceTree) -> bool:
    top = name.partition(".")[0]
    names = {each.partition(".")[0] for each in tree.directly_in(posixpath.join(root, ""))}
    return top in names


def _imports(body: Sequence[ast.AST], *, optional: bool) -> Iterator[tuple[str, bool]]:
    """The dotted names, and whether the import stands where it may fail or be left out."""
    stack = [(node, optional) for node in body]
    while stack:
        node, may_fail = stack.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, may_fail) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, may_fail
            # `from google.cloud import storage` is a module of another package.
            yield from ((f"{node.module}.{alias.name}", True) for alias in node.names)
        inner = may_fail or isinstance(node, _OPTIONAL)
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))


def write_requirements(
    imported: Sequence[Imported],
    providers: Mapping[str, str],
    installed: Mapping[str, Installed],
) -> RequirementFile:
    """The requirements of all imports, pinned to what is installed.

    `providers` are the packages by the dotted names of the modules that they have. An optional
    import that nothing installed has is left out, any other one has no version.
    """
    names: dict[str, None] = {}
    for each in imported:
        provider = _provider(each.name, providers)
        if provider is not None:
            names.setdefault(provider)
        elif not each.optional:
            names.setdefault(package_of(each.name))
    lines = sorted(names)
    text = "".join(f"{name}\n" for name in lines)
    pinning = pin_requirements(text.encode(), range(1, len(lines) + 1), installed)
    return RequirementFile(
        text=pinning.content.decode(),
        unpinned=tuple(lines[number - 1] for number in sorted(pinning.left)),
    )


def _provider(name: str, providers: Mapping[str, str]) -> str | None:
    """The package that has a module, or the module that it is in."""
    while name:
        if name in providers:
            return providers[name]
        name = name.rpartition(".")[0]
    return None

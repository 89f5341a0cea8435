"""Which file of a tree is the entry point, and what it declares."""

import ast
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import Metric, Parameter
from mlreef_hooks.problems import Problems, did_you_mean
from mlreef_hooks.source.annotations import (
    ANNOTATION_WORDS,
    Processor,
    carries_annotations,
    read_annotations,
)
from mlreef_hooks.source.argparse_calls import ARGPARSE_WORDS, has_main_parser, read_argparse
from mlreef_hooks.source.drift import merge_parameters
from mlreef_hooks.source.imports import FOLLOWED, local_imports
from mlreef_hooks.source.parameters import check_required_paths
from mlreef_hooks.source.parsing import parse_source
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_rules import shown

_NAME_IT = 'name it in mlreef.toml: [module] entry_point = "..."'
_SHOWN = 5  # candidates that a finding names before it says how many there are

_FORMS: Sequence[tuple[Sequence[str], Callable[[ast.Module], bool]]] = (
    (ANNOTATION_WORDS, carries_annotations),
    (ARGPARSE_WORDS, has_main_parser),
)


@dataclass(frozen=True, kw_only=True)
class EntryPoint:
    """The entry point of a module and what its source declares.

    `processor` is None without a `data_processor` annotation; `argparse` is true where the file
    makes an argparse parser.
    """

    path: str
    processor: Processor | None = None
    parameters: tuple[Parameter, ...] = ()
    metrics: tuple[Metric, ...] = ()
    argparse: bool = False


def check_named(path: str, line: int | None, tree: SourceTree, problems: Problems) -> str | None:
    """The entry point that `mlreef.toml` names, None and a finding where it is not in the tree."""
    if tree.get(path) and path.endswith(".py"):
        return path
    fault = "is not a Python file (.py)" if tree.get(path) else "is not a file of the repository"
    known = [each for each in tree if each.endswith(".py") and each.isprintable()]
    hint = did_you_mean(path, known) if 0 < len(known) <= 50 else _NAME_IT
    problems.add("entry-point-not-found", "mlreef.toml", line, f"{path!a:.200} {fault}", hint)
    return None


def find_entry_point(tree: SourceTree, python: str, problems: Problems) -> str | None:
    """The only file with annotations, else the only one with an argparse parser for its main part.

    None and a finding where there is none, or more than one.
    """
    broken = Problems()
    for words, belongs in _FORMS:
        found = _candidates(tree, words, belongs, python, broken)
        if len(found) == 1:
            return found[0]
        if found:
            _report_several(found, problems)
            return None
    # A candidate that does not compile may well be the one; elsewhere broken files are no matter.
    for each in broken:
        problems.add(each.rule, each.path, each.line, each.message, each.hint)
    if not list(broken):
        problems.add(
            "entry-point-missing", ".", None,
            "no Python file has MLReef annotations, or an argparse parser and a main part",
            'add if __name__ == "__main__": with an argparse parser, or ' + _NAME_IT,
        )  # fmt: skip
    return None


def _candidates(
    tree: SourceTree,
    words: Sequence[str],
    belongs: Callable[[ast.Module], bool],
    python: str,
    broken: Problems,
) -> list[str]:
    paths = sorted(tree.python_files_with(words), key=lambda path: (path.count("/"), path))
    parsed = ((path, parse_source(tree, path, python, broken)) for path in paths[:FOLLOWED])
    return [path for path, module in parsed if module and belongs(module)]


def _report_several(found: list[str], problems: Problems) -> None:
    names = ", ".join(shown(path) for path in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    problems.add(
        "entry-point-several", found[0], None, f"{names}{more} could each be the entry point", _NAME_IT
    )


def read_entry_point(path: str, tree: SourceTree, python: str, problems: Problems) -> EntryPoint:
    """What the entry point declares; findings for it and for every file of the tree it imports."""
    module = _parse_all(path, tree, python, problems)
    if module is None:
        return EntryPoint(path=path)
    annotations = read_annotations(module, path, problems)
    parsed = read_argparse(module, path, problems)
    declared = annotations.parameters if annotations else ()
    if parsed is not None and declared:
        declared = merge_parameters(declared, parsed, path, problems)
    parameters = declared or parsed or ()
    check_required_paths(parameters, path, problems)
    return EntryPoint(
        path=path,
        processor=annotations.processor if annotations else None,
        parameters=parameters,
        metrics=annotations.metrics if annotations else (),
        argparse=parsed is not None,
    )


def _parse_all(
    entry_point: str, tree: SourceTree, python: str, problems: Problems
) -> ast.Module | None:
    """The entry point's syntax tree, after everything it imports was parsed for findings."""
    root = posixpath.dirname(entry_point)
    entry = None
    waiting, seen = [entry_point], {entry_point}
    while waiting and len(seen) <= FOLLOWED:
        path = waiting.pop()
        module = parse_source(tree, path, python, problems)
        if module is None:
            continue
        entry = module if path == entry_point else entry
        new = set(local_imports(module, path, root, tree)) - seen
        seen |= new
        waiting.extend(sorted(new))
    return entry

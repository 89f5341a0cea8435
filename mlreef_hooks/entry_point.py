"""Which file of a tree is the entry point, and what it declares."""

import ast
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlreef_hooks.manifest import ExternalImport, Metric, Parameter
from mlreef_hooks.problems import Problems, did_you_mean
from mlreef_hooks.source.annotations import (
    ANNOTATION_WORDS,
    Processor,
    carries_annotations,
    read_annotations,
)
from mlreef_hooks.source.argparse_calls import ARGPARSE_WORDS, has_main_parser
from mlreef_hooks.source.argparse_description import read_parser_description
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.drift import merge_parameters
from mlreef_hooks.source.followed import follow_imports
from mlreef_hooks.source.imports import FOLLOWED, FOLLOWED_TOKENS
from mlreef_hooks.source.parameters import check_required_paths
from mlreef_hooks.source.parsing import TOKENS, count_tokens, parse_source
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.source.wrapped_script import WRAPPER, find_wrapped_script
from mlreef_hooks.tree import SourceTree

_NAME_IT = 'name it in mlreef.toml: [module] entry_point = "..."'
_SHOWN = 5  # candidates that a finding names before it says how many there are
_QUOTED = 200  # characters of a path


@dataclass(frozen=True, kw_only=True)
class _Form:
    """What makes a file an entry point: words that it holds, what its syntax tree says, and how
    one that does not compile can be told all the same.
    """

    words: Sequence[str]
    belongs: Callable[[ast.Module], bool]
    unmistakable: re.Pattern[bytes] | None = None


_FORMS = (
    _Form(
        words=ANNOTATION_WORDS,
        belongs=carries_annotations,
        unmistakable=re.compile(rb"^[ \t]*@data_processor[ \t]*\(", re.MULTILINE),
    ),
    _Form(words=ARGPARSE_WORDS, belongs=has_main_parser),
)


@dataclass(frozen=True, kw_only=True)
class EntryPoint:
    """The entry point of a module and what its source declares.

    `compiles` is false where nothing could be read from it. `processor` is None without a
    `data_processor` annotation; `argparse` is true where the file makes an argparse parser, whose
    `description` is empty where it says none.
    """

    path: str
    compiles: bool = True
    processor: Processor | None = None
    parameters: tuple[Parameter, ...] = ()
    metrics: tuple[Metric, ...] = ()
    argparse: bool = False
    description: str = ""
    imports: tuple[ExternalImport, ...] = ()


def check_named(path: str, line: int | None, tree: SourceTree, problems: Problems) -> str | None:
    """The entry point that `mlreef.toml` names, None and a finding where it is not in the tree."""
    named = posixpath.normpath(path)
    if tree.get(named) and named.endswith(".py"):
        return named
    fault = "is not a Python file (.py)" if tree.get(named) else "is not a file of the repository"
    files = dict.fromkeys(each.path for each in tree.all_entries() if each.is_file)
    known = [each for each in files if each.endswith(".py")]
    hint = did_you_mean(path, known) if 0 < len(known) <= _SHOWN else _NAME_IT
    if named == WRAPPER:
        hint = f"mlreef-hooks init --yes writes {WRAPPER} again; or {_NAME_IT}"
    message = f"{quoted(path)} {fault}"
    problems.add("entry-point-not-found", "mlreef.toml", line, message, hint)
    return None


def find_entry_point(tree: SourceTree, python: str, problems: Problems) -> str | None:
    """The only file with annotations, else the only one with an argparse parser for its main part.

    None and a finding where there is none, or more than one.
    """
    broken = Problems()
    for form in _FORMS:
        found = _candidates(tree, form, python, broken)
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


def _candidates(tree: SourceTree, form: _Form, python: str, broken: Problems) -> list[str]:
    paths = sorted(tree.python_files_with(form.words), key=lambda path: (path.count("/"), path))
    found = []
    for path in _bounded(paths, tree):
        module = parse_source(tree, path, python, broken)
        if module is not None:
            belongs = form.belongs(module)
        else:
            # To pass over it would publish another file in its place.
            belongs = bool(form.unmistakable and form.unmistakable.search(tree.read(path)))
        found += [path] if belongs else []
    return found


def _bounded(paths: Sequence[str], tree: SourceTree) -> Iterator[str]:
    """The first of the files, as many as may be parsed within seconds."""
    tokens = 0
    for path in paths[:FOLLOWED]:
        tokens += min(count_tokens(tree.read(path)), TOKENS)  # one with more is not parsed
        if tokens > FOLLOWED_TOKENS:
            return
        yield path


def _report_several(found: list[str], problems: Problems) -> None:
    names = ", ".join(path[:_QUOTED] for path in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    problems.add(
        "entry-point-several",
        found[0],
        None,
        f"{names}{more} could each be the entry point",
        _NAME_IT,
    )


def read_entry_point(path: str, tree: SourceTree, python: str, problems: Problems) -> EntryPoint:
    """What the entry point declares; findings for it, for every file of the tree that it imports,
    and for the script that it hands its parameters on to.
    """
    module = parse_source(tree, path, python, problems)
    if module is None:
        return EntryPoint(path=path, compiles=False)
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
        description=read_parser_description(module, path),
        imports=_follow(module, path, parsed or (), tree, python, problems),
    )


def _follow(
    module: ast.Module,
    path: str,
    parsed: Sequence[Parameter],
    tree: SourceTree,
    python: str,
    problems: Problems,
) -> tuple[ExternalImport, ...]:
    """What the entry point is sure to import from elsewhere, and the script behind it too."""
    script = find_wrapped_script(module, path)
    if script is None:
        return follow_imports(module, path, tree, python, problems).imports
    from mlreef_hooks.script_behind import Wrapper, check_script  # few entry points are wrappers

    wrapper = Wrapper(path=path, module=module, parameters=parsed, script=script)
    return check_script(wrapper, tree, python, problems)

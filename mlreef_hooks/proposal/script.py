"""A script as its author has it: what it takes, what it imports, and who could call it."""

import ast
import posixpath
import re
from dataclasses import dataclass

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.signature import read_signature
from mlreef_hooks.source.annotations import read_annotations
from mlreef_hooks.source.argparse_calls import ARGPARSE_WORDS, find_calls, has_main_parser
from mlreef_hooks.source.argparse_description import read_parser_description
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.parameters import check_required_paths
from mlreef_hooks.source.parsing import parse_source
from mlreef_hooks.source.source_file import SourceFile
from mlreef_hooks.tree import SourceTree

# Nobody can call what has one of these with parameters by name, so there is nothing to wrap.
_NO_FUNCTION = frozenset({"argparse-subcommands", "argparse-action-required"})
WRAPPER = "mlreef_entry.py"
_ASIDE = re.compile(
    r"(?:.*/)?(?:setup|conftest|noxfile|test_[^/]*|[^/]*_test)\.py|(?:tests?|docs)/.*"
)


@dataclass(frozen=True, kw_only=True)
class Script:
    """One Python file. `parameters` are those of its parser, or of the one `function` that does
    its work, where it has no parser; `complete` where it is an entry point as it is; `refused` is
    the rule by which its parser cannot be that of a module, empty where it can. `dotted` is true
    for a part of a package, which does not start by its path.
    """

    path: str
    module: ast.Module
    parameters: tuple[Parameter, ...] = ()
    has_parser: bool = False
    function: str = ""
    complete: bool = False
    refused: str = ""
    dotted: bool = False
    description: str = ""


def find_scripts(tree: SourceTree, python: str) -> list[str]:
    """The files that could be the author's script: those with a parser and a main part, else all
    Python files but tests and the like; those nearest to the root first.
    """
    paths = [each.path for each in tree.all_entries() if each.is_file]
    files = [path for path in paths if path.endswith(".py") and not _is_aside(path)]
    words = tree.python_files_with(ARGPARSE_WORDS)
    parsers = [path for path in files if path in words and _has_main_parser(tree, path, python)]
    return sorted(parsers or files, key=lambda path: (path.count("/"), path))


def _is_aside(path: str) -> bool:
    """True for files that are nobody's script: tests, setup, and what `init` wrote."""
    return path == WRAPPER or bool(_ASIDE.fullmatch(path))


def _has_main_parser(tree: SourceTree, path: str, python: str) -> bool:
    module = parse_source(tree, path, python, Problems())
    return module is not None and has_main_parser(module)


def read_script(tree: SourceTree, path: str, python: str, problems: Problems) -> Script | None:
    """The script at `path`; None and a finding where it does not compile."""
    module = parse_source(tree, path, python, problems)
    if module is None:
        return None
    found = Problems()
    annotations = read_annotations(module, path, found)
    parsed = read_argparse(module, path, found)
    annotated = annotations.parameters if annotations else ()
    description = read_parser_description(module, path) or _summary(ast.get_docstring(module))
    if parsed is not None or annotated:
        rules = {each.rule for each in found}
        if parsed is not None and _has_groups_of_commands(module, path):
            rules.add("argparse-subcommands")
        parameters = parsed if parsed is not None else annotated
        paths = Problems()
        check_required_paths(parameters, path, paths)
        return Script(
            path=path,
            module=module,
            parameters=tuple(parameters),
            has_parser=parsed is not None,
            complete=not list(paths),
            dotted=_is_dotted(module),
            refused=min(rules & _NO_FUNCTION, default=""),
            description=description,
        )
    signature = read_signature(module)
    if signature is None:
        dotted = _is_dotted(module)
        return Script(path=path, module=module, dotted=dotted, description=description)
    return Script(
        path=path,
        module=module,
        parameters=signature.parameters,
        function=signature.name,
        dotted=_is_dotted(module),
        description=_summary(signature.description) or description,
    )


def _is_dotted(module: ast.Module) -> bool:
    """True where the file imports from its own package by dots whenever it starts."""
    return any(isinstance(each, ast.ImportFrom) and each.level for each in module.body)


def _has_groups_of_commands(module: ast.Module, path: str) -> bool:
    """True where any parser of the file has subcommands."""
    return bool(find_calls(module, SourceFile.of(module, path, Problems())).subcommands)


def _summary(text: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def title_of(path: str) -> str:
    """A title for a script: the words of its file name."""
    stem = posixpath.basename(path).removesuffix(".py").strip("_")
    return " ".join(re.split(r"[-_\s]+", stem)).strip().title() or "Module"

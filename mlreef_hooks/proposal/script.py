"""A script as its author has it: what it takes, what it imports, and who could call it."""

import ast
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlreef_hooks.manifest import Parameter, python_name
from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.signature import read_signature
from mlreef_hooks.source.annotation_fields import Processor
from mlreef_hooks.source.annotations import read_annotations
from mlreef_hooks.source.argparse_calls import ARGPARSE_WORDS, find_calls, has_main_parser
from mlreef_hooks.source.argparse_description import read_parser_description
from mlreef_hooks.source.argparse_parameters import read_argparse
from mlreef_hooks.source.parameters import check_required_paths
from mlreef_hooks.source.parsing import parse_source
from mlreef_hooks.source.source_file import SourceFile
from mlreef_hooks.source.wrapped_script import WRAPPER
from mlreef_hooks.tree import SourceTree

# Nobody can call what has one of these with parameters by name, so there is nothing to wrap.
_NO_FUNCTION = frozenset({"argparse-subcommands", "argparse-action-required"})
_ASIDE = re.compile(
    r"(?:.*/)?(?:setup|conftest|noxfile|test_[^/]*|[^/]*_test)\.py|(?:tests?|docs)/.*"
)


@dataclass(frozen=True, kw_only=True)
class Script:
    """One Python file. `parameters` are those of its parser, or of the one `function` that does
    its work, where it has no parser; `complete` where it is an entry point as it is; `refused` is
    the rule by which its parser cannot be that of a module, empty where it can. `dotted` is true
    for a part of a package, which does not start by its path. `processor` is what its annotation
    says. `unread` is true where only running it could tell some of its parameters.
    """

    path: str
    module: ast.Module
    parameters: tuple[Parameter, ...] = ()
    has_parser: bool = False
    function: str = ""
    complete: bool = False
    refused: str = ""
    processor: Processor | None = None
    dotted: bool = False
    unread: bool = False
    description: str = ""


def find_scripts(tree: SourceTree, python: str) -> list[str]:
    """The files that could be the author's script: those with a parser and a main part, else all
    Python files but tests and the like; those nearest to the root first.
    """
    paths = [each.path for each in tree.all_entries() if each.is_file]
    files = [path for path in paths if path.endswith(".py") and not is_aside(path)]
    words = tree.python_files_with(ARGPARSE_WORDS)
    parsers = [path for path in files if path in words and _has_main_parser(tree, path, python)]
    return sorted(parsers or files, key=lambda path: (path.count("/"), path))


def is_aside(path: str) -> bool:
    """True for files that are nobody's script: tests, setup, and what `init` wrote."""
    return path == WRAPPER or bool(_ASIDE.fullmatch(path))


def _has_main_parser(tree: SourceTree, path: str, python: str) -> bool:
    module = parse_source(tree, path, python, Problems())
    return module is not None and has_main_parser(module)


def read_script(tree: SourceTree, path: str, python: str, problems: Problems) -> Script | None:
    """The script at `path`; None and a finding where it does not compile."""
    module = parse_source(tree, path, python, problems)
    return None if module is None else script_of(module, path)


def script_of(module: ast.Module, path: str, function: str = "") -> Script:
    """The script in `module`, which was parsed from the file at `path`. Where `function` is named,
    that one does its work, whatever else the file has.
    """
    found = Problems()
    annotations = read_annotations(module, path, found)
    parsed = read_argparse(module, path, found)
    processor = annotations.processor if annotations else None
    script = Script(
        path=path,
        module=module,
        processor=processor,
        dotted=_is_dotted(module),
        description=_describe(module, path, processor),
    )
    if parsed is None or function:
        annotated = annotations.parameters if annotations else ()
        return _with_function(script, annotated, function)
    rules = {each.rule for each in found}
    if _has_groups_of_commands(module, path):
        rules.add("argparse-subcommands")
    check_required_paths(parsed, path, paths := Problems())
    return replace(
        script,
        parameters=parsed,
        has_parser=True,
        complete=not list(paths),
        unread="argparse-name-not-static" in rules,
        refused=min(rules & _NO_FUNCTION, default=""),
    )


def _describe(module: ast.Module, path: str, processor: Processor | None) -> str:
    """What the annotation says that the file does, else its parser, else its docstring."""
    said = processor.description if processor else ""
    return said or read_parser_description(module, path) or _summary(ast.get_docstring(module))


def _with_function(script: Script, annotated: Sequence[Parameter], named: str) -> Script:
    """The script with the function that does its work, whose parameters are as they are annotated,
    else as its signature has them; the script itself where there is no such function.
    """
    signature = read_signature(script.module, named)
    if signature is None or not _is_importable(script.path):
        return script
    by_name = {python_name(each.name): each for each in annotated}
    parameters = [by_name.get(python_name(each.name), each) for each in signature.parameters]
    return replace(
        script,
        parameters=tuple(
            replace(each, nargs="*") if each.type in ("list", "tuple") else each
            for each in parameters
        ),
        function=signature.name,
        description=script.description or _summary(signature.description),
    )


def _is_importable(path: str) -> bool:
    """True for a file whose name, and those of its folders, can stand in an import."""
    return all(part.isidentifier() for part in path.removesuffix(".py").split("/"))


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

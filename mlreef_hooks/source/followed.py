"""Every file of the tree that a program imports, parsed for findings."""

import ast
import posixpath
from dataclasses import dataclass

from mlreef_hooks.manifest import ExternalImport
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.external_imports import ExternalImports
from mlreef_hooks.source.imports import FOLLOWED, FOLLOWED_TOKENS, local_imports
from mlreef_hooks.source.parsing import count_tokens, parse_source
from mlreef_hooks.tree import SOURCE_BYTES, SourceTree


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What a program imports from elsewhere, its own `files`, and the one of them that was to be
    kept, None where that is none of them or does not compile.
    """

    imports: tuple[ExternalImport, ...]
    files: frozenset[str]
    kept: ast.Module | None


def follow_imports(
    module: ast.Module,
    path: str,
    tree: SourceTree,
    python: str,
    problems: Problems,
    *,
    keep: str | None = None,
) -> Followed:
    """What the program in `module`, the file at `path`, imports; findings for each file of the tree
    among that which does not compile. Only as many files are followed as can be within seconds.
    """
    external, root = ExternalImports(path, tree), posixpath.dirname(path)
    kept, tokens = None, 0
    waiting, seen = [path], {path}
    while waiting:
        here = waiting.pop()
        read = module if here == path else parse_source(tree, here, python, problems)
        if read is None:
            continue
        kept = read if here == keep else kept
        external.add(read, here)
        for imported in sorted(set(local_imports(read, here, root, tree)) - seen):
            tokens += count_tokens(tree.read(imported)[:SOURCE_BYTES])
            if len(seen) < FOLLOWED and tokens <= FOLLOWED_TOKENS:
                seen.add(imported)
                waiting.append(imported)
    return Followed(imports=external.found, files=frozenset(seen), kept=kept)

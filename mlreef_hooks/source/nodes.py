"""Every node of a syntax tree; many look through the same one, and walking it takes the longest."""

import ast
from functools import lru_cache


@lru_cache(maxsize=2)  # of the file that is read, and of its imports alone
def nodes_of(module: ast.Module) -> tuple[ast.AST, ...]:
    """The nodes in the order of `ast.walk`; the tree must not be changed."""
    return tuple(ast.walk(module))

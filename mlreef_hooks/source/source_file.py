"""One Python file under reading: where it is, what its names mean, where its findings go."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from mlreef_hooks.problems import Problems
from mlreef_hooks.source.literals import LiteralReader
from mlreef_hooks.source.names import dotted_name, imported_names


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A parsed file; `imported` maps its imported names to their full dotted names."""

    path: str
    problems: Problems
    literals: LiteralReader
    imported: Mapping[str, str]

    @classmethod
    def of(cls, module: ast.Module, path: str, problems: Problems) -> Self:
        """The file that `module` was parsed from."""
        literals = LiteralReader(module)
        return cls(path=path, problems=problems, literals=literals, imported=imported_names(module))

    def add(self, rule: str, line: int, message: str, hint: str) -> None:
        """Add one finding of this file."""
        self.problems.add(rule, self.path, line, message, hint)

    def name_of(self, expression: ast.expr) -> str | None:
        """The full dotted name that an expression stands for; None where it is no name."""
        return dotted_name(expression, self.imported)

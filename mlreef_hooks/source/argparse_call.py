"""One `add_argument` call: its options, its parts, and what of them can be read."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, fields

from mlreef_hooks.manifest import Parameter, python_name
from mlreef_hooks.source.argparse_types import constant_text, path_argument
from mlreef_hooks.source.literals import Literal
from mlreef_hooks.source.names import dotted_name
from mlreef_hooks.source.source_file import SourceFile
from mlreef_hooks.source.wording import quoted

# What is taken for granted where a part of a call cannot be read from the source.
_ASSUMED: Mapping[str, str] = {
    "default": "no default is shown to pipelines",
    "required": "it is taken as optional",
    "choices": "every value is taken as allowed",
    "nargs": "it is taken to have one value",
    "help": "it is shown without a description",
}
_PARTS = frozenset({*_ASSUMED, "type"})


@dataclass(frozen=True, kw_only=True, eq=False)
class ParsedParameter(Parameter):
    """A parameter as argparse accepts it.

    It equals a `Parameter` that says the same. `spellings` are all its options; `unread` names the
    parts of the call that only running it could tell: `default`, `type` and so on. `is_path` is
    true where its type says so.
    """

    spellings: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    is_path: bool = False

    __hash__ = Parameter.__hash__

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, ParsedParameter) else other)

    def plain(self) -> Parameter:
        """The parameter without what is known of its argparse call."""
        return Parameter(**{each.name: getattr(self, each.name) for each in fields(Parameter)})


class ArgumentCall:
    """The parts of one `add_argument` call; `default` may come from `set_defaults`.

    `receiver` is the name of what it is called on, `prefixes` the characters that options begin
    with.
    """

    def __init__(self, call: ast.Call, source: SourceFile, prefixes: str = "-") -> None:
        self.receiver = ""
        if isinstance(call.func, ast.Attribute):
            self.receiver = dotted_name(call.func.value, {}) or ""
        self._prefixes = prefixes
        self.line = call.func.end_lineno or call.lineno
        self.source = source
        self.unread: set[str] = set()
        self.parts = {each.arg: each.value for each in call.keywords if each.arg is not None}
        self.spread = any(each.arg is None for each in call.keywords)
        self._literals: dict[str, Literal | None] = {}
        self.spellings = self._spellings(call.args)

    def _spellings(self, expressions: list[ast.expr]) -> tuple[str, ...] | None:
        """The options, or the one name of a positional argument; None where they are not static."""
        if not expressions and "dest" in self.parts:
            expressions = [self.parts["dest"]]
        texts = []
        for expression in expressions:
            literal = self.source.literals.read(expression)
            if literal is None or not isinstance(literal.value, str):
                return None
            texts.append(literal.value)
        return tuple(texts) or None

    @property
    def flags(self) -> tuple[str, ...]:
        """The options of an optional argument, the long ones first; empty for a positional one."""
        options = [text for text in self.spellings or () if text[:1] in self._prefixes and text]
        return tuple(sorted(options, key=lambda text: text[1:2] not in self._prefixes))

    @property
    def option(self) -> str | None:
        """What stands before the value: the first long option, else the first one."""
        return self.flags[0] if self.flags else None

    @property
    def name(self) -> str:
        """The name without dashes; of several options the first long one's."""
        spelling = (self.flags or self.spellings or ("",))[0]
        return spelling.lstrip(self._prefixes) if self.flags else spelling

    @property
    def destination(self) -> str:
        """The name under which the program finds the value, which `set_defaults` uses."""
        expression = self.parts.get("dest")
        literal = None if expression is None else self.source.literals.read(expression)
        if literal is not None and isinstance(literal.value, str):
            return literal.value
        return python_name(self.name)

    def add(self, rule: str, message: str, hint: str) -> None:
        """Add a finding about this call."""
        self.source.add(rule, self.line, message, hint)

    def add_unread(self, part: str) -> None:
        """Add that a part of the call cannot be read, and remember it."""
        self.unread.add(part)
        self.add(
            "argparse-value-not-static",
            f"the {part} of {quoted(self.name)} cannot be read from the source",
            f"write a literal after {part}=; as it is, {_ASSUMED[part]}",
        )

    def add_spread(self) -> None:
        """Add that `**` in the call may hold parts of it, and that those are not read."""
        self.unread |= _PARTS - self.parts.keys()
        self.add(
            "argparse-value-not-static",
            f"parts of {quoted(self.name)} come from `**` and cannot be read from the source",
            "write type=, default=, required= and help= into the call; as it is, only what stands"
            " there is taken",
        )

    def static(self, part: str) -> Literal | None:
        """The literal of a part; None where it is not given or cannot be read."""
        if part in self.parts and part not in self._literals:
            self._literals[part] = self._read(self.parts[part])
            if self._literals[part] is None:
                self.add_unread(part)
        return self._literals.get(part)

    def _read(self, expression: ast.expr) -> Literal | None:
        constant = constant_text(expression, self.source)
        if constant is not None:
            return Literal(value=constant, size=len(constant))
        path = path_argument(expression, self.source)
        return self.source.literals.read(expression if path is None else path)

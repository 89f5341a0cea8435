"""The arguments of one MLReef annotation: by position or by keyword, in all spellings, checked."""

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mlreef_hooks.problems import did_you_mean
from mlreef_hooks.source.literals import Literal
from mlreef_hooks.source.source_file import SourceFile
from mlreef_hooks.source.wording import QUOTED_LENGTH, quoted


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What an annotation takes.

    `arguments` maps each argument, in the order of the positions, to a value as an example;
    `keywords` are those that have no position; `spellings` maps other spellings to the arguments;
    `line` is the shortest complete annotation.
    """

    name: str
    line: str
    arguments: Mapping[str, str]
    keywords: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)

    def example(self, argument: str) -> str:
        """The argument as it could be written, such as `type="OPERATION"`."""
        return f"{argument}={self.arguments.get(argument) or self.keywords[argument]}"


class AnnotationArguments:
    """The arguments of one annotation; each reading adds a finding where it fails."""

    def __init__(self, call: ast.Call, signature: Signature, source: SourceFile) -> None:
        self.line = call.lineno
        self._signature = signature
        self._source = source
        self._expressions: dict[str, ast.expr] = {}
        self._spread = False  # `*` or `**` may hold what seems to be missing
        self._bind_positions(call.args)
        for keyword in call.keywords:
            self._bind_keyword(keyword)

    def add(self, rule: str, message: str, hint: str) -> None:
        """Add a finding about this annotation."""
        self._source.add(rule, self.line, message, hint)

    def given(self, argument: str) -> bool:
        """True where the annotation has the argument, or may have it in `*` or `**`."""
        return argument in self._expressions or self._spread

    def need(self, argument: str) -> None:
        """Add a finding where the annotation lacks an argument."""
        if not self.given(argument):
            self.add(
                "annotation-argument",
                f"{self._signature.name} has no {argument}",
                f"write {self._signature.example(argument)}",
            )

    def literal(self, argument: str) -> Literal | None:
        """The literal of an argument; None where it is not given or is none."""
        expression = self._expressions.get(argument)
        if expression is None:
            return None
        literal = self._source.literals.read(expression)
        if literal is None:
            self.add(
                "annotation-not-literal",
                f"{argument} is not a literal",
                f"write the value itself, such as {self._signature.example(argument)}",
            )
        return literal

    def text(self, argument: str) -> str | None:
        """The text of an argument; None where it is not given, is `None`, or is no text."""
        literal = self.literal(argument)
        if literal is None or literal.value is None:
            return None
        if isinstance(literal.value, str):
            return literal.value
        self._add_value(argument, "is not a text")
        return None

    def boolean(self, argument: str) -> bool | None:
        """The truth value of an argument; None where it is not given or is none."""
        literal = self.literal(argument)
        if literal is None:
            return None
        if isinstance(literal.value, bool):
            return literal.value
        self._add_value(argument, "is neither True nor False")
        return None

    def word(self, argument: str, known: Collection[str]) -> str | None:
        """The upper-case word of an argument, one of `known`; None where it is none of them."""
        text = self.text(argument)
        return None if text is None else self._known_word(argument, text, known)

    def words(self, argument: str, known: Collection[str]) -> tuple[str, ...]:
        """The upper-case words of an argument that holds one word or a list of words."""
        literal = self.literal(argument)
        if literal is None or literal.value is None:
            return ()
        values = literal.value if isinstance(literal.value, list) else [literal.value]
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) < len(values):
            self._add_value(argument, "is neither a word nor a list of words")
        found = [self._known_word(argument, text, known) for text in texts]
        return tuple(dict.fromkeys(word for word in found if word is not None))

    def variable(self, argument: str) -> str | None:
        """The name of a variable, written as a name or as a text."""
        expression = self._expressions.get(argument)
        return expression.id if isinstance(expression, ast.Name) else self.text(argument)

    def _known_word(self, argument: str, text: str, known: Collection[str]) -> str | None:
        word = text.strip().upper()
        if word in known:
            return word
        message = f"{argument} is {quoted(text)}, which means nothing here"
        hint = did_you_mean(text[:QUOTED_LENGTH], list(known))
        self.add("annotation-value", message, hint)
        return None

    def _add_value(self, argument: str, fault: str) -> None:
        hint = f"write it as in {self._signature.example(argument)}"
        self.add("annotation-value", f"{argument} {fault}", hint)

    def _bind_positions(self, expressions: list[ast.expr]) -> None:
        names = list(self._signature.arguments)
        for position, expression in enumerate(expressions):
            if isinstance(expression, ast.Starred):
                self._add_spread("*")
                return  # which argument the next position is depends on what the star holds
            if position < len(names):
                self._expressions[names[position]] = expression
        if len(expressions) > len(names):
            self.add(
                "annotation-argument",
                f"{self._signature.name} has {len(expressions)} values by position"
                f" and takes {len(names)}",
                f"write them by keyword: {', '.join(names)}",
            )

    def _bind_keyword(self, keyword: ast.keyword) -> None:
        if keyword.arg is None:
            self._add_spread("**")
            return
        signature = self._signature
        argument = signature.spellings.get(keyword.arg, keyword.arg)
        known = [*signature.arguments, *signature.keywords, *signature.spellings]
        if argument not in known:
            self.add(
                "annotation-argument",
                f"{signature.name} takes no argument {quoted(keyword.arg)}",
                did_you_mean(keyword.arg[:QUOTED_LENGTH], known),
            )
        elif argument in self._expressions:
            self.add(
                "annotation-argument",
                f"{signature.name} has {argument} twice",
                f"keep one of them, such as {signature.example(argument)}",
            )
        else:
            self._expressions[argument] = keyword.value

    def _add_spread(self, stars: str) -> None:
        self._spread = True
        self.add(
            "annotation-argument",
            f"{self._signature.name} takes arguments from `{stars}`, which cannot be read",
            f"write each of them, as in {self._signature.line}",
        )

"""One change between two versions of a module, and the words and lines for all there can be."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlreef_hooks.columns import COLUMNS, cut

_SHOWN = 8  # values of a list in a line
_SHOWN_TEXT = 200  # characters of a value in a line

# What can change, and how it is said. `lost` and `gained` are the values of a list that only the
# version before, or only that after, has.
SENTENCES: Mapping[str, str] = {
    "kind-changed": "the kind is {after}, was {before}",
    "entry-point-moved": "the entry point is {after}, was {before}",
    "parameter-added": "parameter {subject} is new and {after}",
    "parameter-removed": "parameter {subject} is gone",
    "parameter-renamed": "parameter {before} is now spelled {after}",
    "parameter-required": "parameter {subject} must be given",
    "parameter-optional": "parameter {subject} may be left out",
    "parameter-type-changed": "parameter {subject} is of type {after}, was {before}",
    "parameter-type-widened": "parameter {subject} is of type {after}, was {before}",
    "parameter-choices-narrowed": "parameter {subject} no longer takes {lost}",
    "parameter-choices-widened": "parameter {subject} takes {gained} too",
    "parameter-choices-set": "parameter {subject} takes only {after}",
    "parameter-choices-lifted": "parameter {subject} takes any value",
    "parameter-nargs-narrowed": "parameter {subject} takes {after}, was {before}",
    "parameter-nargs-widened": "parameter {subject} takes {after}, was {before}",
    "parameter-default-changed": "parameter {subject} has the default {after}, was {before}",
    "parameter-option-changed": "parameter {subject} is written {after}, was {before}",
    "parameter-negative-added": "parameter {subject} may be switched off by {after}",
    "parameter-negative-changed": "parameter {subject} is switched off by {after}, was {before}",
    "parameter-repeat-changed": "parameter {subject} takes several values in another way",
    "positions-moved": "arguments without a name stand in another order: {after}",
    "inputs-narrowed": "takes {after} as input, was {before}",
    "inputs-widened": "takes {after} as input, was {before}",
    "outputs-changed": "gives {after}, was {before}",
    "outputs-narrowed": "gives {after}, was {before}",
    "gpu-needed": "needs a GPU",
    "gpu-freed": "needs no GPU any more",
    "memory-changed": "needs {after} of memory, was {before}",
    "metric-added": "metric {subject} is new",
    "metric-removed": "metric {subject} is gone",
    "environment-added": "variable {subject} is new",
    "environment-removed": "variable {subject} is gone",
    "environment-changed": "variable {subject} is {after}, was {before}",
    "licenses-changed": "the license is {after}, was {before}",
    "base-changed": "the base is {after}, was {before}",
    "base-moved": "the base {subject} is another image",
    "requirement-added": "requirement {subject} is new ({after})",
    "requirement-removed": "requirement {subject} is gone",
    "requirement-moved": "requirement {subject} is {after}, was {before}",
    "package-added": "package {subject} is installed as well ({after})",
    "package-removed": "package {subject} is installed no more",
    "package-moved": "package {subject} is {after}, was {before}",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference between two versions of a module.

    `what` is a word of `SENTENCES`; `subject` the parameter, package, variable or metric, empty for
    the module as a whole; `before` and `after` are JSON values, None where there was or is none.
    `breaking` is true where what worked with the version before may stop working, or silently mean
    something else.
    """

    what: str
    subject: str = ""
    before: Any = None
    after: Any = None
    breaking: bool = False

    def to_json(self) -> dict[str, Any]:
        """The change as in the index."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Change":
        """The change of an index's document that passed its schema."""
        names = ("what", "subject", "before", "after", "breaking")
        return cls(**{name: said[name] for name in names})

    def line(self, width: int = COLUMNS) -> str:
        """The change in one plain line of at most `width` columns, such as
        `breaking: parameter angle is gone`.

        A word that a later version of this program has written stands for itself.
        """
        sentence = SENTENCES.get(self.what, f"{self.what} {{subject}}")
        before, after = (
            each if isinstance(each, list) else [] for each in (self.before, self.after)
        )
        said = sentence.format(
            subject=self.subject[:_SHOWN_TEXT],
            before=self._shown(self.before),
            after=self._shown(self.after),
            lost=_listed([each for each in before if each not in after]),
            gained=_listed([each for each in after if each not in before]),
        )
        return cut(f"breaking: {said}" if self.breaking else said, width)

    def _shown(self, value: Any) -> str:
        show = _SHOWN_AS.get(self.what)
        if show:
            return show(value)
        return _listed(value) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    return (value if isinstance(value, str) else _json(value))[:_SHOWN_TEXT]


def _json(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)[:_SHOWN_TEXT]


def _listed(values: Sequence[Any]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(map(_text, values[:_SHOWN])) + more if values else "nothing"


def _count(nargs: Any) -> str:
    """How many values an `nargs` of argparse means, for people."""
    words = {
        None: "one value", 0: "no value", 1: "a list of one value", "?": "at most one value",
        "*": "any number of values", "+": "one value or more", "...": "the rest of the line",
    }  # fmt: skip
    return words.get(nargs) or f"{nargs} values"


def _option(option: Any) -> str:
    return "without a name" if option is None else _text(option)


_SHOWN_AS: Mapping[str, Callable[[Any], str]] = {
    "parameter-default-changed": _json,
    "parameter-nargs-narrowed": _count,
    "parameter-nargs-widened": _count,
    "parameter-option-changed": _option,
}

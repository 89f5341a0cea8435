"""What the gate says: which publish tags are refused and why, as lines of at most 72 columns."""

import shlex
from collections.abc import Sequence

from mlreef_hooks.columns import cut, wrapped
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import counted, plain
from mlreef_hooks.problems import Problem
from mlreef_hooks.report import findings

_SHOWN_NAMES = 20
_SHOWN_NAME = 200  # characters of a tag


def conflict(error: PublishError) -> list[str]:
    """What is said of a tag whose version, name or namespace is taken."""
    return [*wrapped(f"error: {error.message}"), *wrapped(f"hint: {error.hint}")]


def bad_tree(tag: str, found: Sequence[Problem]) -> list[str]:
    """What is said of a tag whose tree has errors."""
    again = f"git tag -f -a {shlex.quote(_name(tag))} (keeps its notes)"
    return [*findings(found), *wrapped(f"hint: correct it, commit, {again}, and push again")]


def bad_tag(tag: str, lines: Sequence[str]) -> list[str]:
    """One tag, and what is wrong with it."""
    return [*wrapped(f"mlreef: {_name(tag)} cannot be published:"), *lines]


def refused(tags: Sequence[str], looked_at: int) -> list[str]:
    """The end of a push that is refused for these tags, of so many publish tags."""
    names = ", ".join(map(_name, tags[:_SHOWN_NAMES]))
    if len(tags) > _SHOWN_NAMES:
        names += f" and {len(tags) - _SHOWN_NAMES} more"
    of_all = f", {len(tags)} of {looked_at} publish tags" if looked_at > 1 else ""
    return [
        *wrapped(f"error: nothing of this push is stored, because of {names}{of_all}"),
        *wrapped("hint: push again once that is corrected, or push the rest alone"),
    ]


def let_through(tags: int, reason: str) -> str:
    """The one line of a push that is let in although so many of its publish tags were not looked
    at (0: none was told of yet).
    """
    what = counted(tags, "publish tag") if tags else "this push"
    return cut(f"warning: the gate lets {what} in unseen: {reason}")


def _name(tag: str) -> str:
    return plain(tag)[:_SHOWN_NAME]

"""One parameter as a wrapper declares it, against how it would be declared for its script now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlreef_hooks.manifest import JSONValue, Parameter
from mlreef_hooks.proposal.arguments import declared
from mlreef_hooks.source.argparse_call import ParsedParameter
from mlreef_hooks.source.defaults import comparable
from mlreef_hooks.source.wording import quoted, shown

# A value of the first is one of the second.
_NARROWER = {("integer", "float"), ("integer", "complex"), ("float", "complex")}
_SHOWN = 5  # choices that are named


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """What is said of a parameter in the script, and in the wrapper. It `fails` where runs would
    fail, or compute with another value than was given.
    """

    script: str
    wrapper: str
    fails: bool = False


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """The parameter as the wrapper declares it, and as it would now; `skipped` is the value for
    which the wrapper hands nothing on, None where there is none.
    """

    own: Parameter
    now: Parameter
    skipped: JSONValue


_Words = tuple[str, str] | None  # for the script, and for the wrapper
_Compare = Callable[[_Pair], _Words]


def compare_declarations(
    own: Parameter, parameter: Parameter, skipped: JSONValue
) -> Mismatch | None:
    """The first thing that differs, what makes runs fail before all else; `parameter` is the
    script's. What only running the script could tell differs in nothing, but for a default that the
    wrapper has.
    """
    unread = parameter.unread if isinstance(parameter, ParsedParameter) else frozenset()
    unread |= {"type"} if "nargs" in unread else frozenset()  # several values are a list
    pair = _Pair(own=own, now=declared(parameter), skipped=skipped)
    for fails, comparisons in ((True, _FAILING), (False, _OTHERWISE)):
        for part, compare in comparisons.items():
            if part in unread:
                words = _unread_default(pair, fails=fails) if part == "default" else None
            else:
                words = compare(pair)
            if words:
                return Mismatch(script=words[0], wrapper=words[1], fails=fails)
    return None


def _shape(pair: _Pair) -> _Words:
    now, own = pair.now, pair.own
    here = (None if own.nargs == "?" else own.nargs, own.repeated)
    return None if here == (now.nargs, now.repeated) else (_values(now), _values(own))


def _values(parameter: Parameter) -> str:
    many = {0: "no value", None: "one value", "?": "one value"}.get(parameter.nargs)
    if many is None or parameter.repeated:
        many = f"{parameter.nargs} values" if isinstance(parameter.nargs, int) else "several values"
    return f"takes {many}"


def _wider_type(pair: _Pair) -> _Words:
    fits = pair.now.type == "string" or (pair.own.type, pair.now.type) in _NARROWER
    return None if fits else _other_type(pair)


def _other_type(pair: _Pair) -> _Words:
    types = pair.now.type, pair.own.type
    return None if types[0] == types[1] else (f"is {types[0]}", types[1])


def _now_required(pair: _Pair) -> _Words:
    return _otherwise_required(pair) if pair.now.required else None


def _otherwise_required(pair: _Pair) -> _Words:
    words = {True: "is required", False: "is optional"}
    differ = pair.now.required != pair.own.required
    return (words[pair.now.required], words[pair.own.required]) if differ else None


def _refused_choices(pair: _Pair) -> _Words:
    here, there = _chosen(pair.own), _chosen(pair.now)
    return None if there is None or (here is not None and here <= there) else _other_choices(pair)


def _other_choices(pair: _Pair) -> _Words:
    same = _chosen(pair.own) == _chosen(pair.now)
    return None if same else (_choices(pair.now), _choices(pair.own))


def _chosen(parameter: Parameter) -> frozenset[object] | None:
    return None if parameter.choices is None else frozenset(map(comparable, parameter.choices))


def _choices(parameter: Parameter) -> str:
    if parameter.choices is None:
        return "takes any value"
    more = " and more" if len(parameter.choices) > _SHOWN else ""
    return f"takes {', '.join(map(shown, parameter.choices[:_SHOWN]))}{more}"


def _skipped_default(pair: _Pair) -> _Words:
    """What is not handed on because the script is taken to have it as its default."""
    if pair.skipped is None or comparable(pair.skipped) == comparable(pair.now.default):
        return None
    return f"is {shown(pair.now.default)} by default", shown(pair.skipped)


def _unread_default(pair: _Pair, *, fails: bool) -> _Words:
    """A default that only running the script could tell, where the wrapper has one: it fails what
    is not handed on, for that is taken to be the script's. A switch that is off is no default.
    """
    value = pair.skipped if fails else pair.own.default
    said = "has a default that only running it could tell"
    return None if value is None or value is False else (said, shown(value))


def _other_default(pair: _Pair) -> _Words:
    own, now = pair.own, pair.now
    if now.required or comparable(own.default) == comparable(now.default):
        return None
    return f"is {shown(now.default)} by default", shown(own.default)


def _other_help(pair: _Pair) -> _Words:
    texts = pair.now.description, " ".join(pair.own.description.split())
    same = not texts[0] or texts[0] == texts[1]
    return None if same else (f"is described as {quoted(texts[0])}", quoted(texts[1]))


_FAILING: Mapping[str, _Compare] = {
    "nargs": _shape,
    "type": _wider_type,
    "required": _now_required,
    "choices": _refused_choices,
    "default": _skipped_default,
}
_OTHERWISE: Mapping[str, _Compare] = {
    "type": _other_type,
    "required": _otherwise_required,
    "choices": _other_choices,
    "default": _other_default,
    "help": _other_help,
}

"""The page docs/reference.md: commands, configuration, rules and index, out of the code.

`python -m mlreef_hooks.cli.reference > docs/reference.md`
"""

import dataclasses
import inspect
import json
import typing
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Any

import click

from mlreef_hooks.cli.configuration import SITE_STATE
from mlreef_hooks.cli.manual import contexts, options
from mlreef_hooks.config import Config
from mlreef_hooks.config_images import Base
from mlreef_hooks.config_table import Count
from mlreef_hooks.problems import RULES

_OPENING = """\
# Reference

Made from the code by `python -m mlreef_hooks.cli.reference > docs/reference.md`: change the code,
and write it again. It says what there is; what that means, with examples, is in the pages on
[commands](commands.md), [configuration](config.md), [rules](rules.md) and [the index](index.md).

Here are the [commands](#commands), the [configuration](#configuration), the [rules](#rules) and
the [index](#index).
"""
_INDEX = """\
Types and forms are in the words of JSON Schema; `[]` is each of an array, `*` each of an object.
The schemas are in `mlreef_hooks/schemas/`, and every index carries them along.
"""
_DOCUMENTS = ("index", "listing", "module")
_FIELD = ("field", "type", "always there", "form")
_TOML_TYPES = {str: "string", int: "integer from 1", Count: "integer from 0", bool: "boolean"}
_KEYWORDS = ("const", "enum", "pattern", "format", "minimum", "minLength", "minItems")


def reference() -> str:
    """The page, in Markdown."""
    parts = (_commands(), _configuration(), _rules(), _index())
    return "\n".join([_OPENING, *(line for part in parts for line in part)])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table with a blank line behind it; nothing where there are no rows."""
    written = ["| " + " | ".join(each.replace("|", r"\|") for each in row) + " |" for row in rows]
    if written:
        yield from (f"| {' | '.join(head)} |", "|---" * len(head) + "|", *written, "")


def _codes(words: Iterable[object]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _commands() -> Iterator[str]:
    yield from ("## Commands", "")
    for context in contexts():
        command = context.command
        if context.parent:
            usage = " ".join([context.command_path, "[OPTIONS]", *map(_usage, _arguments(command))])
            yield from (f"### `{context.info_name}`", "", "```text", usage, "```", "")
        else:
            yield from ("### Before every command", "")
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            yield from (" ".join(paragraph.split()), "")
        taken = ((f"`{_name(each)}`", *_value(each)) for each in _arguments(command))
        yield from _table(("argument", "type", "default"), taken)
        rows = (
            (
                _codes([*sorted(each.opts, key=len), *each.secondary_opts]),
                *_value(each),
                each.help or "",
            )
            for each in options(context)
        )
        yield from _table(("option", "type", "default", "help"), rows)


def _arguments(command: click.Command) -> list[click.Argument]:
    return [each for each in command.params if isinstance(each, click.Argument)]


def _name(argument: click.Argument) -> str:
    return argument.metavar or str(argument.name).upper()


def _usage(argument: click.Argument) -> str:
    """An argument in a usage line; click's own words for it differ between its versions."""
    name = _name(argument)
    if argument.required or name.startswith("["):
        return name
    return f"[{name}]..." if argument.nargs == -1 else f"[{name}]"


def _value(parameter: click.Parameter) -> tuple[str, str]:
    """What a parameter takes, and what it is without: its default, a variable, or "required"."""
    default = parameter.default
    if parameter.required:
        without = "required"
    elif isinstance(parameter.envvar, str):
        without = f"`${parameter.envvar}`"
    elif isinstance(default, str | int) and default != "" and default is not False:
        without = f"`{default}`"
    else:
        without = ""
    return _taken(parameter), without


def _taken(parameter: click.Parameter) -> str:
    """The type of a parameter's value in words."""
    kind: Any = parameter.type
    words = str(kind.name)
    if isinstance(kind, click.Choice):
        words = _codes(kind.choices)
    elif isinstance(kind, click.IntRange):
        words = f"integer from {kind.min}"
    if parameter.nargs == -1:
        return f"{words}, none or several"
    if not isinstance(parameter, click.Option):
        return words
    named = f"`{parameter.metavar}`: {words}" if parameter.metavar else words
    repeatable = ", repeatable" if parameter.multiple else ""
    return "flag" if parameter.is_flag else f"{named}{repeatable}"


def _configuration() -> Iterator[str]:
    yield from ("## Configuration", "", "Types are those of TOML.", "")
    yield from _config_table("", Config(state=str(SITE_STATE)))
    yield from ("### `[rules]`", "", "The severity of a rule that a site may set.", "")
    adjustable = {name: rule.severity for name, rule in RULES.items() if rule.adjustable}
    kind = typing.get_args(typing.get_type_hints(Config)["rules"])[1]
    rows = ((f"`rules.{name}`", _toml_type(kind), _toml(adjustable[name])) for name in adjustable)
    yield from _table(("key", "type", "default"), rows)


def _config_table(name: str, table: Any) -> Iterator[str]:
    """The section of a dataclass of the configuration, and of those that it holds."""
    said = " ".join((inspect.getdoc(table) or "").split()).removeprefix(f"`[{name}]`: ")
    yield from (f"### `[{name}]`" if name else "### Above all tables", "")
    yield from (said[:1].upper() + said[1:], "")
    types, prefix = typing.get_type_hints(type(table)), f"{name}." if name else ""
    values = {each.name: getattr(table, each.name) for each in dataclasses.fields(table)}
    inner = {key: value for key, value in values.items() if dataclasses.is_dataclass(value)}
    keys = [key for key in values if key not in inner and prefix + key not in ("base", "rules")]
    rows = ((f"`{prefix}{key}`", _toml_type(types[key]), _toml(values[key])) for key in keys)
    yield from _table(("key", "type", "default"), rows)
    for key, value in inner.items():
        yield from _config_table(prefix + key, value)
    if "base" in values:
        yield from _config_table("base.NAME", Base())


def _toml_type(kind: Any) -> str:
    """The type of a key as TOML has it."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return _codes(json.dumps(word) for word in inner)
    if origin is tuple:
        return f"array of {_toml_type(inner[0])}s"
    return _TOML_TYPES[kind] if kind in _TOML_TYPES else f"table of {_toml_type(inner[1])}s"


def _toml(value: Any) -> str:
    """A default as one writes it in TOML."""
    return f"`{json.dumps(dict(value) if isinstance(value, Mapping) else value)}`"


def _rules() -> Iterator[str]:
    yield from ("## Rules", "")
    rows = (
        (f"`{name}`", rule.severity, "yes" if rule.adjustable else "no", rule.summary)
        for name, rule in RULES.items()
    )
    yield from _table(("rule", "severity", "a site may set it", "summary"), rows)


def _index() -> Iterator[str]:
    yield from ("## Index", "", _INDEX)
    for name in _DOCUMENTS:
        path = resources.files("mlreef_hooks").joinpath(f"schemas/{name}.json")
        schema = json.loads(path.read_bytes())
        yield from (f"### `{name}.json`", "", f"{schema['title']}.", "")
        yield from _table(_FIELD, _fields(name, schema))
        for definition, node in schema.get("$defs", {}).items():
            yield from (f"### `{name}.json`: {definition}", "")
            if "properties" not in node:
                yield from (f"{_type(name, node)}; {_form(node)}", "")
            yield from _table(_FIELD, _fields(name, node))


def _fields(name: str, node: Any, prefix: str = "") -> Iterator[tuple[str, ...]]:
    """Every field below a node, dotted; behind a reference they are those of its definition."""
    for key, field in node.get("properties", {}).items():
        always = "yes" if key in node.get("required", ()) else "no"
        yield f"`{prefix}{key}`", _type(name, field), always, _form(field)
        for mark, below in _below(field):
            yield from _fields(name, below, f"{prefix}{key}{mark}")


def _below(field: Any) -> Iterator[tuple[str, Any]]:
    """The nodes that describe what a field holds, each with what stands between their names."""
    if isinstance(field, dict):
        places = {".": field, "[].": field.get("items"), ".*.": field.get("additionalProperties")}
        yield from ((mark, node) for mark, node in places.items() if isinstance(node, dict))


def _type(name: str, node: Any) -> str:
    """The type of a node, with a link where it is one of the schema's definitions."""
    if not isinstance(node, dict):
        return "anything"
    for each in (node, *node.get("allOf", ())):
        if "$ref" in each:
            definition = each["$ref"].rpartition("/")[2]
            return f"[{definition}](#{name}json-{definition.lower()})"
    said = node.get("type", "integer" if isinstance(node.get("const"), int) else "string")
    words = said if isinstance(said, str) else " or ".join(said)
    inner = [_type(name, below) for mark, below in _below(node) if mark != "."]
    return f"{words} of {inner[0]}" if inner else words


def _form(node: Any) -> str:
    """What a node says of its value beyond the type."""
    said = []
    for keyword in _KEYWORDS if isinstance(node, dict) else ():
        if keyword in node:
            value = node[keyword]
            said.append(f"{keyword} {_codes(value if isinstance(value, list) else [value])}")
    if isinstance(node, dict):
        said[:0] = [node["description"]] if "description" in node else []
        said += [f"each name: {_form(node['propertyNames'])}"] if "propertyNames" in node else []
        said += [f"each: {form}" for mark, below in _below(node) if (form := _each(mark, below))]
    return "; ".join(said)


def _each(mark: str, node: Any) -> str:
    """What is said of each of an array or object; "" for an object itself."""
    if mark == ".":
        return ""
    wanted = [f"has {_codes(node['required'])} too"] if {"$ref", "required"} <= {*node} else []
    return "; ".join([*wanted, *filter(None, [_form(node)])])


if __name__ == "__main__":
    click.echo(reference(), nl=False)

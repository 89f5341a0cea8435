"""The keys of a `[module]` table in `mlreef.toml`: what each may hold, checked."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlreef_hooks.manifest import KIND_WORDS, MODULE_NAME, TYPE_WORDS, VISIBILITIES, Resources
from mlreef_hooks.problems import Problems, did_you_mean
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.toml_lines import KeyLines, KeyPath

PATH = "mlreef.toml"
NAME_LENGTH = 100
NAME_HINT = f"write up to {NAME_LENGTH} small letters and digits, with single - . _ between them"
_TEXT_LENGTH = 10_000
_QUOTED = 60
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_TAG = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_TAG_LENGTH = 30
_MOST_TAGS = 20
_MEMORY = re.compile(r"[1-9][0-9]{0,8}[kmg]")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key with its value, and where its findings go."""

    path: KeyPath
    value: Any
    lines: KeyLines
    problems: Problems

    @property
    def name(self) -> str:
        """The last part of the key; the message says more where that is not enough."""
        return str(self.path[-1])[:_QUOTED]

    @property
    def line(self) -> int:
        """The line of the key, from 1."""
        return self.lines.of(*self.path)

    def add(self, message: str, hint: str, rule: str = "toml-value-invalid") -> None:
        """Add a finding about this key."""
        self.problems.add(rule, PATH, self.line, message, hint)

    def inner(self) -> Iterator["Setting"]:
        """The keys of a table, none where the value is no table."""
        for key, value in self.value.items() if isinstance(self.value, dict) else ():
            place = (*self.path, key)
            yield Setting(path=place, value=value, lines=self.lines, problems=self.problems)

    def add_unknown(self, table: str, known: list[str]) -> None:
        """Add that the key means nothing in its table."""
        message = f"{quoted(self.name)} is not a key of [{table}]"
        self.add(message, did_you_mean(self.name, known), "toml-key-unknown")


def _shown(value: Any) -> str:
    """The value in short; a table or a list may be nested deeper than Python can write it."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return quoted(value) if isinstance(value, str) else str(value).lower()[:_QUOTED]


def _read_text(setting: Setting) -> str | None:
    value = setting.value
    if isinstance(value, str) and value.strip() and len(value) <= _TEXT_LENGTH:
        return value
    hint = f'write {setting.name} = "..."'
    setting.add(f"{setting.name} is not a text of up to {_TEXT_LENGTH} characters", hint)
    return None


def is_module_name(name: str) -> bool:
    """True where the name fits into an image reference."""
    return len(name) <= NAME_LENGTH and bool(MODULE_NAME.fullmatch(name))


def _read_name(setting: Setting) -> str | None:
    if isinstance(setting.value, str) and is_module_name(setting.value):
        return setting.value
    setting.add(f"{_shown(setting.value)} is not a module name", NAME_HINT, "module-name-invalid")
    return None


def _read_word(setting: Setting, *, words: Mapping[str, str]) -> str | None:
    """The value that one of `words` (in any case) stands for."""
    value = setting.value
    meanings = {word.lower(): meaning for word, meaning in words.items()}
    if isinstance(value, str) and value.lower() in meanings:
        return meanings[value.lower()]
    known = list(dict.fromkeys(words.values()))
    hint = did_you_mean(value if isinstance(value, str) else "", known)
    setting.add(f"{setting.name} is {_shown(value)}", hint)
    return None


def _read_data_types(setting: Setting) -> tuple[str, ...] | None:
    if not isinstance(setting.value, list):
        setting.add(f"{setting.name} is not a list", f'write {setting.name} = ["IMAGE"]')
        return None
    items = (
        Setting(path=setting.path, value=item, lines=setting.lines, problems=setting.problems)
        for item in setting.value
    )
    read = dict.fromkeys(_read_word(item, words=TYPE_WORDS) for item in items)
    known = tuple(word for word in read if word is not None)
    return None if read and not known else known


def _read_tags(setting: Setting) -> tuple[str, ...] | None:
    example = f'write {setting.name} = ["noise", "augmentation"]'
    if not isinstance(setting.value, list) or len(setting.value) > _MOST_TAGS:
        setting.add(f"{setting.name} is not a list of up to {_MOST_TAGS} words", example)
        return None
    for tag in setting.value:
        if not isinstance(tag, str) or len(tag) > _TAG_LENGTH or not _TAG.fullmatch(tag):
            hint = (
                "write small letters and digits, with single - . _ between them,"
                f" up to {_TAG_LENGTH}"
            )
            setting.add(f"{_shown(tag)} is not a tag", hint)
            return None
    return tuple(dict.fromkeys(setting.value))


def _read_environment(setting: Setting) -> dict[str, str] | None:
    if not isinstance(setting.value, dict):
        hint = 'write [module.environment] and NAME = "value"'
        setting.add(f"{setting.name} is not a table", hint)
    good: dict[str, str] = {}
    for variable in setting.inner():
        name, value = str(variable.path[-1]), variable.value
        if not _VARIABLE.fullmatch(name):
            variable.add(
                f"{quoted(variable.name)} is not the name of a variable", "use letters, digits, _"
            )
        elif not isinstance(value, str) or "\0" in value:
            hint = f'write {variable.name} = "..."'
            variable.add(f"the variable {variable.name} is not a text", hint)
        else:
            good[name] = value
    return good


def _read_resources(setting: Setting) -> Resources | None:
    if not isinstance(setting.value, dict):
        setting.add(f"{setting.name} is not a table", "write [module.resources] and gpu = true")
    good: dict[str, Any] = {}
    for resource in setting.inner():
        fits, example = _RESOURCES.get(str(resource.path[-1]), (None, ""))
        if fits is None:
            resource.add_unknown("module.resources", list(_RESOURCES))
        elif not fits(resource.value):
            hint = f"write {resource.name} = {example}"
            resource.add(f"{resource.name} is {_shown(resource.value)}", hint)
        else:
            good[resource.name] = resource.value
    return Resources(**good)


_RESOURCES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "gpu": (lambda value: isinstance(value, bool), "true or false"),
    "memory": (lambda value: isinstance(value, str) and bool(_MEMORY.fullmatch(value)), '"4g"'),
}
_VISIBILITY_WORDS = {word: word for word in VISIBILITIES}
READERS: Mapping[str, Callable[[Setting], Any]] = {
    "name": _read_name,
    "title": _read_text,
    "description": _read_text,
    "kind": partial(_read_word, words=KIND_WORDS),
    "author": _read_text,
    "licenses": _read_text,
    "tags": _read_tags,
    "visibility": partial(_read_word, words=_VISIBILITY_WORDS),
    "entry_point": _read_text,
    "requirements": _read_text,
    "base": _read_text,
    "inputs": _read_data_types,
    "outputs": _read_data_types,
    "environment": _read_environment,
    "resources": _read_resources,
    "picture": _read_text,
}

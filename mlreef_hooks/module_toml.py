"""`mlreef.toml`: what an author says about a module beside its code."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mlreef_hooks.manifest import DATA_TYPES, KINDS, MODULE_NAME, VISIBILITIES, Resources
from mlreef_hooks.problems import Problems, did_you_mean
from mlreef_hooks.tree import SourceTree

PATH = "mlreef.toml"
_TEXT_LENGTH = 10_000
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MEMORY = re.compile(r"[1-9][0-9]*[kmg]")


@dataclass(frozen=True, kw_only=True)
class ModuleTable:
    """One `[module]` or `[[module]]` table; what it does not say is None or empty."""

    name: str | None = None
    title: str | None = None
    description: str | None = None
    kind: str | None = None
    author: str | None = None
    licenses: str | None = None
    visibility: str | None = None
    entry_point: str | None = None
    requirements: str | None = None
    base: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


def read_module_tables(tree: SourceTree, problems: Problems) -> tuple[ModuleTable, ...]:
    """The modules of the tree: one without any word where there is no `mlreef.toml`."""
    _check_places(tree, problems)
    if tree.get(PATH) is None or (content := tree.read_source(PATH, problems)) is None:
        return (ModuleTable(),)
    document = _parse(content, problems)
    if document is None:
        return (ModuleTable(),)
    lines = content.decode(errors="replace").splitlines()
    for key in document.keys() - {"module"}:
        problems.add(
            "toml-key-unknown", PATH, _line_of(lines, key, 0), f"{key!a} is not a known table",
            "write everything below [module]",
        )  # fmt: skip
    found = document.get("module", {})
    tables = found if isinstance(found, list) and found else [found]
    starts = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[\s*module\s*]]", line)]
    starts = starts if len(starts) == len(tables) else [0] * len(tables)
    modules = tuple(
        _read_module(table, lines, start, problems)
        for table, start in zip(tables, starts, strict=True)
    )
    _check_names(modules, problems)
    return modules


def _check_places(tree: SourceTree, problems: Problems) -> None:
    for path in tree:
        if path.endswith("/" + PATH) and tree.get(path):
            problems.add(
                "toml-misplaced", path, None, "only the mlreef.toml at the root is read",
                "move it there, or delete it",
            )  # fmt: skip


def _parse(content: bytes, problems: Problems) -> dict[str, Any] | None:
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        line, said = content[: error.start].count(b"\n") + 1, "it is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(place[1]) if place and place[1] else content.count(b"\n") + 1
        said = re.sub(r" \(at .*", "", str(error))
    except RecursionError:
        line, said = 1, "it is nested too deeply"
    problems.add("toml-invalid", PATH, line, f"this is not TOML: {said}", "see https://toml.io")
    return None


def _line_of(lines: list[str], key: str, start: int) -> int:
    """The line (from 1) where `key` is set at or after `start`; `start` itself where none is."""
    name = rf"[\"']?{re.escape(key)}[\"']?"
    pattern = re.compile(rf"\s*(?:{name}\s*[=.]|\[+[^\]]*\b{name}\s*\])")
    matches = (at for at in range(start, len(lines)) if pattern.match(lines[at]))
    return next(matches, start) + 1


def _read_module(table: Any, lines: list[str], start: int, problems: Problems) -> ModuleTable:
    if not isinstance(table, dict):
        _wrong(problems, start + 1, "module is not a table", "write [module]")
        return ModuleTable()
    values: dict[str, Any] = {}
    places: dict[str, int] = {}
    for key, value in table.items():
        line = places[key] = _line_of(lines, key, start)
        if key not in _READERS:
            problems.add(
                "toml-key-unknown", PATH, line, f"{key!a} is not a key of [module]",
                did_you_mean(key, list(_READERS)),
            )  # fmt: skip
        elif (read := _READERS[key](value, key, line, problems)) is not None:
            values[key] = read
    return ModuleTable(**values, lines=places)


def _check_names(modules: tuple[ModuleTable, ...], problems: Problems) -> None:
    seen: set[str] = set()
    for module in modules:
        line = module.lines.get("name")
        if len(modules) > 1 and module.name is None:
            _wrong(problems, line, "one of several modules has no name", 'write name = "..." in each')
        if module.name in seen:
            problems.add(
                "module-repeated", PATH, line, f"{module.name} stands twice", "rename one of them"
            )
        seen |= {module.name} if module.name else set()


def _wrong(problems: Problems, line: int | None, message: str, hint: str) -> None:
    problems.add("toml-value-invalid", PATH, line, message, hint)


def _read_text(value: Any, key: str, line: int, problems: Problems) -> str | None:
    if isinstance(value, str) and value.strip() and len(value) <= _TEXT_LENGTH:
        return value
    _wrong(problems, line, f"{key} is not a text of up to {_TEXT_LENGTH} characters", f'write {key} = "..."')
    return None


def _read_name(value: Any, key: str, line: int, problems: Problems) -> str | None:
    if isinstance(value, str) and MODULE_NAME.fullmatch(value) and len(value) <= 100:
        return value
    problems.add(
        "module-name-invalid", PATH, line, f"{value!a:.80} is not a module name",
        "write small letters and digits, with single - . _ between them",
    )  # fmt: skip
    return None


def _read_word(
    value: Any, key: str, line: int, problems: Problems, *, words: Mapping[str, str]
) -> str | None:
    """The value that one of `words` (in any case) stands for."""
    meanings = {word.lower(): meaning for word, meaning in words.items()}
    if isinstance(value, str) and value.lower() in meanings:
        return meanings[value.lower()]
    known = list(dict.fromkeys(words.values()))
    _wrong(problems, line, f"{key} is {value!a:.80}", did_you_mean(str(value)[:80], known))
    return None


def _read_data_types(value: Any, key: str, line: int, problems: Problems) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        _wrong(problems, line, f"{key} is not a list", f'write {key} = ["IMAGE"]')
        return None
    words = {word: word for word in DATA_TYPES}
    read = [_read_word(each, key, line, problems, words=words) for each in value]
    return tuple(each for each in read if each is not None)


def _read_environment(value: Any, key: str, line: int, problems: Problems) -> dict[str, str] | None:
    if not isinstance(value, dict):
        _wrong(problems, line, f"{key} is not a table", 'write [module.environment] and NAME = "value"')
        return None
    good: dict[str, str] = {}
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            _wrong(problems, line, f"{name!a:.80} is not the name of a variable", "use letters, digits, _")
        elif not isinstance(text, str) or "\0" in text:
            _wrong(problems, line, f"{key}.{name} is not a text", f'write {name} = "{text!s:.40}"')
        else:
            good[name] = text
    return good


def _read_resources(value: Any, key: str, line: int, problems: Problems) -> Resources | None:
    table = value if isinstance(value, dict) else {}
    gpu, memory = table.get("gpu", False), table.get("memory")
    for name in table.keys() - {"gpu", "memory"}:
        problems.add(
            "toml-key-unknown", PATH, line, f"{name!a} is not a key of [module.resources]",
            did_you_mean(name, ["gpu", "memory"]),
        )  # fmt: skip
    memory_fits = memory is None or (isinstance(memory, str) and _MEMORY.fullmatch(memory))
    if isinstance(value, dict) and isinstance(gpu, bool) and memory_fits:
        return Resources(gpu=gpu, memory=memory)
    _wrong(problems, line, f"{key} has another form", 'write gpu = true or false and memory = "4g"')
    return None


_KIND_WORDS = {**{kind: kind for kind in KINDS.values()}, **KINDS}
_VISIBILITY_WORDS = {word: word for word in VISIBILITIES}
_READERS: Mapping[str, Callable[[Any, str, int, Problems], Any]] = {
    "name": _read_name,
    "title": _read_text,
    "description": _read_text,
    "kind": partial(_read_word, words=_KIND_WORDS),
    "author": _read_text,
    "licenses": _read_text,
    "visibility": partial(_read_word, words=_VISIBILITY_WORDS),
    "entry_point": _read_text,
    "requirements": _read_text,
    "base": _read_text,
    "inputs": _read_data_types,
    "outputs": _read_data_types,
    "environment": _read_environment,
    "resources": _read_resources,
}

"""`mlreef.toml`: what an author says about a module beside its code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlreef_hooks.manifest import Resources
from mlreef_hooks.module_keys import PATH, READERS, Setting
from mlreef_hooks.problems import Problems
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.toml_lines import KeyPath, TomlError, read_toml
from mlreef_hooks.tree import SourceTree

_BYTES = 1 << 15  # of the whole file


@dataclass(frozen=True, kw_only=True)
class ModuleTable:
    """One `[module]` or `[[module]]` table; what it does not say is None or empty.

    `lines` has the line of every key that the table holds, of one that could not be read too; of a
    file that could not be read every key counts as held.
    """

    name: str | None = None
    title: str | None = None
    description: str | None = None
    kind: str | None = None
    author: str | None = None
    licenses: str | None = None
    tags: tuple[str, ...] | None = None
    visibility: str | None = None
    entry_point: str | None = None
    requirements: str | None = None
    base: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    picture: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


def read_module_tables(
    tree: SourceTree, problems: Problems, *, named: str | None = None
) -> tuple[ModuleTable, ...]:
    """The modules of the tree: one without any word where there is no `mlreef.toml`.

    Where one of several modules is `named` so, only that one, and no finding of its neighbours'.
    """
    _check_places(tree, problems)
    if PATH not in tree:
        return (ModuleTable(),)
    document = _read_document(tree, problems)
    if document is None:
        return (ModuleTable(lines=dict.fromkeys(READERS, 1)),)
    for setting in document.inner():
        if setting.path != ("module",):
            setting.add(
                f"{quoted(setting.name)} is not a known table", "write every key below [module]",
                "toml-key-unknown",
            )  # fmt: skip
    tables = list(_module_settings(document))
    wanted = [table for table in tables if named and _name_in(table) == named] or tables
    modules = tuple(_read_module(table) for table in wanted)
    _check_names(wanted, modules)
    return modules


def _name_in(table: Setting) -> object:
    return table.value.get("name") if isinstance(table.value, dict) else None


def _check_places(tree: SourceTree, problems: Problems) -> None:
    for path in tree.special(PATH):
        if path != PATH:
            problems.add(
                "toml-misplaced", path, None, "only the mlreef.toml at the root is read",
                "move it there, or delete it",
            )  # fmt: skip


def _read_document(tree: SourceTree, problems: Problems) -> Setting | None:
    """The whole document; None with a finding where it cannot be read."""
    if tree.get(PATH) is None:
        problems.add("toml-invalid", PATH, None, "it is not a regular file", "commit it as one")
        return None
    content = tree.read_source(PATH, problems, limit=_BYTES)
    if content is None:
        return None
    try:
        value, lines = read_toml(content)
    except TomlError as fault:
        problems.add("toml-invalid", PATH, fault.line, fault.message, fault.hint)
        return None
    return Setting(path=(), value=value, lines=lines, problems=problems)


def _module_settings(document: Setting) -> Iterator[Setting]:
    """Each `[module]` table; a single one without any key where the document has none."""
    found = document.value.get("module", {})
    values = found if isinstance(found, list) and found else [found]
    for number, value in enumerate(values):
        path: KeyPath = ("module", number) if values is found else ("module",)
        yield Setting(path=path, value=value, lines=document.lines, problems=document.problems)


def _read_module(table: Setting) -> ModuleTable:
    if not isinstance(table.value, dict):
        table.add("module is not a table", "write [module]")
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for setting in table.inner():
        key = str(setting.path[-1])
        lines[key] = setting.line
        if key not in READERS:
            setting.add_unknown("module", list(READERS))
        elif (read := READERS[key](setting)) is not None:
            values[key] = read
    return ModuleTable(**values, lines=lines)


def _check_names(tables: list[Setting], modules: tuple[ModuleTable, ...]) -> None:
    seen: set[str] = set()
    for table, module in zip(tables, modules, strict=True):
        if len(modules) > 1 and "name" not in module.lines and isinstance(table.value, dict):
            table.add("one of several modules has no name", 'write name = "..." in each')
        if module.name in seen:
            table.problems.add(
                "module-repeated", PATH, module.lines["name"],
                f"two [[module]] tables have the name {module.name}", "rename one of them",
            )  # fmt: skip
        seen |= {module.name} if module.name else set()

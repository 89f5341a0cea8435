"""A tree to manifests and findings: all rules in one pass, the same for server and author."""

from dataclasses import dataclass, replace

from mlreef_hooks.config import Config
from mlreef_hooks.entry_point import EntryPoint, check_named, find_entry_point, read_entry_point
from mlreef_hooks.manifest import KINDS, VISIBILITIES, ModuleManifest
from mlreef_hooks.module_keys import NAME_HINT, PATH, is_module_name
from mlreef_hooks.module_toml import ModuleTable, read_module_tables
from mlreef_hooks.picture_rule import check_picture
from mlreef_hooks.problems import Problem, Problems, did_you_mean
from mlreef_hooks.requirements import Requirements, find_requirements, read_requirements
from mlreef_hooks.source.annotations import Processor
from mlreef_hooks.source.wording import quoted
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_rules import check_tree

_NEEDED_DATA_TYPES = {
    "model": ("outputs",),
    "data-operation": ("inputs", "outputs"),
    "data-visualization": ("inputs",),
}
_Said = str | tuple[str, ...]
_ARGUMENTS = {"kind": "type", "inputs": "input_type", "outputs": "output_type"}  # of data_processor


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What a tree holds: its modules as far as they could be read, and everything found wrong."""

    manifests: tuple[ModuleManifest, ...]
    problems: tuple[Problem, ...]
    files: int

    @property
    def publishable(self) -> bool:
        """True where no finding is an error."""
        return not any(problem.severity == "error" for problem in self.problems)


def validate(
    tree: SourceTree, *, name: str, config: Config, module: str | None = None
) -> Validation:
    """The modules of a tree and everything that is wrong with them, in one pass.

    `name` is the module's where the tree gives none, and fits `MODULE_NAME`. Of several modules
    only the one named `module` is read, so that its neighbours' errors do not hold it up.
    """
    problems = Problems(config.rules)
    manifests: tuple[ModuleManifest, ...] = ()
    # A tree beyond the site's limits could take hours to read.
    if check_tree(tree, config.limits, problems):
        tables = read_module_tables(tree, problems, named=module)
        found = [_read_module(table, tree, name, config, problems) for table in tables]
        manifests = tuple(manifest for manifest in found if manifest)
    return Validation(manifests=manifests, problems=tuple(problems), files=tree.files)


def _read_module(
    table: ModuleTable, tree: SourceTree, name: str, config: Config, problems: Problems
) -> ModuleManifest | None:
    base = _choose_base(table, config, problems)
    requirements = _read_requirements(table, tree, config, problems)
    path = _choose_entry_point(table, tree, config.base[base].python, problems)
    if path is None:
        return None
    entry_point = read_entry_point(path, tree, config.base[base].python, problems)
    name = _choose_name(table, entry_point, name, problems)
    manifest = _join(table, entry_point, requirements, name=name, base=base)
    _check_drift(table, entry_point.processor, problems)
    manifest = _assume(manifest, table, entry_point, problems)
    return replace(
        manifest,
        picture=check_picture(table.picture, table.lines.get("picture"), tree, problems),
        environment={**config.base[base].environment, **manifest.environment},
        resources=replace(manifest.resources, gpu=manifest.resources.gpu or config.base[base].gpu),
    )


def _choose_base(table: ModuleTable, config: Config, problems: Problems) -> str:
    fallback = "default" if "default" in config.base else next(iter(config.base))
    if table.base is None or table.base in config.base:
        return table.base or fallback
    line = table.lines.get("base")
    hint = did_you_mean(table.base, list(config.base))
    problems.add("base-unknown", PATH, line, f"there is no base {quoted(table.base)}", hint)
    return fallback


def _read_requirements(
    table: ModuleTable, tree: SourceTree, config: Config, problems: Problems
) -> Requirements:
    path = find_requirements(tree, problems, named=table.requirements)
    if path is None:
        return Requirements()
    allowed = config.pip.allow_index_options
    return read_requirements(tree, path, problems, allow_index_options=allowed)


def _choose_entry_point(
    table: ModuleTable, tree: SourceTree, python: str, problems: Problems
) -> str | None:
    if table.entry_point is not None:
        return check_named(table.entry_point, table.lines.get("entry_point"), tree, problems)
    return find_entry_point(tree, python, problems)


def _choose_name(
    table: ModuleTable, entry_point: EntryPoint, fallback: str, problems: Problems
) -> str:
    slug = entry_point.processor.slug if entry_point.processor else None
    if table.name or not slug or is_module_name(slug):
        return table.name or slug or fallback
    line = entry_point.processor.line if entry_point.processor else None
    message = f"the slug {quoted(slug)} is not a module name"
    problems.add("module-name-invalid", entry_point.path, line, message, NAME_HINT)
    return fallback


def _join(
    table: ModuleTable,
    entry_point: EntryPoint,
    requirements: Requirements,
    *,
    name: str,
    base: str,
) -> ModuleManifest:
    """What `mlreef.toml` says before what the annotation says; kind and data types may be empty."""
    said = entry_point.processor
    return ModuleManifest(
        name=name,
        title=table.title or (said and said.title) or name,
        description=table.description or (said and said.description) or entry_point.description,
        kind=table.kind or (said and said.kind) or "",
        author=table.author or (said.author if said else None),
        visibility=_narrower(table.visibility, said.visibility if said else None),
        inputs=table.inputs if table.inputs is not None else (said.inputs if said else ()),
        outputs=table.outputs if table.outputs is not None else (said.outputs if said else ()),
        entry_point=entry_point.path,
        parameters=entry_point.parameters,
        metrics=entry_point.metrics,
        requirements=requirements.displayed,
        requirements_files=requirements.files,
        base=base,
        environment=table.environment,
        resources=table.resources,
        licenses=table.licenses,
        tags=table.tags or (),
        argparse=entry_point.argparse,
        imports=entry_point.imports,
    )


def _narrower(*said: str | None) -> str | None:
    return min((each for each in said if each), key=VISIBILITIES.index, default=None)


def _check_drift(table: ModuleTable, said: Processor | None, problems: Problems) -> None:
    if said is None:
        return
    for key, in_toml, annotated in (
        ("name", table.name, said.slug),
        ("title", table.title, said.title),
        ("kind", table.kind, said.kind),
        ("inputs", table.inputs, said.inputs),
        ("outputs", table.outputs, said.outputs),
    ):
        if in_toml and annotated and _differ(in_toml, annotated):
            problems.add(
                "toml-drift", PATH, table.lines.get(key),
                f"{key} is {_as_words(in_toml)} here and {_as_words(annotated)} in the annotation",
                f"say it in one place, or the same in both (annotation: line {said.line})",
            )  # fmt: skip


def _differ(first: _Said, second: _Said) -> bool:
    """True where the two differ; the order of several words means nothing."""
    return first != second and (isinstance(first, str) or set(first) != set(second))


def _as_words(said: _Said) -> str:
    return quoted(said) if isinstance(said, str) else ", ".join(sorted(said))


def _assume(
    manifest: ModuleManifest, table: ModuleTable, entry_point: EntryPoint, problems: Problems
) -> ModuleManifest:
    """The manifest with a kind and the data types that its kind needs.

    It is an error where there is an annotation, whose place is to say them, and else a warning.
    """
    known = bool(manifest.kind)
    if not known:
        manifest = replace(manifest, kind=KINDS["OPERATION"])
        _report_kind(table, entry_point, problems)
    data_types = {"inputs": manifest.inputs, "outputs": manifest.outputs}
    for side in _NEEDED_DATA_TYPES[manifest.kind]:
        if not data_types[side]:
            data_types[side] = ("ANY",)
            if known or entry_point.processor is None:
                _report_data_types(side, manifest.kind, table, entry_point, problems)
    return replace(manifest, inputs=data_types["inputs"], outputs=data_types["outputs"])


def _is_said(key: str, table: ModuleTable, entry_point: EntryPoint) -> bool:
    """True where something was said, or may have been, that is a finding of its own already."""
    processor = entry_point.processor
    annotated = processor is not None and _ARGUMENTS[key] in processor.given
    return annotated or key in table.lines or not entry_point.compiles


def _report_kind(table: ModuleTable, entry_point: EntryPoint, problems: Problems) -> None:
    in_toml = 'kind = "..." below [module] in mlreef.toml'
    if _is_said("kind", table, entry_point):
        return
    if entry_point.processor is None:
        problems.add(
            "kind-assumed", entry_point.path, None, "nothing says what kind of module this is",
            f"data-operation is assumed; write {in_toml}",
        )  # fmt: skip
    else:
        words = ", ".join(f'type="{word}"' for word in KINDS)
        problems.add(
            "kind-missing", entry_point.path, entry_point.processor.line,
            "data_processor has no type", f"write one of {words}, or {in_toml}",
        )  # fmt: skip


def _report_data_types(
    side: str, kind: str, table: ModuleTable, entry_point: EntryPoint, problems: Problems
) -> None:
    in_toml = f'{side} = ["IMAGE"] below [module] in mlreef.toml'
    argument = _ARGUMENTS[side]
    if getattr(table, side) == ():  # an empty list, in so many words
        problems.add(
            "data-types-missing", PATH, table.lines[side],
            f"a {kind} has {side}, and this one says none", f"write {in_toml}",
        )  # fmt: skip
    elif _is_said(side, table, entry_point):
        return
    elif entry_point.processor is None:
        problems.add(
            "data-types-assumed", entry_point.path, None,
            f"nothing says which data types its {side} are", f"ANY is assumed; write {in_toml}",
        )  # fmt: skip
    else:
        problems.add(
            "data-types-missing", entry_point.path, entry_point.processor.line,
            f"a {kind} has an {argument}, and this one says none",
            f'write {argument}="IMAGE", or {in_toml}',
        )  # fmt: skip

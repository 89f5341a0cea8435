"""Who may import whom, by hand-written tables; the sources are read and never imported."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "mlreef_hooks"
ROOT = Path(__file__).parents[1] / PACKAGE
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(ROOT.rglob("*.py"))
}

# From the ground up: the values that everything speaks of; what reads a pushed tree; what decides
# about images, index and words; what touches one outside thing each; the story; the command line.
LAYERS = {
    "values": "config config_images config_table config_visibility errors job manifest picture"
    " pipeline plain_text problems push tree tree_entry visibility wheels.place",
    "reading": "changed_tree delta_chain entry_point git_objects lfs_pointer lfs_tree link_map"
    " missing_imports module_keys module_toml picture_rule pipeline_order pipeline_toml"
    " plain_folders presentation proposal.* required_package requirement_lines requirement_pinning"
    " requirements rule_page script_behind source.* toml_lines tree_listing tree_path tree_rules"
    " tree_summary validation",
    "writing": "base_facts base_reading catalog.form catalog.pages catalog.readme catalog.rows"
    " change code_layers columns command_line contract exports.* gate_report image image_label"
    " image_name image_plan image_progress index index_check index_claims index_lines index_search"
    " oci parameter_changes pipeline_check provenance provenance_check published_changes"
    " registry_url release report retention run_filters run_metrics run_record run_values sbom"
    " version_changes version_promise wheels.facts wheels.lock wheels.platform wheels.pylock"
    " wheels.sources wheels.wanted",
    "edges": "account alternates answer_cache base_image base_sources bases build_cache builders.*"
    " catalog.files collection_memory committed_tree container container_watch docker_credentials"
    " durable_files edge_mark engine engine_api engine_collection engine_image engine_pool"
    " engine_ssh event_log export_files file_hashes folder_memory gate_setting git git_settings"
    " gitolite_setup hook_files hook_place hook_setting ignored_files image_copies image_search"
    " index_attachments index_audience index_document index_files index_http index_repair"
    " index_scan index_ssh index_store installation installed_modules installed_packages"
    " interruption job_log job_records job_table jobs layout_collection lfs_store module_run"
    " object_store oci_layout own_clone pipeline_outputs process project_files push_option_setting"
    " registry registry_blobs registry_http registry_login registry_referrers registry_session"
    " repository run_plot run_store saves servers.* service_files ssh_signature state_files"
    " step_cache waiting_room web_files web_login wheels.access wheels.bytecode"
    " wheels.bytecode_worker wheels.download wheels.layer wheels.resolution wheels.source_search"
    " wheels.unfinished wheels.uv_cache wheels.uv_failure wheels.wheel_file working_tree",
    "flow": "attestation audience catalog.update checking collection contract_check doctor.* edge"
    " fixing gate gate_placement image_collection image_place index_sources intake pipeline_run"
    " placement plan publish reader_index receive recorded_run reindexing releasing restored_entry"
    " site sweep verification withdrawal work",
    "shell": "__main__ api cli.*",
}
MAY_IMPORT = {
    "values": {"values"},
    "reading": {"values", "reading"},
    "writing": {"values", "writing"},
    "edges": {"values", "writing"},  # and what the next table says
    "flow": {"values", "reading", "writing", "edges", "flow"},
    "shell": {*LAYERS},
}
PURE = ("values", "reading", "writing")
# An edge that builds on others: each still owns one outside thing.
EDGES = {
    "answer_cache": "durable_files",
    "base_sources": "bases container engine oci_layout registry",
    "bases": "durable_files oci_layout",
    "build_cache": "durable_files",
    "builders.built_wheel": "bases container wheels.layer",
    "builders.docker_engine": "builders.pip_failure builders.pip_install builders.start_check"
    " container durable_files engine engine_image",
    "builders.into_engine": "bases builders.start_check builders.stored_image engine engine_image"
    " engine_pool oci_layout",
    "builders.into_registry": "build_cache builders.stored_image oci_layout registry",
    "builders.layers": "bases build_cache builders.built_wheel builders.pip_install"
    " builders.source_wheels builders.stored_image builders.wheel_layers durable_files oci_layout"
    " wheels.resolution",
    "builders.pip_failure": "builders.pip_install container",
    "builders.pip_install": "container",
    "builders.source_wheels": "bases builders.built_wheel builders.into_engine"
    " builders.pip_failure builders.pip_install container durable_files engine engine_pool"
    " oci_layout wheels.source_search wheels.unfinished",
    "builders.start_check": "container engine missing_imports",
    "builders.stored_image": "bases oci_layout",
    "builders.wheel_layers": "build_cache durable_files oci_layout wheels.download wheels.layer"
    " wheels.unfinished",
    "catalog.files": "durable_files",
    "collection_memory": "durable_files",
    "committed_tree": "git git_objects lfs_tree object_store plain_folders tree_listing",
    "container_watch": "container engine_api",
    "edge_mark": "durable_files",
    "engine": "container container_watch engine_api engine_image process",
    "engine_api": "engine_ssh",
    "engine_collection": "engine engine_image",
    "engine_image": "process",
    "engine_pool": "durable_files engine",
    "event_log": "durable_files",
    "export_files": "durable_files index_audience",
    "folder_memory": "durable_files",
    "gate_setting": "git_settings",
    "git": "account git_objects",
    "git_settings": "account git",
    "gitolite_setup": "account git hook_place servers.folders servers.gitolite",
    "hook_files": "durable_files edge_mark hook_place waiting_room",
    "hook_place": "servers.folders servers.gitea servers.table",
    "hook_setting": "git git_settings",
    "ignored_files": "git",
    "image_copies": "engine registry",
    "image_search": "engine oci_layout registry",
    "index_attachments": "durable_files",
    "index_audience": "durable_files index_document",
    "index_files": "index_audience index_store",
    "index_http": "web_files",
    "index_repair": "durable_files index_audience index_document index_store",
    "index_store": "durable_files index_attachments index_audience index_document",
    "installation": "account durable_files service_files",
    "installed_modules": "installed_packages",
    "installed_packages": "requirement_pinning",
    "job_log": "durable_files",
    "job_table": "durable_files",
    "jobs": "job_table process",
    "layout_collection": "durable_files oci_layout",
    "lfs_store": "lfs_pointer",
    "module_run": "bases builders.into_engine container engine file_hashes oci_layout",
    "object_store": "alternates delta_chain git git_objects plain_folders tree_listing",
    "oci_layout": "durable_files process",
    "own_clone": "git",
    "pipeline_outputs": "durable_files wheels.unfinished",
    "project_files": "durable_files",
    "push_option_setting": "git_settings",
    "registry": "registry_blobs registry_http registry_session",
    "registry_blobs": "registry_http registry_session",
    "registry_login": "docker_credentials registry_http",
    "registry_referrers": "registry",
    "registry_session": "docker_credentials registry_http registry_login",
    "repository": "committed_tree git git_objects lfs_store object_store tree_listing",
    "run_plot": "durable_files",
    "run_store": "durable_files process",
    "servers.anonymous_fetch": "servers.web",
    "servers.forge": "servers.web",
    "servers.forgejo": "servers.gitea",
    "servers.gitea": "servers.folders",
    "servers.gitea_api": "servers.forge servers.web",
    "servers.gitlab": "git_settings servers.folders",
    "servers.gitlab_api": "servers.forge servers.web",
    "servers.gitolite": "servers.folders",
    "servers.gitolite_access": "account servers.web",
    "servers.people": "account",
    "servers.plain": "servers.folders",
    "servers.soft_serve": "servers.folders",
    "servers.table": "servers.folders servers.forgejo servers.gitea servers.gitlab"
    " servers.gitolite servers.plain servers.soft_serve",
    "servers.visibility": "servers.anonymous_fetch servers.gitea_api servers.gitlab_api"
    " servers.gitolite_access servers.web",
    "servers.web": "registry_http",
    "service_files": "account durable_files",
    "state_files": "durable_files job_log wheels.unfinished",
    "step_cache": "durable_files file_hashes wheels.unfinished",
    "waiting_room": "durable_files",
    "web_files": "answer_cache registry_http servers.web",
    "wheels.download": "durable_files wheels.access wheels.unfinished",
    "wheels.layer": "wheels.bytecode wheels.wheel_file",
    "wheels.resolution": "builders.pip_install durable_files wheels.access wheels.unfinished"
    " wheels.uv_cache wheels.uv_failure",
    "wheels.source_search": "wheels.access",
    "wheels.unfinished": "process",
    "wheels.uv_cache": "durable_files",
    "wheels.uv_failure": "wheels.access",
}
# Who may import what is not ours, and what of the standard library touches the outside.
LIBRARIES = {
    "click": "cli.*",
    "docker": "engine_api engine_ssh",
    "dulwich": "object_store",
    "installer": "wheels.layer wheels.wheel_file",
    "jinja2": "catalog.pages",
    "jsonschema_rs": "index_check",
    "markdown_it": "catalog.readme",
    "markupsafe": "catalog.pages",
    "matplotlib": "run_plot",
    "packaging": "base_reading builders.built_wheel cli.publish cli.release_push cli.user contract"
    " exports.trs image image_label image_search index jobs published_changes push release"
    " releasing required_package requirement_pinning restored_entry retention verification"
    " version_promise wheels.access wheels.layer wheels.platform wheels.pylock"
    " wheels.source_search wheels.sources wheels.wanted",
    "requests": "engine_api",
    "toml": "installation",
    "urllib3": "engine_api",
    "uv": "wheels.resolution",
    "watchfiles": "saves",
}
OUTSIDE = {
    "fcntl": "doctor.disk durable_files",
    "http": "registry_http servers.web web_files wheels.access",
    "sqlite3": "build_cache job_records job_table jobs",
    "ssl": "doctor.machine registry_http servers.web web_files wheels.access",
    "subprocess": "base_image cli.hand_over cli.worker docker_credentials doctor.hook engine_ssh"
    " git gitolite_setup index_ssh installed_packages servers.gitolite_access servers.people"
    " service_files ssh_signature wheels.bytecode wheels.resolution",
}
TOUCHES_THE_OUTSIDE = {
    "fcntl", "glob", "http", "os", "pwd", "random", "shutil", "signal", "socket", "sqlite3",
    "subprocess", "sys", "tempfile", "threading", "time",
}  # fmt: skip
SHELL_ONLY_CALLS = {"print", "input", "exit", "quit", "breakpoint", "eval", "exec", "__import__"}
SHELL_ONLY_MEMBERS = {("sys", "exit"), ("os", "_exit"), ("os", "abort"), ("os", "system")}


@cache
def parsed(module: str) -> ast.Module:
    """The source of a module, read once for all tests."""
    return ast.parse(FILES[module].read_bytes())


@cache
def members(words: str) -> frozenset[str]:
    """The modules that a row of a table names; `cli.*` are all of that folder."""
    stems = [word.removesuffix("*") for word in words.split() if word.endswith("*")]
    named = frozenset(word for word in words.split() if not word.endswith("*"))
    return named | {name for name in FILES if any(map(name.startswith, stems))}


@cache
def layer_of(module: str) -> str:
    """The one layer of a module."""
    (found,) = [layer for layer, words in LAYERS.items() if module in members(words)]
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Everything that a module imports anywhere in it, by its full dotted name."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(module: str) -> set[str]:
    """The modules of the program that a module imports."""
    names = (name.removeprefix(f"{PACKAGE}.") for name in imports(module))
    return {name for name in names if name in FILES and not name.endswith("__init__")}


def other_imports(module: str) -> set[str]:
    """What a module imports that is not ours, by the first part of its name."""
    return {name.split(".")[0] for name in imports(module)} - {PACKAGE}


MODULES = [name for name in FILES if not name.endswith("__init__")]


def test_the_tables_name_every_module_once_and_no_other() -> None:
    named = [name for words in LAYERS.values() for name in members(words) if name in MODULES]
    assert sorted(named) == sorted(MODULES)
    rows = [*LAYERS.values(), *EDGES.values(), *LIBRARIES.values(), *OUTSIDE.values(), *EDGES]
    assert not {name for words in rows for name in members(words)} - {*FILES}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_its_layer_may(module: str) -> None:
    allowed = {name for name in MODULES if layer_of(name) in MAY_IMPORT[layer_of(module)]}
    allowed |= members(EDGES.get(module, ""))
    assert not own_imports(module) - allowed


@pytest.mark.parametrize("module", MODULES)
def test_a_library_is_imported_where_it_belongs(module: str) -> None:
    found = other_imports(module)
    assert not {name for name in found if name not in {*LIBRARIES} | sys.stdlib_module_names}
    for name in found & ({*LIBRARIES} | {*OUTSIDE}):
        assert module in members({**LIBRARIES, **OUTSIDE}[name]), name


@pytest.mark.parametrize("module", [name for name in MODULES if layer_of(name) in PURE])
def test_a_pure_module_touches_nothing_outside(module: str) -> None:
    assert not other_imports(module) & TOUCHES_THE_OUTSIDE
    called = {
        ast.unparse(node.func) for node in ast.walk(parsed(module)) if isinstance(node, ast.Call)
    }
    assert not called & {"open", "io.open", "datetime.now", "Path.cwd", "Path.home"}


@pytest.mark.parametrize("module", [name for name in MODULES if layer_of(name) != "shell"])
def test_below_the_shell_nothing_prints_exits_or_asserts(module: str) -> None:
    for node in ast.walk(parsed(module)):
        assert not isinstance(node, ast.Assert), node.lineno
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            assert node.func.id not in SHELL_ONLY_CALLS, node.lineno
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            assert (node.func.value.id, node.func.attr) not in SHELL_ONLY_MEMBERS, node.lineno


@pytest.mark.parametrize("module", [name for name in MODULES if "subprocess" in imports(name)])
def test_git_is_run_in_one_file(module: str) -> None:
    words = {
        node.value
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert ("git" in words) == (module == "git")
    assert "shell=True" not in FILES[module].read_text()


def test_there_is_no_circle() -> None:
    order = [*TopologicalSorter({name: own_imports(name) for name in MODULES}).static_order()]
    assert {*order} == {*MODULES}


def test_packages_are_only_folders() -> None:
    for name in {*FILES} - {*MODULES}:
        body = parsed(name).body
        kinds = {type(node) for node in body}
        if name == "__init__":  # what Python users import, at no cost for those who do not
            assert not [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
            kinds -= {ast.If, ast.FunctionDef}
        assert kinds <= ({ast.Expr, ast.Assign} if name == "__init__" else {ast.Expr}), name

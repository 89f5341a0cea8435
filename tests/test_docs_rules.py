"""docs/rules.md: every rule with its severity, an example that triggers it, a fix that mends it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlreef_hooks.config import Config
from mlreef_hooks.git_working_tree import list_working_tree
from mlreef_hooks.intake import publish_tags, read_request
from mlreef_hooks.missing_imports import missing_imports
from mlreef_hooks.module_choice import choose_manifest
from mlreef_hooks.problems import RULES, Problem
from mlreef_hooks.push import PushEvent, RefUpdate, RepositoryName
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.validation import Validation, validate
from mlreef_hooks.working_tree import read_working_tree
from tests.support.git import Author
from tests.support.pages import TEXTS, Block, blocks, code, opening, sections, table

PAGE = "docs/rules.md"
NOT_RUN = {  # why, and the test that breaks the rule instead
    "tag-signature": ("needs a site that wants signed tags", "test_signed_tags.py"),
    "tag-moved": ("needs a version that is published", "test_push_shapes.py"),
    "version-taken": ("needs a version that is published", "test_push_shapes.py"),
    "version-breaking": ("needs a version that is published", "test_contract.py"),
    "module-taken": ("needs a module of another repository", "test_push_shapes.py"),
    "image-open": ("needs a registry", "test_flips.py"),
    "tree-duplicate": ("no git command makes such a tree", "test_tree_rules.py"),
    "tree-too-many-files": ("takes minutes to make", "test_tree_rules.py"),
}
COMMITTED = {"tree-too-deep"}  # a bound on the reading of a commit, not of a folder
# What a short example leaves out of the project around it; `test_rules.py` breaks each rule alone.
LEFT_OUT = {"kind-assumed", "data-types-assumed", "parameter-path-missing"}
CONFIG = Config()


def test_every_rule_is_listed_with_its_severity() -> None:
    rows = table(opening(PAGE), "rule")
    documented = {code(rule)[0]: (severity, word) for rule, severity, word in rows}
    assert documented == {
        name: (rule.severity, "yes" if rule.adjustable else "no") for name, rule in RULES.items()
    }


def test_every_rule_has_a_section() -> None:
    assert sorted(re.findall(r"^### `(.+)`$", TEXTS[PAGE], re.MULTILINE)) == sorted(RULES)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in NOT_RUN])
def test_the_example_triggers_its_rule_and_the_fix_mends_it(rule: str, tmp_path: Path) -> None:
    author = Author(tmp_path / "turn", "/nowhere")
    author.commit({block.file: block.text for block in good_project()})
    example, _, fix = sections(PAGE)[rule].partition("\nFix: ")
    apply(example, author)
    found = rules_found(author, commit=rule in COMMITTED)
    assert rule in found
    assert not found - LEFT_OUT - {rule}
    apply(fix, author)
    assert not rules_found(author, commit=rule in COMMITTED) - (LEFT_OUT - {rule})


@pytest.mark.parametrize("rule", NOT_RUN)
def test_a_rule_whose_example_is_not_run_is_broken_elsewhere(rule: str) -> None:
    _, test = NOT_RUN[rule]
    assert rule in (Path(__file__).parent / test).read_text()


def test_the_project_of_the_examples_is_good(tmp_path: Path) -> None:
    author = Author(tmp_path / "turn", "/nowhere")
    author.commit({block.file: block.text for block in good_project()})
    assert rules_found(author, commit=True) == set()


def good_project() -> list[Block]:
    """The files that the examples change."""
    return [block for block in blocks(opening(PAGE)) if block.file and "/" not in block.file]


def apply(text: str, author: Author) -> None:
    """Run the commands of a text in the author's folder, and write its files there."""
    found = blocks(text)
    assert found
    for block in found:
        if block.language == "sh":
            command = ["sh", "-eu", "-c", block.text]
            subprocess.run(command, cwd=author.folder, env=author.environment, check=True)
        else:
            path = author.folder / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)


def rules_found(author: Author, *, commit: bool) -> set[str]:
    """The rules that the folder, or a commit of it, and its publish tags break."""
    repository = GitRepository(author.folder)
    try:
        if commit:
            tree = repository.read_tree(author.commit({}), CONFIG.limits)
        else:
            tree = read_working_tree(author.folder, list_working_tree(author.folder))
        found = validate(tree, name="turn", config=CONFIG)
        missing = missing_problems(found)
        return {each.rule for each in (*found.problems, *tag_problems(repository, found), *missing)}
    finally:
        repository.close()


def missing_problems(found: Validation) -> Iterator[Problem]:
    """What modules import, where an image has what they require and the standard library."""
    for manifest in found.manifests:
        required = {"yaml"} if "pyyaml==6.0.2" in manifest.requirements else set()
        modules = {*sys.stdlib_module_names, "PIL", *required}
        yield from missing_imports(manifest, modules)


def tag_problems(repository: GitRepository, found: Validation) -> Iterator[Problem]:
    """What is wrong with the publish tags of a repository that holds these modules."""
    refs = repository.refs("refs/tags/")
    updates = tuple(RefUpdate(old="0" * 40, new=id_, ref=ref) for ref, id_ in refs.items())
    name = RepositoryName(key="vision/turn", namespace="vision", name="turn")
    event = PushEvent(repository=name, pusher="ada", updates=updates)
    for update, tag in publish_tags(event, CONFIG):
        request = read_request(update, tag, event, repository, "")
        outcome = request if isinstance(request, Problem) else choose_manifest(found, request)
        if isinstance(outcome, Problem):
            yield outcome

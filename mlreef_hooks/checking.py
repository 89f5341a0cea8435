"""Checking a code project where it is: in a folder, or at a revision of a repository."""

from contextlib import closing
from functools import partial
from pathlib import Path

from mlreef_hooks.changed_tree import changed_tree, opened_folders
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.folder_memory import FolderMemory
from mlreef_hooks.git_working_tree import Changes, list_working_tree
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_summary import key_of, recall_from, summarise
from mlreef_hooks.validation import Validation, validate
from mlreef_hooks.working_tree import read_content, read_entries, read_working_tree


def check_folder(
    folder: Path, changes: Changes | None, name: str, config: Config, caches: Path
) -> Validation:
    """What is found in a folder: in a working tree all that git tracks or would add.

    `changes` are None where there is no commit of it; `name` is as in `validate`; what is known of
    folders is kept below `caches`.
    """
    repository = _open(changes.git_dir) if changes else None
    if changes and repository:
        with closing(repository):
            memory = FolderMemory(caches, changes.git_dir)
            tree = _read_changed(folder, changes, repository, config, memory)
            if tree is not None:
                return _validate(tree, name, config, memory)
    tree = read_working_tree(folder, list_working_tree(folder))
    return validate(tree, name=name, config=config)


def check_commit(
    repository: GitRepository, commit: str, name: str, config: Config, caches: Path
) -> Validation:
    """What is found in a commit, as the server would find it."""
    memory = FolderMemory(caches, repository.git_dir)
    recall = recall_from(memory.find)
    tree = repository.read_tree(commit, config.limits, recall, lfs=config.server.lfs)
    return _validate(tree, name, config, memory)


def _open(git_dir: Path) -> GitRepository | None:
    """The repository, None where it is one that the folder has to be read without."""
    try:
        return GitRepository(git_dir)
    except PublishError:
        return None


def _read_changed(
    folder: Path,
    changes: Changes,
    repository: GitRepository,
    config: Config,
    memory: FolderMemory,
) -> SourceTree | None:
    """The tree with its changes, None where what was committed cannot be told as it is."""
    changed = changes.present | changes.gone
    recall, opened = recall_from(memory.find), opened_folders(changed)
    try:
        committed = repository.read_folder(
            changes.tree, config.limits, recall, opened=opened, lfs=config.server.lfs
        )
    except PublishError:  # such as content that is left out of a partial clone
        return None
    if committed.beyond or committed.doubled:
        return None
    present = read_entries(folder, changes.present)
    return changed_tree(committed, changed, present, partial(read_content, folder))


def _validate(tree: SourceTree, name: str, config: Config, memory: FolderMemory) -> Validation:
    validation = validate(tree, name=name, config=config)
    known = summarise(tree, validation.problems)
    memory.keep({key_of(id_): each.to_json() for id_, each in known.items()}, tree.files)
    return validation

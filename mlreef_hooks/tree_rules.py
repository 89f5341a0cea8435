"""What a pushed tree must be to be unpacked safely and stored: the `tree-*` rules."""

import re
import shlex
from collections.abc import Callable

from mlreef_hooks.config import Limits
from mlreef_hooks.lfs_tree import find_pointers, uses_lfs
from mlreef_hooks.link_map import MOST_STEPS, LinkMap
from mlreef_hooks.problems import Problems, printable
from mlreef_hooks.tree import SourceTree
from mlreef_hooks.tree_entry import SUBMODULE, SYMLINK, TreeEntry
from mlreef_hooks.tree_path import path_faults

_LINK_BYTES = 4096  # no file system holds a longer target
_PACKAGE = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,60}[A-Za-z0-9])?"


def check_tree(tree: SourceTree, limits: Limits, problems: Problems) -> bool:
    """True where the tree is within the site's limits, so that it may be read any further.

    Adds a finding for everything in it that cannot become an image, or should not.
    """
    seen: set[str] = set()
    lowered: dict[str, str] = {}
    folders = _folders(tree)
    for path in tree.doubled:
        _add_doubled(path, problems)
    for entry in tree.entries:
        _check_path(entry, problems)
        if entry.path in seen or entry.path in folders:
            _add_doubled(entry.path, problems)
            continue
        seen.add(entry.path)
        _check_case(entry, lowered, problems)
        _CHECKS.get(entry.mode, _check_file)(tree, entry, limits, problems)
    if not _is_within(tree, limits, problems):
        return False
    _check_links(tree, problems)
    _check_lfs(tree, problems)
    return True


def _folders(tree: SourceTree) -> set[str]:
    """The folders of a tree; a hostile one may hold a file or a link of the same name."""
    folders = {path.rstrip("/") for path in (*tree.folders, *tree.known) if path}
    for path in tree:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _add_doubled(path: str, problems: Problems) -> None:
    problems.add(
        "tree-duplicate", path, None, "the name stands twice in its folder",
        "make the commit anew with git; no git command writes such a tree",
    )  # fmt: skip


def _check_path(entry: TreeEntry, problems: Problems) -> None:
    for fault in path_faults(entry.path):
        problems.add("tree-path", entry.path, None, f"the path {fault}", "rename it")


def _check_case(entry: TreeEntry, lowered: dict[str, str], problems: Problems) -> None:
    first = lowered.setdefault(entry.path.lower(), entry.path)
    if first != entry.path:
        problems.add(
            "tree-case-clash", entry.path, None,
            f"differs from {first} only in upper and lower case",
            "rename one of them: on some systems only one would be left",
        )  # fmt: skip


def _check_file(tree: SourceTree, entry: TreeEntry, limits: Limits, problems: Problems) -> None:
    if entry.size > limits.file_bytes:
        problems.add(
            "tree-file-too-large", entry.path, None,
            f"the file has {entry.size} bytes and the site allows {limits.file_bytes}",
            "keep data out of the code repository; the pipeline brings it to --input-path",
        )  # fmt: skip


def _check_link(tree: SourceTree, entry: TreeEntry, limits: Limits, problems: Problems) -> None:
    if entry.size > _LINK_BYTES:
        _add_link(entry.path, "has a target that no file system holds", problems)


def _check_links(tree: SourceTree, problems: Problems) -> None:
    """Follow each link as a system would, through the links of the tree too."""
    links = LinkMap(tree.links())
    told = {found.path for found in problems if found.severity == "error"}
    for path in links:
        fault = links.fault_of(path)
        if fault and printable(path) not in told:
            _add_link(path, fault, problems)
        if links.steps > MOST_STEPS:
            return


def _add_link(path: str, fault: str, problems: Problems) -> None:
    problems.add(
        "tree-symlink", path, None, f"the symbolic link {fault}",
        "commit the file itself, or link to a path inside the repository",
    )  # fmt: skip


def _check_submodule(
    tree: SourceTree, entry: TreeEntry, limits: Limits, problems: Problems
) -> None:
    # .gitmodules would say from where; it may name anything, and is not read.
    name = entry.path.rpartition("/")[2]
    name = name if re.fullmatch(_PACKAGE, name) else "NAME"
    problems.add(
        "tree-submodule", entry.path, None, "a submodule's files will not be in the image",
        "copy them into the repository, or require them as a package in requirements.txt:"
        f" {name} @ git+https://HOST/{name}.git@COMMIT, as git submodule status shows it",
    )  # fmt: skip


_CHECKS: dict[int, Callable[[SourceTree, TreeEntry, Limits, Problems], None]] = {
    SYMLINK: _check_link,
    SUBMODULE: _check_submodule,
}


def _is_within(tree: SourceTree, limits: Limits, problems: Problems) -> bool:
    """False, and a finding for each limit that the tree as a whole exceeds."""
    size = tree.size
    deep = any(entry.path.count("/") > limits.depth for entry in tree.entries)
    bounds = {
        "tree-too-large": (
            size > limits.tree_bytes,
            f"all files together have {size} bytes and the site allows {limits.tree_bytes}",
        ),
        "tree-too-many-files": (
            tree.count > limits.files,
            f"there are more than {limits.files} files and folders, which is all the site allows",
        ),
        "tree-too-deep": (
            deep,
            f"folders are nested deeper than {limits.depth}, which is all the site allows",
        ),
    }
    exceeded = [rule for rule, (beyond, _) in bounds.items() if beyond or rule == tree.beyond]
    for rule in exceeded:
        problems.add(
            rule, ".", None, bounds[rule][1],
            "keep data out of the repository, or ask the administrator to raise the limit",
        )  # fmt: skip
    return not exceeded


def _check_lfs(tree: SourceTree, problems: Problems) -> None:
    """Find pointers that no content took the place of; a folder with one is never known."""
    for path in tree.special(".gitattributes"):
        tree.read_source(path, problems)
    left = tree.pointers
    if left is None:
        left = _pointers(tree) if uses_lfs(tree) else {}
    for path, fault in left.items():
        file = shlex.quote(printable(path))
        problems.add(
            "tree-lfs-pointer", path, None, f"this is a Git LFS pointer, and its content {fault}",
            "send the content by git lfs push --all origin, or commit the file itself:"
            f" git lfs untrack {file} && git add --renormalize .",
        )  # fmt: skip


def _pointers(tree: SourceTree) -> dict[str, str]:
    """The pointers in a tree that nobody looked for contents of."""
    tree.pointers_sought = True
    return {entry.path: "is not here" for entry, _ in find_pointers(tree)}

"""What a pushed tree must be to be unpacked safely and stored: the `tree-*` rules."""

import posixpath
from collections.abc import Callable

from mlreef_hooks.config import Limits
from mlreef_hooks.problems import Problems
from mlreef_hooks.tree import SUBMODULE, SYMLINK, SourceTree, TreeEntry

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LFS_SIZES = range(100, 1024)  # of a pointer, by Git LFS's own specification
_LINK_BYTES = 4096  # no file system holds a longer target


def check_tree(tree: SourceTree, limits: Limits, problems: Problems) -> None:
    """Add a finding for everything in the tree that cannot become an image, or should not."""
    seen: set[str] = set()
    folded: dict[str, str] = {}
    for entry in tree.entries:
        _check_path(entry, problems)
        if entry.path in seen:
            problems.add(
                "tree-duplicate", shown(entry.path), None, "the name stands twice in its folder",
                "make the commit anew with git; no git command writes such a tree",
            )  # fmt: skip
        elif folded.setdefault(entry.path.casefold(), entry.path) != entry.path:
            problems.add(
                "tree-case-clash", shown(entry.path), None,
                f"differs from {shown(folded[entry.path.casefold()])} only in upper and lower case",
                "rename one of them: on some systems only one would be left",
            )  # fmt: skip
        seen.add(entry.path)
        _CHECKS.get(entry.mode, _check_file)(tree, entry, limits, problems)
    _check_whole(tree, limits, problems)
    _check_lfs(tree, problems)


def shown(path: str) -> str:
    """A pushed path for people: what cannot be printed is written as Python would."""
    return path if path.isprintable() else ascii(path)


def _check_path(entry: TreeEntry, problems: Problems) -> None:
    parts = entry.path.split("/")
    faults = {
        "has an empty or absolute part": "" in parts,
        "has a part . or ..": bool({".", ".."} & set(parts)),
        "has a part .git": any(part.lower().rstrip(". ") == ".git" for part in parts),
        "holds a control or direction character or is not UTF-8": not entry.path.isprintable(),
        "has a part longer than 255 bytes": any(
            len(part.encode(errors="surrogateescape")) > 255 for part in parts
        ),
    }
    for fault, found in faults.items():
        if found:
            problems.add("tree-path", shown(entry.path), None, f"the path {fault}", "rename it")


def _check_file(tree: SourceTree, entry: TreeEntry, limits: Limits, problems: Problems) -> None:
    if entry.size > limits.file_bytes:
        problems.add(
            "tree-file-too-large", shown(entry.path), None,
            f"the file has {entry.size} bytes and the site allows {limits.file_bytes}",
            "keep data out of the code repository; the pipeline brings it to --input-path",
        )  # fmt: skip


def _check_link(tree: SourceTree, entry: TreeEntry, limits: Limits, problems: Problems) -> None:
    target = "\0" if entry.size > _LINK_BYTES else tree.read(entry.path).decode(errors="replace")
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
    if "\0" in target or target.startswith("/") or inside.split("/")[0] == "..":
        problems.add(
            "tree-symlink", shown(entry.path), None, "the symbolic link leads out of the repository",
            "commit the file itself, or link to a path inside the repository",
        )  # fmt: skip


def _check_submodule(
    tree: SourceTree, entry: TreeEntry, limits: Limits, problems: Problems
) -> None:
    problems.add(
        "tree-submodule", shown(entry.path), None, "a submodule's files will not be in the image",
        "copy them into the repository, or require them as a package in requirements.txt",
    )  # fmt: skip


_CHECKS: dict[int, Callable[[SourceTree, TreeEntry, Limits, Problems], None]] = {
    SYMLINK: _check_link,
    SUBMODULE: _check_submodule,
}


def _check_whole(tree: SourceTree, limits: Limits, problems: Problems) -> None:
    size = sum(entry.size for entry in tree.entries)
    if size > limits.tree_bytes:
        problems.add(
            "tree-too-large", ".", None,
            f"all files together have {size} bytes and the site allows {limits.tree_bytes}",
            "keep data out of the code repository; the pipeline brings it to --input-path",
        )  # fmt: skip
    bounds = {
        "tree-too-many-files": f"there are more than {limits.files} files and folders",
        "tree-too-deep": f"folders are nested deeper than {limits.depth}",
    }
    if tree.beyond:
        problems.add(
            tree.beyond, ".", None, f"{bounds[tree.beyond]}, which is all the site allows",
            "split the repository, or ask the administrator to raise the limit",
        )  # fmt: skip


def _check_lfs(tree: SourceTree, problems: Problems) -> None:
    attributes = [path for path in tree if posixpath.basename(path) == ".gitattributes"]
    # Without the attribute nobody made pointers, and no file needs to be read for this.
    if not any(b"filter=lfs" in (tree.read_source(path, problems) or b"") for path in attributes):
        return
    for path in tree:
        entry = tree.get(path)
        if entry and entry.size in _LFS_SIZES and tree.read(path).startswith(_LFS_POINTER):
            problems.add(
                "tree-lfs-pointer", shown(path), None, "this is a Git LFS pointer, not the file",
                f"commit the file itself: git lfs untrack {shown(path)} && git add --renormalize .",
            )  # fmt: skip

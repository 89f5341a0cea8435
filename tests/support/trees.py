"""Trees in memory, those that no git command writes included."""

from collections.abc import Iterable, Mapping

from mlreef_hooks.tree import ReadObjects, SourceTree
from mlreef_hooks.tree_entry import FILE, TreeEntry


def memory_tree(
    files: Mapping[str, str | bytes],
    extra: Iterable[tuple[str, int, bytes]] = (),
    *,
    beyond: str | None = None,
) -> SourceTree:
    """The tree of `files`, and behind them of `extra`: path, git's mode, content."""
    listed = [(path, FILE, content) for path, content in files.items()]
    contents: dict[str, bytes] = {}
    entries = []
    for number, (path, mode, content) in enumerate([*listed, *extra]):
        data = content.encode() if isinstance(content, str) else content
        contents[str(number)] = data
        entries.append(TreeEntry(path=path, mode=mode, size=len(data), id=str(number)))
    return SourceTree(entries, ReadObjects(lambda entry: contents[entry.id]), beyond=beyond)

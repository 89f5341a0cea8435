"""Folders of plain files: their summaries, made of tree objects without an entry for each file.

Nearly all folders of a large repository hold nothing but regular files with ordinary names. No rule
has anything to say of one, so it needs no more than a folder that was looked at before.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from mlreef_hooks.tree import READ_ONE_BY_ONE
from mlreef_hooks.tree_entry import EXECUTABLE, FILE, ORDINARY_NAME, SPECIAL, FolderSummary
from mlreef_hooks.tree_listing import Recall

_ORDINARY = re.compile(rf"(?:{ORDINARY_NAME}\0)++".encode())
_MODES = {FILE, EXECUTABLE}  # as git writes them
_SPECIAL = {name.encode() for name in SPECIAL}
_MANY = 1000  # files; fewer are listed as fast, and then need no search of the whole tree

RawEntry = tuple[bytes, int, bytes]  # name, mode as it was written, object id in hex


class PlainFolders:
    """What is known of folders, and what is found of those that hold plain files alone."""

    def __init__(
        self,
        recall: Recall,
        read: Callable[[str, int], Sequence[RawEntry] | None],
        sizes: Callable[[Sequence[str]], Mapping[str, int]],
        most: int,
    ) -> None:
        """`read` gives the entries of a tree object, or None where there are more than so many;
        `sizes` those of files by their ids. Folders of no more than `most` files in all are read.
        """
        self._recall = recall
        self._read = read
        self._sizes = sizes
        self._left = most
        self._seen: dict[str, FolderSummary | None] = {}

    def __call__(self, ids: Sequence[str]) -> Mapping[str, FolderSummary]:
        """The summaries of the folders with these tree ids, as far as there are any."""
        known = self._recall(ids)
        others = {id_: None for id_ in ids if id_ not in known}
        new = [id_ for id_ in others if id_ not in self._seen]
        self._seen |= dict.fromkeys(new) | self._summaries(new)
        made = {id_: self._seen[id_] for id_ in others}
        return {**known, **{id_: summary for id_, summary in made.items() if summary}}

    def _summaries(self, folders: Iterable[str]) -> dict[str, FolderSummary]:
        found = {id_: files for id_ in folders if (files := self._plain_files(id_))}
        sources = {id_: sum(name.endswith(b".py") for name, _ in found[id_]) for id_ in found}
        # A few sources are read one by one; where they are not listed, the whole tree is searched.
        few = sum(sources.values()) <= READ_ONE_BY_ONE
        plain = {id_: files for id_, files in found.items() if not (few and sources[id_])}
        if sum(map(len, plain.values())) < _MANY:
            return {}
        sizes = self._sizes(list({id_ for files in plain.values() for _, id_ in files}))
        return {id_: _summary(files, sizes, sources[id_] > 0) for id_, files in plain.items()}

    def _plain_files(self, folder: str) -> list[tuple[bytes, str]]:
        """The names and ids of the files in a folder; none where it may hold anything else."""
        entries = self._read(folder, self._left) if self._left > 0 else None
        if not entries:
            return []
        names, modes, ids = zip(*entries, strict=True)
        self._left -= len(names)
        joined = b"\0".join((*names, b""))
        if not (_MODES.issuperset(modes) and _ORDINARY.fullmatch(joined)):
            return []
        lowered = {*joined.lower().split(b"\0")}
        if len(lowered) <= len(names) or _SPECIAL.intersection(names):
            return []  # a name stands twice, or is one that the rules look for
        return list(zip(names, b"\0".join(ids).decode().split("\0"), strict=True))


def _summary(
    files: Sequence[tuple[bytes, str]], sizes: Mapping[str, int], sources: bool
) -> FolderSummary:
    found = [sizes[id_] for _, id_ in files]
    return FolderSummary(
        entries=len(found),
        files=len(found),
        size=sum(found),
        largest=max(found),
        depth=0,
        longest=max(len(name) for name, _ in files),
        new=True,
        sources=sources,
    )

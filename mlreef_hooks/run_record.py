"""What is said of one run of a module: a value, and its JSON document."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from mlreef_hooks.index import Document

V = 1  # changes only when an old reader would be wrong
MOST_ENTRIES = 500  # files of an output that a record names; its hash covers all of them
# In which a run may begin: no axis of times reaches the ends of what a datetime can say.
_YEARS = range(1970, 3000)
State = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True, order=True)
class FileHash:
    """A file: its path below the folder, in bytes as the disk has it; `kind` is `f`, or `l` for a
    symbolic link, whose content is where it leads.
    """

    path: bytes
    kind: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file as a record names it; what is no UTF-8 in its path is written as `\\xff`."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class TreeHash:
    """A folder or file: where it was, one hash of all files, how many and how large they are.

    `entries` are the first of them by path.
    """

    path: str
    sha256: str
    files: int
    bytes: int
    entries: tuple[FileEntry, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, path: str, files: Iterable[FileHash], *, entries: int = 0) -> Self:
        """The hash of files: SHA-256 over `KIND SHA256 BYTES PATH` and a zero byte of each, in the
        order of the bytes of their paths.

        Names, sizes and contents count; times, modes, owners and empty folders do not.
        """
        ordered = sorted(files)
        whole = hashlib.sha256()
        for each in ordered:
            whole.update(f"{each.kind} {each.sha256} {each.bytes} ".encode() + each.path + b"\0")
        return cls(
            path=path,
            sha256=whole.hexdigest(),
            files=len(ordered),
            bytes=sum(each.bytes for each in ordered),
            entries=tuple(map(_entry, ordered[:entries])),
        )


def _entry(file: FileHash) -> FileEntry:
    path = file.path.decode(errors="backslashreplace")
    return FileEntry(path=path, bytes=file.bytes, sha256=file.sha256)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run of a module, begun or ended.

    `version` is a version, or the name of a channel; `digest` is the image's. `parameters` are the
    values with all defaults, without the paths; `arguments` what the module was given, word by
    word. `status` is its exit status, None where it never ended by itself; `error` says why then.
    Times are RFC 3339 in UTC. `output` covers what this run wrote. `engine` and `platform` say
    where, `who` by whom; `holder` is the process that runs it.
    """

    id: str
    module: str
    version: str
    kind: str
    commit: str
    digest: str
    parameters: Mapping[str, Any]
    arguments: tuple[str, ...]
    input: TreeHash | None
    output: TreeHash | None = None
    started_at: str
    ended_at: str | None = None
    seconds: float | None = None
    state: State = "running"
    status: int | None = None
    error: str | None = None
    engine: str = ""
    platform: str
    who: str
    holder: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_missing: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """True where the module ended with status 0."""
        return self.state == "done" and self.status == 0

    def to_json(self) -> Document:
        """The record as it is stored."""
        return {"v": V, **asdict(self)}

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """A stored record; ValueError where it is none. Fields that are not known are ignored."""
        try:
            if document["v"] != V:
                raise ValueError(f"a record of format {document['v']!r}")
            known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
            known |= {name: _tree(known.get(name)) for name in ("input", "output")}
            known |= {name: tuple(known[name]) for name in ("arguments", "metrics_missing")}
            record = cls(**known)
            record._check()
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no record of a run: {error}") from None
        return record

    def _check(self) -> None:
        """ValueError where a field is of another type than others rely on."""
        texts = (self.id, self.module, self.version, self.kind, self.digest, self.started_at)
        metrics = self.metrics.values()
        if not all(isinstance(each, str) for each in (*texts, self.state, self.who, self.holder)):
            raise ValueError("no record of a run: what should be text is none")
        if not all(is_number(each) for each in (*metrics, self.seconds or 0)):
            raise ValueError("no record of a run: what should be a number is none")
        begin = datetime.fromisoformat(self.started_at)
        if begin.tzinfo is None:
            raise ValueError("no record of a run: the begin has no zone")
        if begin.year not in _YEARS:
            raise ValueError(f"no record of a run: it began in the year {begin.year}")
        self.parameters.items()


def is_number(value: Any) -> bool:
    """True for what a float can be."""
    try:
        return isinstance(value, int | float) and float(value) is not None
    except OverflowError:
        return False


def _tree(document: Any) -> TreeHash | None:
    if document is None:
        return None
    entries = tuple(FileEntry(**each) for each in document.get("entries", ()))
    return TreeHash(**{**document, "entries": entries})

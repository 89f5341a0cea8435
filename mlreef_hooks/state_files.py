"""Files of the state folder that nothing needs any more: locks, wheels, facts, logs, caches."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.durable_files import locked
from mlreef_hooks.job_log import job_of_log
from mlreef_hooks.state_folder import StateFolder
from mlreef_hooks.unfinished import is_unfinished, remove_lost
from mlreef_hooks.wheels.lock import Lock

_NOTHING = frozenset[str]()


@dataclass(frozen=True, kw_only=True)
class StateFile:
    """A file or folder that may go; `path` is what is removed."""

    kind: str
    path: Path
    bytes: int

    def remove(self) -> bool:
        """True where it is gone now, False where it is in use."""
        if self.kind == "packages":
            return _empty_cache(self.path)
        if self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            self.path.unlink(missing_ok=True)
        return True


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the index and the images on disk need: the hashes of the wheels of each version, the
    digests of the bases. `is_over` says of a job's number that nobody builds it any more.
    """

    wheels: frozenset[frozenset[str]]
    bases: frozenset[str]
    is_over: Callable[[int], bool]


@dataclass(frozen=True, kw_only=True)
class Ages:
    """Before which moments (seconds since 1970) a file is old; `package_bytes` is how much of
    package indexes is remembered.
    """

    files: float
    logs: float
    package_bytes: int


def unused_files(state: StateFolder, needs: Needs, ages: Ages) -> Iterator[StateFile]:
    """Everything in the state folder that may go."""
    locks = {path: _wheels_of(path) for path in state.locked.glob("*.json")}
    unused = {path for path, wheels in locks.items() if wheels not in needs.wheels}
    unused = {path for path in unused if _is_old(path, ages.files)}
    kept = [wheels or _NOTHING for path, wheels in locks.items() if path not in unused]
    needed = _NOTHING.union(*needs.wheels, *kept)
    yield from _sized("locks", unused)
    yield from _sized("wheels", _unused_wheels(state, needed, ages.files))
    yield from _sized("facts", _unused_facts(state.bases, needs, ages.files))
    yield from _sized("logs", _old_logs(state.logs, needs, ages.logs))
    packages = state.packages / "uv"
    if (held := _size(packages)) > ages.package_bytes:
        yield StateFile(kind="packages", path=packages, bytes=held)


def remove_unfinished(state: StateFolder) -> None:
    """Remove what killed processes left half written."""
    for folder in (state.wheels, state.built, state.packages):
        remove_lost(folder)


def _wheels_of(path: Path) -> frozenset[str] | None:
    """The hashes of the wheels of a lock, None where it cannot be read."""
    try:
        return frozenset(wheel.sha256 for wheel in Lock.from_json(path.read_bytes()).wheels)
    except (OSError, ValueError):
        return None


def _unused_wheels(state: StateFolder, needed: frozenset[str], before: float) -> Iterator[Path]:
    for path in state.built.glob("*"):
        wheels = _wheels_of(path) or _NOTHING if path.suffix == ".json" else {path.name}
        files = [path] if path.is_file() else [path, *path.glob("*")]
        if is_unfinished(path) or wheels & needed:
            continue
        if all(_is_old(file, before) for file in files):
            yield path
    for path in state.wheels.glob("*"):
        if not is_unfinished(path) and _is_old(path, before):
            yield path


def _unused_facts(folder: Path, needs: Needs, before: float) -> Iterator[Path]:
    known = {digest.removeprefix("sha256:")[:32] for digest in needs.bases}
    for path in folder.glob("*.json"):
        if path.name.partition("-")[0] not in known and _is_old(path, before):
            yield path


def _old_logs(folder: Path, needs: Needs, before: float) -> Iterator[Path]:
    for path in folder.glob("job-*.log"):
        job = job_of_log(path)
        if job is not None and _is_old(path, before) and needs.is_over(job):
            yield path


def _is_old(path: Path, before: float) -> bool:
    try:
        return path.lstat().st_mtime < before
    except FileNotFoundError:
        return False


def _sized(kind: str, paths: Iterator[Path] | set[Path]) -> Iterator[StateFile]:
    for path in sorted(paths):
        yield StateFile(kind=kind, path=path, bytes=_size(path))


def _size(path: Path) -> int:
    """The bytes of a file, or of everything in a folder."""
    total = 0
    for each in path.rglob("*") if path.is_dir() else [path]:
        with suppress(FileNotFoundError):
            total += 0 if each.is_dir() else each.lstat().st_size
    return total


def _empty_cache(cache: Path) -> bool:
    """Remove the cache of uv, unless one runs; one that starts meanwhile waits."""
    try:
        with locked(cache.parent / "uv.lock", wait=False):
            gone = cache.with_name("uv.gone")
            shutil.rmtree(gone, ignore_errors=True)  # of one who was killed here
            cache.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
    except BlockingIOError:
        return False
    return True

"""One hostile push: what is pushed, and what the pusher may expect."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.git import Author, remote_lines
from tests.support.processes import find_program
from tests.support.site import PROJECT

PROJECTS = Path(__file__).parent / "projects"
TAG = "publish/1.0.0"
SECRET = "s3cret-of-the-pusher"
# What any process may take of memory, a worker that goes on included (setrlimit(2), RLIMIT_DATA).
_BOUNDED = f'ulimit -d {1 << 20} && exec "$@"'
Refs = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A hostile push: `prepare` makes it in a clone and gives the refs to push.

    `said` are parts of what the pusher reads; `published` says that it does no harm and is
    published all the same.
    """

    name: str
    prepare: Callable[[Author], Refs]
    said: Sequence[str]
    published: bool = False


@dataclass(frozen=True)
class Pushed:
    """What a push did: what the server said, how long it took, the memory of its largest process.

    Every process that git started for it counts, on both sides, but no worker.
    """

    lines: Sequence[str]
    seconds: float
    peak_bytes: int


def push(author: Author, refs: Refs) -> Pushed:
    """What a real push of the refs did, by somebody in whose environment there is a password."""
    begin = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", _BOUNDED, "sh", find_program("git"), "push", "origin", *refs],
        cwd=author.folder,
        env={**author.environment, "HTTP_AUTHORIZATION": SECRET, "SECRET": SECRET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    with process.stderr as stream:
        said = stream.read().decode(errors="surrogateescape")
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return Pushed(remote_lines(said), time.monotonic() - begin, used.ru_maxrss << 10)


def files(changes: Mapping[str, bytes | str | None] | None = None) -> Callable[[Author], Refs]:
    """Pushes a code project with these files changed."""

    def prepare(author: Author) -> Refs:
        author.commit({**PROJECT, **(changes or {})})
        author.tag(TAG)
        return ("master", TAG)

    return prepare


def folder(name: str) -> Callable[[Author], Refs]:
    """Pushes a code project with the files of a folder in `projects/`."""
    paths = [path for path in (PROJECTS / name).rglob("*") if path.is_file()]
    assert paths, name
    return files({str(path.relative_to(PROJECTS / name)): path.read_bytes() for path in paths})

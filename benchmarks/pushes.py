"""Commits without a worktree, and pushes whose time and memory are known."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.support.git import Author

_BEGINNING = 1_767_225_600  # 2026-01-01, the time of the first commit


@dataclass(frozen=True, kw_only=True)
class Push:
    """What a push took: seconds, and the memory of the largest process on either side (bytes)."""

    seconds: float
    peak: int


def import_commit(author: Author, turn: int, files: Mapping[str, str]) -> None:
    """Commit files on top of `master` by `git fast-import`: 200,000 of them take seconds.

    The author's worktree and index stay empty.
    """
    command = ["git", "fast-import", "--quiet"]
    with subprocess.Popen(
        command, cwd=author.folder, env=author.environment, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin
        process.stdin.writelines(_import_stream(turn, files))
    assert process.returncode == 0, f"git fast-import: exit status {process.returncode}"


def _import_stream(turn: int, files: Mapping[str, str]) -> Iterator[bytes]:
    yield b"commit refs/heads/master\n"
    yield b"committer Ada Author <ada@author.example> %d +0000\n" % (_BEGINNING + 60 * turn)
    yield b"data 6\nchange\n"
    if turn:
        yield b"from refs/heads/master^0\n"
    for path, text in files.items():
        content = text.encode()
        yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)


def timed_push(author: Author, remote: str, *refspecs: str, expect: str = "") -> Push:
    """What a push took; an error where the server does not say what is expected."""
    began = time.perf_counter()
    process = subprocess.Popen(
        ["git", "push", remote, *refspecs],
        cwd=author.folder,
        env=author.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)  # with what all processes below it took
    seconds = time.perf_counter() - began
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    assert expect in said, said
    return Push(seconds=seconds, peak=usage.ru_maxrss * 1024)

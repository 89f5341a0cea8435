"""Publishing by real pushes: projects, what the author sees, what the server keeps."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.git import Author, remote_lines
from tests.support.site import PROJECT, GitSite


def project(requirements: str, **files: str) -> dict[str, str]:
    """A code project with these requirements."""
    return {**PROJECT, "requirements.txt": requirements, **files}


def publish(author: Author, files: Mapping[str, bytes | str], version: str = "1.0.0") -> str:
    """What the author sees of a push that asks for publishing, without git's own words."""
    author.commit(files)
    author.tag(f"publish/{version}")
    return "\n".join(remote_lines(author.push("master", f"publish/{version}")))


def unwrapped(said: str) -> str:
    """What the author sees, with sentences that go over several lines on one."""
    return said.replace("\n  ", " ")


def logs(site: GitSite) -> str:
    """All output of all builds of a site."""
    return "\n".join(path.read_text() for path in sorted(site.state.glob("logs/job-*.log")))


def entry(site: GitSite, module: str) -> dict[str, Any]:
    """The only version of a module."""
    document = site.document(module)
    assert document is not None
    (version,) = document["versions"]
    assert isinstance(version, dict)
    return version


def start_hook(
    site: GitSite, repository: Path, commit: str, *, before: str = ""
) -> "subprocess.Popen[str]":
    """The hook, started as git starts it for a push of the tag `publish/1.0.0`, and of the ref
    updates `before` it.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "mlreef_hooks", "--config", site.config, "post-receive"],
        cwd=repository,
        env={"GIT_DIR": ".", "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"{before}{'0' * 40} {commit} refs/tags/publish/1.0.0\n")
    process.stdin.close()
    process.stdin = None  # or communicate() would flush it
    return process


def push_without_hook(site: GitSite, name: str, files: Mapping[str, str]) -> tuple[Path, str]:
    """A new repository whose tag `publish/1.0.0` no hook has heard of, and the tag's commit."""
    author = site.author(name)
    repository = site.repositories / f"{name}.git"
    (repository / "hooks" / "post-receive").unlink()
    commit = author.commit(files)
    author.tag("publish/1.0.0")
    author.push("master", "publish/1.0.0")
    return repository, commit


def jobs(site: GitSite) -> list[tuple[int, str]]:
    """The number and the state of every job of a site."""
    address = f"file:{site.state}/jobs.sqlite?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return list(connection.execute("SELECT id, state FROM jobs ORDER BY id"))

"""Many pushes at the same time."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence

from tests.support.git import PUSH_SECONDS, Author, remote_lines
from tests.support.processes import find_program
from tests.support.servers import SshServer
from tests.support.site import PROJECT, GitSite

PUBLISHED, REFUSED = "published", "refused"


def make_authors(
    site: GitSite, sshd: SshServer, names: Sequence[str], tags: Sequence[str]
) -> list[Author]:
    """Authors of new repositories, which have their branch; the tags are still to be pushed."""
    return [*_authors(site, sshd, names, tags)]


def _authors(
    site: GitSite, sshd: SshServer, names: Sequence[str], tags: Sequence[str]
) -> Iterator[Author]:
    for name in names:
        remote = sshd.url(site.repository(name))
        author = Author(site.folder / "clones" / name, remote, environment=sshd.environment)
        for tag in tags:
            author.commit({**PROJECT, "README.md": tag})
            author.tag(tag)
        author.push("master")
        yield author


def start_storm(authors: Sequence[Author], tags: Sequence[str]) -> "list[subprocess.Popen[str]]":
    """Pushes of each tag of each author, all at once."""
    return [
        subprocess.Popen(
            [find_program("git"), "push", "origin", tag],
            cwd=author.folder, env=author.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for tag in tags
        for author in authors
    ]  # fmt: skip


def outcomes(pushes: "Sequence[subprocess.Popen[str]]") -> Mapping[str, list[str]]:
    """What the authors were told, by what became of it: `published`, `refused` by git or ssh, or
    what else the server said.
    """
    found: dict[str, list[str]] = {PUBLISHED: [], REFUSED: []}
    for push in pushes:
        said = push.communicate(timeout=PUSH_SECONDS)[1]
        words = "\n".join(remote_lines(said))
        kind = PUBLISHED if " is published" in words else REFUSED if push.returncode else words
        found.setdefault(kind, []).append(said)
    return found

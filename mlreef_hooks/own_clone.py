"""An author's own clone: what is committed there, what its remote has, and a tag pushed to it.

git runs as the author would run it, with their settings and keys.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import first_line, push_own, run_own
from mlreef_hooks.plain_text import plain
from mlreef_hooks.push import HEADS, TAGS

_MOST_TAGS = 100_000
_MOST_SUBJECTS = 10_000


@dataclass(frozen=True, kw_only=True)
class RemoteRefs:
    """What a remote has: its tags by name, each with the commit it leads to, and the branch that
    its HEAD names, empty where it has none.
    """

    tags: dict[str, str]
    head: str


@dataclass(frozen=True)
class OwnClone:
    """The clone that `folder` is in."""

    folder: Path

    def _ask(self, *words: str, stdin: bytes = b"") -> str:
        done = run_own(self.folder, *words, stdin=stdin)
        if done.returncode:
            said = plain(first_line(done.stderr))
            if "not a git repository" in said:
                hint = "go into your clone; or make one of this folder: git init"
                raise PublishError(f"{self.folder.resolve()} is in no git repository", hint)
            raise PublishError(f"git {words[0]} failed: {said}", "see that git works there")
        return os.fsdecode(done.stdout)

    def changes(self) -> tuple[list[str], list[str]]:
        """The files that are changed and not committed, and those that git does not know."""
        said = self._ask("status", "--porcelain=v1", "-z", "--no-renames").split("\0")
        found = [(each[:2], each[3:]) for each in said if each]
        return (
            [path for kind, path in found if kind != "??"],
            [path for kind, path in found if kind == "??"],
        )

    def branch(self) -> str:
        """The branch that is checked out, empty where it is none."""
        done = run_own(self.folder, "symbolic-ref", "--quiet", "--short", "HEAD")
        return os.fsdecode(done.stdout).strip()

    def head(self) -> str:
        """The id of the commit that is checked out; PublishError where there is none."""
        done = run_own(self.folder, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
        if done.returncode:
            raise PublishError("there is no commit yet", "git add the files, and git commit them")
        return os.fsdecode(done.stdout).strip()

    def remote(self, wanted: str | None) -> str:
        """The remote that is wanted, else the only one, or origin; PublishError otherwise."""
        names = self._ask("remote").split()
        chosen = wanted or (names[0] if len(names) == 1 else "origin")
        if chosen not in names:
            known = f"name one by --remote: {', '.join(map(plain, names))}"
            hint = known if names else f"git remote add {plain(wanted or 'origin')} URL"
            raise PublishError(f"there is no remote {plain(chosen)}", hint)
        return chosen

    def url(self, remote: str) -> str:
        """Where a remote is pushed to."""
        return self._ask("remote", "get-url", "--push", remote).strip()

    def ask_remote(self, remote: str) -> RemoteRefs:
        """The tags and the HEAD of a remote."""
        tags: dict[str, str] = {}
        head = ""
        for line in self._ask("ls-remote", "--symref", remote).splitlines()[:_MOST_TAGS]:
            what, _, ref = line.partition("\t")
            if ref == "HEAD" and what.startswith(f"ref: {HEADS}"):
                head = what.removeprefix(f"ref: {HEADS}")
            elif ref.startswith(TAGS):  # the line of what an annotated tag leads to is later
                tags[ref.removeprefix(TAGS).removesuffix("^{}")] = what
        return RemoteRefs(tags=tags, head=head)

    def has(self, commit: str) -> bool:
        """True where the clone has a commit."""
        return run_own(self.folder, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0

    def fetch(self, remote: str, tag: str) -> None:
        """Fetch what a tag leads to, without making the tag."""
        self._ask("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote, TAGS + tag)

    def subjects(self, since: str | None) -> list[str]:
        """The first lines of the commits since one, or of all, the newest first."""
        start = ["HEAD", *([f"^{since}"] if since else [])]
        words = (
            "-c", "log.showSignature=false",
            "log", "-z", f"--max-count={_MOST_SUBJECTS}", "--no-merges", "--format=%s",
        )  # fmt: skip
        return self._ask(*words, *start, "--").split("\0")

    def tag(self, name: str, commit: str, notes: str, *, sign: bool) -> None:
        """Write an annotated tag; PublishError where there is one of this name."""
        found = run_own(self.folder, "rev-parse", "--quiet", "--verify", TAGS + name)
        if found.returncode == 0:
            raise PublishError(
                f"there is a tag {plain(name)} here already", f"git tag --delete {plain(name)}"
            )
        # Without --cleanup git takes lines that begin with # for its own.
        how = ("--sign" if sign else "--annotate", "--cleanup=verbatim", "--file=-")
        stdin = notes.encode(errors="surrogateescape") + b"\n"
        self._ask("tag", *how, "--end-of-options", name, commit, stdin=stdin)

    def delete_tag(self, name: str) -> None:
        """Delete a tag of the clone alone."""
        self._ask("tag", "--delete", "--end-of-options", name)

    def push(self, remote: str, refspecs: Sequence[str], show: Callable[[str], None]) -> bool:
        """True where all refs went in; `show` gets each line that git says, without colours."""
        plainly = ("-c", "color.remote=false")
        words = (*plainly, "push", "--atomic", "--end-of-options", remote, *refspecs)
        return push_own(self.folder, words, lambda line: show(plain_line(line))) == 0


def plain_line(line: bytes) -> str:
    """A line that git said, without what would move the cursor; its indent stays."""
    text = line.decode(errors="replace").rstrip()
    label = "remote: " if text.startswith("remote: ") else ""
    rest = text.removeprefix(label)
    indent = len(rest) - len(rest.lstrip(" "))
    return label + " " * indent + plain(rest)

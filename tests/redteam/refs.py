"""Refs, tags and messages that are meant for a shell, a terminal or a loop without end."""

import os
from collections.abc import Sequence

from tests.redteam.attack import TAG, Attack, Refs, files
from tests.support.git import Author
from tests.support.raw_objects import RawObjects
from tests.support.site import PROJECT, SCRIPT

_SHELL = (
    "$(touch${IFS}pwned)", "`touch${IFS}pwned`", ";touch${IFS}pwned", "|touch${IFS}pwned", "'\"",
    "-rf", "--help", "%s%n", "{version}", "\u202e0.1", "latin-\udce9",
    "1.0+local", "9" * 199,
)  # fmt: skip
_EVIL = SCRIPT.replace("upper()", "lower()")
_NESTED = 1024


def _write_refs(author: Author, refs: Sequence[str]) -> None:
    """Make refs that update-ref would refuse, and a server takes."""
    commit = author.git("rev-parse", "HEAD")
    packed = "".join(f"{commit} {ref}\n" for ref in sorted(refs))
    (author.folder / ".git" / "packed-refs").write_bytes(os.fsencode(packed))


def _shell_text(author: Author) -> Refs:
    author.commit(PROJECT)
    tags = [f"refs/tags/publish/{text}" for text in _SHELL]
    branches = ["refs/heads/$(touch${IFS}pwned)", "refs/heads/;x", "refs/heads/-rf"]
    refs = [
        *tags,
        "refs/tags/publish/$(id)/1.0",
        "refs/tags/publish/-x/1.0",
        *branches,
    ]
    _write_refs(author, refs)
    return ("master", *(f"{ref}:{ref}" for ref in refs))


def _nested(author: Author) -> Refs:
    author.commit(PROJECT)
    raw = RawObjects(author.folder / ".git")
    id_ = raw.tag(author.git("rev-parse", "HEAD"), "commit")
    for _ in range(_NESTED):
        id_ = raw.tag(id_, "tag")
    author.git("update-ref", f"refs/tags/{TAG}", id_)
    return ("master", TAG)


def _long_message(author: Author) -> Refs:
    author.commit(PROJECT)
    raw = RawObjects(author.folder / ".git")
    tag = raw.tag(author.git("rev-parse", "HEAD"), "commit", b"x\n" * 500_000)
    author.git("update-ref", f"refs/tags/{TAG}", tag)
    return ("master", TAG)


def _coloured(author: Author) -> Refs:
    author.commit(PROJECT, "\x1b[31mred \u202e\r\n\nerror: not from git\x07")
    author.tag(TAG, "\x1b[31mred \u202e\n\nremote: success\x9b2J\u2028x\x07")
    return ("master", TAG)


def _replaced(author: Author) -> Refs:
    """The real commit is harmless, and what replaces it is not; and the other way round."""
    good = author.commit(PROJECT)
    evil = author.commit({"upper.py": _EVIL})
    author.git("update-ref", "refs/heads/master", good)
    for kind in ("", "^{tree}", ":upper.py"):
        author.git("replace", f"{good}{kind}", f"{evil}{kind}")
    author.tag(TAG, target=good)
    return ("refs/replace/*:refs/replace/*", "master", TAG)


def _many(author: Author) -> Refs:
    author.commit(PROJECT)
    _write_refs(author, [f"refs/tags/publish/x{number}" for number in range(300)])
    return ("master", "refs/tags/*:refs/tags/*")


REPLACED = Attack(
    name="objects that are replaced", prepare=_replaced, said=("success: ",), published=True
)
REFS = (
    Attack(name="shell text in tags and branches", prepare=_shell_text, said=(
        "[tag-version-invalid]", "[module-unknown]",
    )),
    Attack(name="1,024 tags in each other", prepare=_nested, said=("[tag-nested]",)),
    Attack(name="a message of a megabyte", prepare=_long_message, said=("65536 are allowed",)),
    Attack(
        name="messages for the terminal", prepare=_coloured, said=("success: ",), published=True
    ),
    REPLACED,
    Attack(name="three hundred tags at once", prepare=_many, said=("[tag-version-invalid]",)),
    Attack(
        name="a requirement of an option",
        prepare=files({"mlreef.toml": '[module]\nentry_point = "--help"\nrequirements = "-x"\n'}),
        said=("mlreef.toml",),
    ),
)  # fmt: skip

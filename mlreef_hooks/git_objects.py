"""What git's objects say, read from their bytes as git itself reads them.

Formats: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects. Whatever was pushed is either
read or a PublishError.
"""

import re
import stat
from collections.abc import Iterator

from mlreef_hooks.errors import PublishError
from mlreef_hooks.tree_entry import EXECUTABLE, FILE, FOLDER, SUBMODULE, SYMLINK

CHECK = "run git fsck in the repository"
_MODES = {stat.S_IFLNK: SYMLINK, stat.S_IFDIR: FOLDER}
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMITTER = re.compile(rb"committer .*> ([0-9]+) \S+", re.DOTALL)
_LAST_SECOND = 253_402_300_799  # of the year 9999
# A signature begins at the last such line (parse_signed_buffer in git's gpg-interface.c).
_SIGNATURE = re.compile(
    rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----", re.MULTILINE
)


def entry_mode(mode: int) -> int:
    """The mode as git reads it (`canon_mode`); old and hostile trees hold others than its own."""
    if stat.S_ISREG(mode):
        return EXECUTABLE if mode & 0o100 else FILE
    return _MODES.get(stat.S_IFMT(mode), SUBMODULE)


def tree_entries(content: bytes, id_length: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, mode and id (in hex) of each entry of a tree object, one after the other.

    ValueError where it is malformed.
    """
    start = 0
    while start < len(content):
        space = content.index(b" ", start, start + 8)
        null = content.index(b"\0", space)
        end = null + 1 + id_length
        if end > len(content):
            raise ValueError("the last entry is cut")
        if not content[start:space].isdigit():  # int() takes +1, 1_0 and 0o1 as well
            raise ValueError("a mode is no number")
        id_ = content[null + 1 : end].hex().encode()
        yield content[space + 1 : null], int(content[start:space], 8), id_
        start = end


def tree_of_commit(object_id: str, content: bytes) -> str:
    """The id of a commit's tree."""
    return _first_header(object_id, content, "tree")


def object_of_tag(object_id: str, content: bytes) -> str:
    """The id of the object that a tag object points to."""
    return _first_header(object_id, content, "object")


def _first_header(object_id: str, content: bytes, name: str) -> str:
    found, _, value = content.partition(b"\n")[0].decode(errors="replace").partition(" ")
    if found != name or not _ID.fullmatch(value) or len(value) != len(object_id):
        raise malformed(object_id)
    return value


def malformed(object_id: str) -> PublishError:
    """The error of an object whose bytes are not what its type says."""
    return PublishError(f"the object {object_id} is malformed", CHECK)


def commit_seconds(content: bytes) -> int:
    """When a commit was made, in seconds since 1970 (UTC); 0 where it says nothing sound."""
    for line in content.partition(b"\n\n")[0].split(b"\n"):
        match = _COMMITTER.fullmatch(line)
        if match:
            # Python refuses to convert thousands of digits, and twenty are too many already.
            return min(int(match[1][:20]), _LAST_SECOND)
    return 0


def tag_name(content: bytes) -> str:
    """What a tag object calls itself: its third line, as in git's parse_tag_buffer (tag.c)."""
    line = (*content.split(b"\n", 3), b"", b"")[2]
    return line.removeprefix(b"tag ").decode(errors="surrogateescape")


def tag_message(content: bytes) -> str:
    """The message of a tag object, without its signature."""
    text = content.partition(b"\n\n")[2]
    begins = [match.start() for match in _SIGNATURE.finditer(text)]
    return text[: begins[-1] if begins else len(text)].decode(errors="replace").strip()

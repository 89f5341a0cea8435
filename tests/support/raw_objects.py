"""Git objects that no git command writes."""

import hashlib
import zlib
from pathlib import Path

AUTHOR_LINE = b"author Ada <ada@author.example> 1 +0000\n"
MADE_AT = b"committer Ada <ada@author.example> 1767225600 +0000\n"


class RawObjects:
    """Writes loose objects into a SHA-1 repository, whatever their content is."""

    def __init__(self, path: Path) -> None:
        """`path` is a git directory; where nothing is there, one is made."""
        for folder in ("objects", "refs/heads"):
            (path / folder).mkdir(parents=True, exist_ok=True)
        if not (path / "HEAD").exists():
            (path / "HEAD").write_text("ref: refs/heads/master\n")
        self.git_dir = path

    def put(self, kind: str, content: bytes) -> str:
        """The id of an object."""
        stored = f"{kind} {len(content)}".encode() + b"\0" + content
        id_ = hashlib.sha1(stored).hexdigest()
        path = self.git_dir / "objects" / id_[:2] / id_[2:]
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(zlib.compress(stored, 1))
        return id_

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """The id of a tree of (mode, name, id), in the order given."""
        rows = (
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(id_) for mode, name, id_ in entries
        )
        return self.put("tree", b"".join(rows))

    def commit(self, tree: str, lines: bytes = AUTHOR_LINE + MADE_AT) -> str:
        """The id of a commit of `tree` with these further header lines."""
        return self.put("commit", f"tree {tree}\n".encode() + lines + b"\nx\n")

    def tag(self, object_id: str, kind: str, message: bytes = b"m\n") -> str:
        """The id of a tag object."""
        head = f"object {object_id}\ntype {kind}\ntag x\n".encode()
        return self.put("tag", head + b"tagger Ada <a@b> 1 +0000\n\n" + message)

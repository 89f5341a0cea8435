"""What is wrong with a path in a pushed tree, or with the name of one folder."""

import re
import unicodedata

from mlreef_hooks.tree_entry import ORDINARY_NAME

_PATH_BYTES = 4000  # PATH_MAX of Linux is 4096, and the image has a folder above
_NAME_BYTES = 255
# A path like nearly all are, none of which breaks a rule: of thousands, few are looked at closely.
_ORDINARY = re.compile(rf"(?:{ORDINARY_NAME}/){{0,20}}{ORDINARY_NAME}", re.ASCII)
_UNSHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, not UTF-8, line ends
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def path_faults(path: str) -> list[str]:
    """What is wrong with a path, in words that follow it; bytes that are not UTF-8 are surrogates.

    All but the length of the whole is true of one of its parts alone, too.
    """
    if _ORDINARY.fullmatch(path):
        return []
    parts = path.split("/")
    lengths = [len(part.encode(errors="surrogateescape")) for part in parts]
    faults = {
        "has an empty or absolute part": "" in parts,
        "has a part . or ..": bool({".", ".."} & set(parts)),
        "has a part .wh.*, which deletes files in an image": "/.wh." in f"/{path}",
        "has a part .git": any(part.lower().rstrip(". ") == ".git" for part in parts),
        "holds a control or direction character or is not UTF-8": _is_unshown(path),
        f"has a part longer than {_NAME_BYTES} bytes": max(lengths) > _NAME_BYTES,
        f"is longer than {_PATH_BYTES} bytes": sum(lengths) + len(lengths) > _PATH_BYTES,
    }
    return [fault for fault, found in faults.items() if found]


def _is_unshown(path: str) -> bool:
    return not path.isprintable() and any(
        each in _DIRECTIONS or unicodedata.category(each) in _UNSHOWN for each in path
    )

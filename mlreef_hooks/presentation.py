"""What a code project brings along for its page: a README, and a picture."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.tree import SourceTree

README_BYTES = 100 << 10
README, PICTURE = "readme", "picture"
_FORMS: Mapping[str, str] = {
    "README.md": "markdown",
    "readme.md": "markdown",
    "Readme.md": "markdown",
    "README.markdown": "markdown",
    "README.rst": "text",
    "README.txt": "text",
    "README": "text",
}
_CUT = "\n\n[...]\n"


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """`files` are a README and a picture, as far as there are such; `form` is that of the README:
    `markdown` or `text`.
    """

    files: Mapping[str, bytes]
    form: str = "text"


def read_presentation(tree: SourceTree, manifest: ModuleManifest) -> Presentation:
    """The README beside the entry point, else that of the repository, and the module's picture.

    A README is UTF-8 and no longer than `README_BYTES`; what goes beyond is cut off.
    """
    files, form = dict[str, bytes](), "text"
    if path := _find_readme(tree, manifest.entry_point):
        form = _FORMS[path.rpartition("/")[2]]
        files[README] = _bounded(tree.read(path))
    if manifest.picture is not None:
        files[PICTURE] = tree.read(manifest.picture)
    return Presentation(files=files, form=form)


def _find_readme(tree: SourceTree, entry_point: str) -> str | None:
    beside = entry_point.rpartition("/")[0]
    folders = [f"{beside}/", ""] if beside else [""]
    for path in (f"{folder}{name}" for folder in folders for name in _FORMS):
        entry = tree.get(path)
        if entry is not None and entry.size <= 10 * README_BYTES:
            return path
    return None


def _bounded(content: bytes) -> bytes:
    text = content[:README_BYTES].decode("utf-8-sig", errors="ignore")
    return (text + (_CUT if len(content) > README_BYTES else "")).encode()

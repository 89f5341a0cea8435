"""Which installed package has a module: read from the folders of an author's Python."""

from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import PurePosixPath

from mlreef_hooks.installed_packages import package_folders

_SUFFIXES = (".py", ".so", ".pyd")
_DEPTH = 3  # parts of a dotted name; as deep as packages share a namespace


def read_providers(python: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """The packages by the dotted names of their modules, of the Python that `read_installed` reads.

    A name that several packages have, as a namespace, is left out: their modules below it count.
    PublishError where there is no such Python.
    """
    found: dict[str, str] = {}
    shared: set[str] = set()
    for package in distributions(path=[str(each) for each in package_folders(python, environ)]):
        name = package.metadata["Name"]
        for module in set(_modules(package)) if name else ():
            if found.setdefault(module, name) != name:
                shared.add(module)
    return {module: name for module, name in found.items() if module not in shared}


def _modules(package: Distribution) -> Iterator[str]:
    """The dotted names of the modules and packages that RECORD, or top_level.txt, tells."""
    yield from (package.read_text("top_level.txt") or "").split()
    for path in package.files or ():
        pure = PurePosixPath(str(path))
        if pure.suffix not in _SUFFIXES or pure.is_absolute() or ".." in pure.parts:
            continue
        parts = [*pure.parent.parts, pure.name.partition(".")[0]]
        for depth in range(1, min(len(parts), _DEPTH) + 1):
            yield ".".join(parts[:depth]).removesuffix(".__init__")

"""Imports that nothing in an image answers: found before it is built, without starting it."""

import posixpath
from collections.abc import Collection, Iterator, Mapping

from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.problems import RULES, Problem, printable

# Packages of machine learning that are imported by another name than they are required by.
_PACKAGES: Mapping[str, str] = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# Others that nobody means a file of their own by.
_KNOWN = frozenset({
    "cupy", "dask", "imageio", "jax", "keras", "lightgbm", "matplotlib", "networkx", "nltk",
    "numba", "numpy", "onnx", "pandas", "polars", "pyarrow", "requests", "scipy", "seaborn",
    "spacy", "tensorflow", "torch", "torchvision", "tqdm", "transformers", "xgboost",
})  # fmt: skip
_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE")
_RULE = "import-missing"


def package_of(module: str) -> str:
    """The package that has a module, by the name under which it is required."""
    top = module.partition(".")[0]
    return _PACKAGES.get(top, top)


def missing_imports(manifest: ModuleManifest, modules: Collection[str]) -> Iterator[Problem]:
    """A finding for each import that is none of the modules of an image; none where the module's
    environment tells Python where else to look.
    """
    if any(manifest.environment.get(variable) for variable in _VARIABLES):
        return
    for each in manifest.imports:
        if each.name.partition(".")[0] in modules:
            continue
        yield Problem(
            rule=_RULE,
            severity=RULES[_RULE].severity,
            path=printable(each.path),
            line=each.line,
            message=f"{printable(each.name)} is neither in the repository nor in what it requires",
            hint=remedy(each.name, manifest.entry_point),
        )


def remedy(module: str, entry_point: str) -> str:
    """What to do where an import finds nothing: mostly require a package, but perhaps a file of the
    author's own is not in the repository, and what has its name is a stranger's.
    """
    top = module.partition(".")[0]
    require = f"write {printable(package_of(top))}==<version> into requirements.txt"
    if top in _PACKAGES or top in _KNOWN:
        return require
    own = printable(posixpath.join(posixpath.dirname(entry_point), f"{top}.py"))
    return f"if {own} is a file of yours, git add it; else {require}"

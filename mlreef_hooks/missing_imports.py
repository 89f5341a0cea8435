"""Imports that nothing in an image answers: found before it is built, without starting it."""

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
            hint=f"write {printable(package_of(each.name))}==<version> into requirements.txt",
        )

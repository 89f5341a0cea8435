"""How a module is started once before it is published, and what its failures mean."""

import re
from collections.abc import Mapping, Sequence

from mlreef_hooks.container import Run
from mlreef_hooks.image import entry_command
from mlreef_hooks.manifest import ModuleManifest

# Without argparse there is no option that is sure to do nothing, so the file is only compiled and
# what it imports at its top is looked for, both by the image's own Python. Imports within try or a
# function may be optional.
_COMPILE = """
import ast, importlib.util, os, sys
path = sys.argv[1]
with open(path, "rb") as source:
    module = ast.parse(source.read(), path)
compile(module, path, "exec")
sys.path.insert(0, os.path.dirname(path))
for node in module.body:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom):
        if node.level:
            sys.exit(f"{path}:{node.lineno}: a relative import, but the entry point is no package")
        names = [node.module]
    for name in (name.partition(".")[0] for name in names):
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            sys.exit(f"{path}:{node.lineno}: No module named {name!r}")
"""
_MISSING = re.compile(r"No module named '([\w]+)")
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
_USAGE_ERROR = 2  # the exit status of argparse where it takes no --help (add_help=False)


def start_command(image: str, manifest: ModuleManifest, seconds: int) -> Run:
    """The container that shows whether the module starts.

    `timeout` ends it by itself where whoever started it was killed.
    """
    python, path = entry_command(manifest.entry_point)
    bounded = ("timeout", "-k", "1", str(seconds), python)
    if manifest.argparse:
        return Run(image=image, entrypoint=(*bounded, path), command=("--help",))
    return Run(image=image, entrypoint=(*bounded, "-I", "-c"), command=(_COMPILE, path))


def has_started(status: int, output: Sequence[str]) -> bool:
    """True where the output and exit status are those of a module that starts."""
    usage = any(line.startswith("usage: ") for line in output)
    return status == 0 or (status == _USAGE_ERROR and usage)


def start_hint(why: str, manifest: ModuleManifest) -> str:
    """What the author can do about a module that does not start, because of `why`."""
    missing = _MISSING.search(why)
    if missing:
        package = _PACKAGES.get(missing[1], missing[1])
        return f"add the package that has it to requirements.txt, such as {package}==VERSION"
    command = f"python {manifest.entry_point}{' --help' if manifest.argparse else ''}"
    return f"try {command} in a new virtual environment, after pip install -r requirements.txt"

"""How a module is started once before it is published."""

from mlreef_hooks.engine import Run
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
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [node.module]
    for name in names:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            sys.exit(f"{path}:{node.lineno}: No module named {name.partition('.')[0]!r}")
"""


def start_command(image: str, manifest: ModuleManifest) -> Run:
    """The container that shows whether the module starts; it ends with status 0 where it does."""
    if manifest.argparse:
        return Run(image=image, command=("--help",))
    python, path = entry_command(manifest.entry_point)
    return Run(image=image, entrypoint=(python, "-I", "-c"), command=(_COMPILE, path))

"""How a module is started once before it is published, and what its failures mean."""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlreef_hooks.config_images import DockerEngine
from mlreef_hooks.container import GRACE, TIMED_OUT, Ended, Lines, Run
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import entry_command
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.missing_imports import remedy
from mlreef_hooks.plain_text import plain

if TYPE_CHECKING:
    from mlreef_hooks.engine import Engine

_STRANGER = "65534:65534"
_LINES_SHOWN = 20  # of what a module printed that does not start

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
_MISSING_LIBRARY = re.compile(r"([\w.+-]+): cannot open shared object file")
_USAGE_ERROR = 2  # the exit status of argparse where it takes no --help (add_help=False)


@dataclass(frozen=True, kw_only=True)
class StartCheck:
    """Starts modules in an engine: no network, read-only, another user, any folder."""

    engine: "Engine"
    settings: DockerEngine
    log: Callable[[str], None]

    def __call__(self, image: str, manifest: ModuleManifest) -> None:
        """Return where the module starts in the image of this id; PublishError where not."""
        output: deque[str] = deque(maxlen=_LINES_SHOWN)
        lines = Lines(output.append)
        ended = self.engine.run(self._run(image, manifest), lines)
        lines.flush()
        if has_started(ended.status, output) and not ended.late:
            return
        for line in output:
            self.log(line)
        why = self._why(ended, output)
        raise PublishError(
            f"{manifest.entry_point} does not start in its image: {why}", start_hint(why, manifest)
        )

    def _run(self, image: str, manifest: ModuleManifest) -> Run:
        seconds = self.settings.start_seconds
        return replace(
            start_command(image, manifest, seconds),
            memory=self.settings.memory,
            processes=self.settings.processes,
            seconds=seconds + GRACE,
            user=_STRANGER,
        )

    def _why(self, ended: Ended, output: Sequence[str]) -> str:
        if ended.out_of_memory:
            return f"it needs more than {self.settings.memory} of memory"
        if ended.late or ended.status == TIMED_OUT:
            return f"it did not end within {self.settings.start_seconds} s"
        return plain(output[-1])[:300] if output else f"exit status {ended.status}"


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
        return remedy(missing[1], manifest.entry_point)
    library = _MISSING_LIBRARY.search(why)
    if library:
        return (
            f"{library[1]} is a library of the system that the base lacks: name another base in "
            "mlreef.toml, or ask the administrator for one that has it"
        )
    command = f"python {manifest.entry_point}{' --help' if manifest.argparse else ''}"
    return f"try {command} in a new virtual environment, after pip install -r requirements.txt"

"""What is installed in an author's Python, read from its folders; none of its packages is run."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.requirement_pinning import Installed

# -S: no site-packages, so that nothing which is installed runs while they are looked for.
_ASK = (
    "-I", "-S", "-c",
    "import json, site; print(json.dumps([site.getusersitepackages(), *site.getsitepackages()]))",
)  # fmt: skip
_HINT = "name the Python of your environment: --python PATH"
_SECONDS = 20


def read_installed(python: str | None, environ: Mapping[str, str]) -> dict[str, Installed]:
    """The packages by canonical name of the environment that `python` (a path or a name) belongs
    to, else of the active one (`VIRTUAL_ENV`), else of `python3`.

    PublishError where there is no such Python.
    """
    found: dict[str, Installed] = {}
    for package in distributions(path=[str(each) for each in package_folders(python, environ)]):
        name = package.metadata["Name"]
        if name and package.version:  # a folder that pip left behind has neither
            key = re.sub(r"[-_.]+", "-", name).lower()
            found.setdefault(key, Installed(version=package.version, elsewhere=_place(package)))
    return found


def package_folders(python: str | None, environ: Mapping[str, str]) -> Sequence[Path]:
    """The folders that `read_installed` looks in; PublishError where there is no such Python."""
    active = environ.get("VIRTUAL_ENV")
    if python is None and active and (Path(active) / "pyvenv.cfg").is_file():
        return [*_folders_of_environment(Path(active))]
    path = shutil.which(python or "python3", path=environ.get("PATH"))
    if path is None:
        raise PublishError(f"there is no Python {python or 'python3'}", _HINT)
    environment = Path(path).absolute().parent.parent
    if (environment / "pyvenv.cfg").is_file():
        return [*_folders_of_environment(environment)]
    return _folders_of_python(path)


def _folders_of_environment(environment: Path) -> Iterator[Path]:
    yield from sorted(environment.glob("lib*/python*/site-packages"))
    lines = (environment / "pyvenv.cfg").read_text(errors="replace").splitlines()
    said = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    if said.get("include-system-site-packages", "").lower() == "true":
        python = shutil.which("python3", path=said.get("home", ""))
        yield from _folders_of_python(python) if python else ()


def _folders_of_python(python: str) -> list[Path]:
    try:
        done = subprocess.run(
            [python, *_ASK], capture_output=True, check=True, timeout=_SECONDS, cwd="/"
        )
        return [Path(folder) for folder in json.loads(done.stdout)]
    except (OSError, ValueError, subprocess.SubprocessError):
        raise PublishError(f"{python} does not tell what is installed", _HINT) from None


def _place(package: Distribution) -> str:
    """From where a package was installed that came from no index (PEP 610); else empty."""
    said = package.read_text("direct_url.json")
    if said is None:
        return ""
    try:
        return str(json.loads(said)["url"])[:60]
    except (ValueError, KeyError, TypeError):
        return "an address"

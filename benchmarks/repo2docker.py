"""repo2docker and what it needs, in an environment of their own that is kept for later runs.

repo2docker runs `docker buildx`, a plugin that Debian 12 does not have: it is taken out of Debian
13's package, from the mirror that this machine uses, and works with Debian 12's docker and engine.
"""

import os
import subprocess
import sys
from pathlib import Path

VERSION = "2026.4.0"
_NEXT_DEBIAN = "trixie"
_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def cache_folder() -> Path:
    """Where things of this version are kept, made where it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlreef-hooks"
    folder = cache / f"repo2docker-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def repo2docker_program(folder: Path) -> Path:
    """The program, installed into an environment below a folder unless it is there already."""
    program = folder / "venv" / "bin" / "jupyter-repo2docker"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
        pip = folder / "venv" / "bin" / "pip"
        wanted = f"jupyter-repo2docker=={VERSION}"
        subprocess.run([pip, "install", "--quiet", wanted], check=True)
    return program


def buildx_plugin(folder: Path) -> Path:
    """The plugin `docker-buildx`, fetched unless it is there already."""
    plugin = folder / "package" / "usr/libexec/docker/cli-plugins/docker-buildx"
    if not plugin.exists():
        _download(folder, "docker-buildx")
        (package,) = folder.glob("docker-buildx_*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, folder / "package"], check=True)
    return plugin


def _download(folder: Path, package: str) -> None:
    """Fetch a package of the next Debian, without a trace in the machine's own apt."""
    for name in ("state/lists/partial", "cache/archives/partial", "parts"):
        (folder / "apt" / name).mkdir(parents=True, exist_ok=True)
    sources = folder / "apt" / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYS}] {_mirror()} {_NEXT_DEBIAN} main\n")
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": folder / "apt" / "parts",
        "Dir::State": folder / "apt" / "state",
        "Dir::Cache": folder / "apt" / "cache",
        "APT::Sandbox::User": "root",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    for words in (["update"], ["download", package]):
        subprocess.run(["apt-get", "--quiet=2", *options, *words], cwd=folder, check=True)


def _mirror() -> str:
    """The mirror of Debian that this machine's apt uses."""
    question = ["--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    found = subprocess.run(
        ["apt-get", "indextargets", *question], capture_output=True, text=True, check=True
    ).stdout.split()
    return next(uri for uri in found if uri.rstrip("/").endswith("/debian"))

"""The ways to publish that are compared: each is a hook of a repository of its own.

repo2docker is measured with a Dockerfile in the repository, which it uses as it is: so it does the
same work as `docker` and `buildkit`, and what it takes more is its own. What it does without one
(an environment by conda, with Jupyter) needs conda's servers and is not measured.
"""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.repo2docker import buildx_plugin, cache_folder, repo2docker_program
from benchmarks.scenarios import FLOOR, LOADING, OURS, PLAIN
from tests.support.engine import BASE_IMAGE, store_base
from tests.support.git import make_bare, write_hook
from tests.support.site import CA_BUNDLE, GitSite

PEER_BASE = "bench-base:1"
DOCKER = "/usr/bin/docker"  # Debian's, whose BuildKit is that of the engine

_GOOD = f"""\
FROM {PEER_BASE}
COPY requirements.txt /module/
RUN pip install --no-cache-dir -r /module/requirements.txt
COPY . /module
ENTRYPOINT ["python", "/module/main.py"]
"""
# As MLReef's own: every change of code installs everything again.
_MLREEF = f"""\
FROM {PEER_BASE}
COPY . /module
RUN pip install --no-cache-dir -r /module/requirements.txt
ENTRYPOINT ["python", "/module/main.py"]
"""
# Clone, build, push, write an index entry; the last word tells that all of it was done.
_HOOK = """\
#!/bin/sh
set -e
ref=
while read -r old new name; do
    case $name in refs/tags/*) ref=$name ;; esac
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet --depth 1 "file://$PWD" "$folder/code" 2>/dev/null
rm -rf "$folder/code/.git"
cp {dockerfile} "$folder/{place}"
image={image}:${{ref##*/}}
export DOCKER_HOST={engine}
{{ {build}; }} >"$folder/log" 2>&1 || {{ tail -n 5 "$folder/log"; exit 1; }}
printf '{{"image": "%s"}}\\n' "$image" >{index}.new
mv {index}.new {index}
echo published
"""
_DOCKER = (
    'DOCKER_CONFIG="$folder" DOCKER_BUILDKIT={buildkit} {docker} build --quiet --network host'
    ' -f "$folder/Dockerfile" -t "$image" "$folder/code" && {docker} push --quiet "$image"'
)
# The configuration holds the plugin. A user is named because it refuses root.
_REPO2DOCKER = (
    "PATH={path}:$PATH DOCKER_CONFIG={config} {program} --no-run --push --user-id 1000"
    ' --user-name author --image-name "$image"'
    ' --DockerEngine.extra_buildx_build_args=--network=host "$folder/code"'
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """What all peers share: a folder, the engine's URL, the registry's address."""

    folder: Path
    engine: str
    registry: str


class Peer:
    """One way to publish: a bare repository with its hook, and what it says when all is done."""

    says = "published"

    def __init__(self, name: str, repository: Path) -> None:
        self.name = name
        self.repository = repository

    def forget(self) -> None:
        """Throw away everything that was cached."""

    def wait_ready(self) -> None:
        """Return when the first push has left everything that later ones find."""

    def close(self) -> None:
        """End what it left running."""


class DockerPeer(Peer):
    """Clone, put a Dockerfile beside or into the code, build and push by a shell command."""

    def __init__(
        self, place: Place, name: str, build: str, dockerfile: str = _GOOD, at: str = "Dockerfile"
    ) -> None:
        repository = make_bare(place.folder / f"{name}.git")
        super().__init__(name, repository)
        self._place = place
        file = place.folder / f"{name}.Dockerfile"
        file.write_text(dockerfile)
        text = _HOOK.format(
            dockerfile=file, place=at, image=f"{place.registry}/{name}/module", build=build,
            engine=place.engine, index=place.folder / f"{name}.json",
        )  # fmt: skip
        write_hook(repository, "post-receive", text)

    def forget(self) -> None:
        """Remove all images but the base, and BuildKit's cache."""
        ours = f"reference={self._place.registry}/{self.name}/*"
        for chosen in (ours, "dangling=true"):
            listed = docker(self._place.engine, "image", "ls", "--quiet", "--filter", chosen)
            if ids := listed.split():
                docker(self._place.engine, "rmi", "--force", *dict.fromkeys(ids))
        docker(self._place.engine, "image", "prune", "--force")
        docker(self._place.engine, "builder", "prune", "--all", "--force")


class OurPeer(Peer):
    """This program, building without an engine into the registry."""

    says = "success: "

    def __init__(self, place: Place, name: str = "ours", *, stay_ready: bool = True) -> None:
        self._prefix = f"{place.registry}/{name}-"
        self._stay_ready = stay_ready
        settings = {
            "registry": {"prefix": f"{self._prefix}0"},
            "worker": {"stay": stay_ready},
            "builder": {"use": "layers", "layers": {"start": "never"}},
        }
        self.site = GitSite(place.folder / f"{name}-site", base_image=BASE_IMAGE, settings=settings)
        self._forgotten = 0
        super().__init__(name, self.site.repository("bench/module"))
        store_base(self.site.state / "images")

    def forget(self) -> None:
        """Remove everything but the base image, and go on in repositories that are empty."""
        self._forgotten += 1
        text = self.site.config.read_text()
        before = f'"{self._prefix}{self._forgotten - 1}"'
        self.site.config.write_text(text.replace(before, f'"{self._prefix}{self._forgotten}"'))
        for name in ("cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm"):
            (self.site.state / name).unlink(missing_ok=True)
        for name in ("images", "locked", "packages", "wheels"):
            shutil.rmtree(self.site.state / name, ignore_errors=True)
        store_base(self.site.state / "images")

    def wait_ready(self) -> None:
        """Return when the process that stays takes pushes."""
        if self._stay_ready:
            self.site.wait_ready()

    def close(self) -> None:
        """End the process that stays."""
        self.site.end_ready()


class FloorPeer(Peer):
    """The least that can be done: see `benchmarks/publish_floor.py`."""

    def __init__(self, place: Place, name: str = FLOOR, *words: str) -> None:
        repository = make_bare(place.folder / f"{name}.git")
        super().__init__(name, repository)
        script = Path(__file__).parent / "publish_floor.py"
        index = place.folder / f"{name}.json"
        command = [sys.executable, "-I", "-S", str(script), place.registry, str(index), *words]
        write_hook(repository, "post-receive", f"#!/bin/sh\nexec {shlex.join(command)}\n")


class PlainPeer(Peer):
    """A push without a hook."""

    says = ""

    def __init__(self, place: Place) -> None:
        super().__init__(PLAIN, make_bare(place.folder / "plain.git"))


def docker(engine: str, *words: str) -> str:
    """The stdout of Debian's docker program."""
    return subprocess.run(
        [DOCKER, "--host", engine, *words], check=True, capture_output=True, text=True
    ).stdout


def make_peer_base(place: Place) -> None:
    """The base of the peers: the same, with the site's CA so that pip may fetch."""
    folder = place.folder / "base"
    folder.mkdir()
    shutil.copy(CA_BUNDLE, folder / "ca.pem")
    (folder / "Dockerfile").write_text(
        f"FROM {BASE_IMAGE}\nCOPY ca.pem /etc/ca.pem\nENV PIP_CERT=/etc/ca.pem"
        " PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1\n"
    )
    docker(place.engine, "build", "--quiet", "-t", PEER_BASE, str(folder))


def docker_peer(place: Place, name: str, *, buildkit: bool, dockerfile: str = _GOOD) -> Peer:
    """`docker build` and push, by the engine's classic builder or by its BuildKit."""
    build = _DOCKER.format(docker=DOCKER, buildkit=int(buildkit))
    return DockerPeer(place, name, build, dockerfile)


def repo2docker_peer(place: Place) -> Peer:
    """repo2docker, told to push, with the same Dockerfile in the repository as the others use."""
    kept = cache_folder()
    plugins = place.folder / "repo2docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(buildx_plugin(kept))
    build = _REPO2DOCKER.format(
        path=Path(DOCKER).parent, config=plugins.parent, program=repo2docker_program(kept)
    )
    return DockerPeer(place, "repo2docker", build, at="code/Dockerfile")


PEERS: Mapping[str, Callable[[Place], Peer]] = {
    OURS: OurPeer,
    LOADING: partial(OurPeer, name="loading", stay_ready=False),
    "docker": partial(docker_peer, name="docker", buildkit=False),
    "buildkit": partial(docker_peer, name="buildkit", buildkit=True),
    "mlreef": partial(docker_peer, name="mlreef", buildkit=False, dockerfile=_MLREEF),
    "repo2docker": repo2docker_peer,
    FLOOR: FloorPeer,
    PLAIN: PlainPeer,
}


def disk_usage(folder: Path) -> int:
    """The bytes that a folder takes on disk."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            found = os.lstat(os.path.join(parent, name))
            total += found.st_blocks * 512 if stat.S_ISREG(found.st_mode) else 0
    return total


def write_json(path: Path, facts: object) -> None:
    """Write figures to a file."""
    path.write_text(json.dumps(facts, indent=1) + "\n")

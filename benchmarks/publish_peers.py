"""The ways to publish that are compared: each is a hook of a repository of its own."""

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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
_HOOK = """\
#!/bin/sh
# clone, build, push, write an index entry
set -e
read old new ref
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet --depth 1 "file://$PWD" "$folder/code" 2>/dev/null
rm -rf "$folder/code/.git"
cp {dockerfile} "$folder/Dockerfile"
image={image}:${{ref##*/}}
export DOCKER_HOST={engine} DOCKER_BUILDKIT={buildkit} DOCKER_CONFIG="$folder"
{docker} build --quiet --network host -f "$folder/Dockerfile" -t "$image" "$folder/code" >/dev/null
{docker} push --quiet "$image" >/dev/null
printf '{{"image": "%s"}}\\n' "$image" >{index}.new
mv {index}.new {index}
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What all peers share: a folder, the engine's URL, the registry's address."""

    folder: Path
    engine: str
    registry: str


class Peer:
    """One way to publish: a bare repository with its hook."""

    def __init__(self, name: str, repository: Path) -> None:
        self.name = name
        self.repository = repository

    def forget(self) -> None:
        """Throw away everything that was cached."""


class DockerPeer(Peer):
    """Clone, `docker build`, push; with the engine's classic builder or with BuildKit."""

    def __init__(self, place: Place, name: str, *, buildkit: bool, dockerfile: str) -> None:
        repository = make_bare(place.folder / f"{name}.git")
        super().__init__(name, repository)
        self._place = place
        file = place.folder / f"{name}.Dockerfile"
        file.write_text(dockerfile)
        text = _HOOK.format(
            dockerfile=file, image=f"{place.registry}/{name}/module", engine=place.engine,
            buildkit=int(buildkit), docker=DOCKER, index=place.folder / f"{name}.json",
        )  # fmt: skip
        write_hook(repository, "post-receive", text)

    def forget(self) -> None:
        """Remove all images but the base, and BuildKit's cache."""
        for words in (
            [
                "image",
                "ls",
                "--quiet",
                "--filter",
                f"reference={self._place.registry}/{self.name}/*",
            ],
            ["image", "ls", "--quiet", "--filter", "dangling=true"],
        ):
            ids = docker(self._place.engine, *words).split()
            if ids:
                docker(self._place.engine, "rmi", "--force", *dict.fromkeys(ids))
        docker(self._place.engine, "image", "prune", "--force")
        docker(self._place.engine, "builder", "prune", "--all", "--force")


class OurPeer(Peer):
    """This program, building without an engine into the registry."""

    def __init__(self, place: Place) -> None:
        settings = {
            "registry": {"prefix": f"{place.registry}/ours"},
            "builder": {"use": "layers", "layers": {"start": "never"}},
        }
        self.site = GitSite(place.folder / "site", base_image=BASE_IMAGE, settings=settings)
        self._forgotten = 0
        super().__init__("mlreef-hooks", self.site.repository("bench/module"))
        store_base(self.site.state / "images")

    def forget(self) -> None:
        """Remove everything but the base image, and go on in repositories that are empty."""
        self._forgotten += 1
        text = self.site.config.read_text()
        name = f'/ours{self._forgotten - 1 or ""}"'
        self.site.config.write_text(text.replace(name, f'/ours{self._forgotten}"'))
        for name in ("cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm"):
            (self.site.state / name).unlink(missing_ok=True)
        for name in ("images", "locked", "packages", "wheels"):
            shutil.rmtree(self.site.state / name, ignore_errors=True)
        store_base(self.site.state / "images")


class FloorPeer(Peer):
    """The least that can be done: see `benchmarks/publish_floor.py`."""

    def __init__(self, place: Place) -> None:
        repository = make_bare(place.folder / "floor.git")
        super().__init__("floor", repository)
        script = Path(__file__).parent / "publish_floor.py"
        words = f"{sys.executable} -I -S {script} {place.registry} {place.folder}/floor.json"
        write_hook(repository, "post-receive", f"#!/bin/sh\nexec {words}\n")


class PlainPeer(Peer):
    """A push without a hook."""

    def __init__(self, place: Place) -> None:
        super().__init__("plain push", make_bare(place.folder / "plain.git"))


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


def make_peers(place: Place) -> dict[str, Peer]:
    """Every way to publish that is compared, by name."""
    make_peer_base(place)
    peers: list[Peer] = [
        OurPeer(place),
        DockerPeer(place, "docker", buildkit=False, dockerfile=_GOOD),
        DockerPeer(place, "buildkit", buildkit=True, dockerfile=_GOOD),
        DockerPeer(place, "mlreef", buildkit=False, dockerfile=_MLREEF),
        FloorPeer(place),
        PlainPeer(place),
    ]
    return {peer.name: peer for peer in peers}


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

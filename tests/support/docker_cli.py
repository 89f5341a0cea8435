"""What a person does with the `docker` command, and what an engine must not keep of us."""

import json
import subprocess
from typing import Any

from tests.support.processes import find_program

SECONDS = 300


def docker(engine: str, *words: str, expect: int | None = 0) -> str:
    """The stdout of a docker command; its exit status must be `expect` (None: any)."""
    done = subprocess.run(
        [find_program("docker"), "--host", engine, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    assert expect in (None, done.returncode), done.stderr
    return done.stdout


def inspect_image(engine: str, image: str) -> dict[str, Any]:
    """What the engine tells of an image."""
    (facts,) = json.loads(docker(engine, "image", "inspect", image))
    assert isinstance(facts, dict)
    return facts


def image_names(engine: str, repository: str) -> set[str]:
    """The names that images of a repository have."""
    listed = docker(engine, "images", "--format", "{{.Repository}}:{{.Tag}}", repository)
    return set(listed.split())


def leftovers(engine: str) -> set[str]:
    """The containers, volumes and half-made images that are there while nothing runs."""
    containers = docker(engine, "ps", "--all", "--quiet", "--filter", "label=io.mlreef.run")
    volumes = docker(engine, "volume", "ls", "--quiet")
    return {*containers.split(), *volumes.split(), *image_names(engine, "mlreef-candidate")}

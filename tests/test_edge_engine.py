"""The edge of a module where a Docker engine makes or runs it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.docker_cli import docker
from tests.support.git import Author
from tests.support.site import PROJECT, GitSite

pytestmark = pytest.mark.engine
MODULE = "text/upper"


@pytest.fixture(params=["docker", "layers"])
def site(
    tmp_path: Path, engine: str, base_image: str, request: pytest.FixtureRequest
) -> Iterator[GitSite]:
    """A site with each builder, where each push is published."""
    settings = {"publish": {"publish_on": "push"}, "registry": {"prefix": f"edge-{request.param}"}}
    site = GitSite(tmp_path / "site", engine, base_image, settings, request.param)
    yield site
    site.end_ready()


def test_the_newest_edge_runs(site: GitSite, engine: str) -> None:
    author: Author = site.author(MODULE)
    (site.folder / "in").mkdir()
    (site.folder / "in" / "a.txt").write_text("text")
    for text, result in (("upper", "TEXT"), ("title", "Text")):
        author.commit({**PROJECT, "upper.py": PROJECT["upper.py"].replace("upper()", f"{text}()")})
        assert "success: edge of upper is" in author.push("master")
        words = ("--input", site.folder / "in", "--output", site.folder / "out")
        site.command("run", f"{MODULE}@edge", *words)
        assert (site.folder / "out" / "a.txt").read_text() == result
    document = site.document(MODULE)
    assert document
    image = document["channels"]["edge"]["image"]
    prefix = image["reference"].partition("/")[0]
    assert image["reference"] == f"{prefix}/{MODULE}:edge"
    (found,) = json.loads(docker(engine, "image", "inspect", image["reference"]))
    assert found["Id"] == image["id"]

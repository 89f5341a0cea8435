"""Publishing into a real registry: the digest is the registry's, and `run` fetches by it."""

import urllib.request
from pathlib import Path

import pytest

from tests.support.docker_cli import docker
from tests.support.engine import local_registry
from tests.support.publishing import entry, jobs, publish, unwrapped
from tests.support.site import PROJECT, GitSite

pytestmark = pytest.mark.engine
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of blobs: a registry that is started with it again knows what it had."""
    return tmp_path_factory.mktemp("registry")


def site_with(folder: Path, engine: str, base_image: str, registry: str) -> GitSite:
    """A site that publishes into a registry; one that is there gets a new configuration."""
    return GitSite(folder, engine, base_image, {"registry": {"prefix": f"{registry}/mlreef"}})


def digest_in(registry: str, repository: str, tag: str) -> str:
    """The digest by which the registry knows a tag."""
    request = urllib.request.Request(
        f"http://{registry}/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFEST}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.headers["Docker-Content-Digest"])


def run(site: GitSite, tmp_path: Path) -> str:
    """What `run` makes of one file."""
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / "a.txt").write_text("quiet")
    site.command("run", "text/upper", "--input", tmp_path / "in", "--output", tmp_path / "out")
    return (tmp_path / "out" / "a.txt").read_text()


def test_a_module_is_pushed_and_run_by_the_digest_of_the_registry(
    tmp_path: Path, engine: str, base_image: str, folder: Path
) -> None:
    with local_registry(folder) as registry:
        site = site_with(tmp_path / "site", engine, base_image, registry)
        said = publish(site.author("text/upper"), PROJECT)
        image = entry(site, "text/upper")["image"]
        reference = f"{registry}/mlreef/text/upper"
        assert image["reference"] == f"{reference}:1.0.0"
        assert image["digest"] == digest_in(registry, "mlreef/text/upper", "1.0.0")
        assert f"  image   {reference}@{image['digest'][:19]}" in said
        assert run(site, tmp_path) == "QUIET"

        docker(engine, "image", "rm", image["reference"])
        docker(engine, "image", "inspect", f"{reference}@{image['digest']}", expect=1)
        publish_another_under_the_same_tag(engine, base_image, image["reference"])
        assert run(site, tmp_path) == "QUIET"


def publish_another_under_the_same_tag(engine: str, image: str, name: str) -> None:
    """What somebody with access to the registry could do."""
    docker(engine, "tag", image, name)
    docker(engine, "push", name)
    docker(engine, "image", "rm", name)


def test_a_registry_that_is_away_keeps_the_job(
    tmp_path: Path, engine: str, base_image: str, folder: Path
) -> None:
    with local_registry(folder) as registry:
        site = site_with(tmp_path / "site", engine, base_image, registry)
    author = site.author("text/upper")
    said = unwrapped(publish(author, PROJECT))
    assert "connection refused" in said
    assert "job 1 is kept" in said
    assert jobs(site) == [(1, "queued")]
    assert site.document("text/upper") is None
    assert "connection refused" in unwrapped(site.command("retry", "--all", expect=1).stdout)
    with local_registry(folder) as registry:
        site_with(tmp_path / "site", engine, base_image, registry)
        assert "success: upper 1.0.0" in site.command("retry", "--all").stdout
        assert jobs(site) == [(1, "published")]
        digest = entry(site, "text/upper")["image"]["digest"]
        assert digest == digest_in(registry, "mlreef/text/upper", "1.0.0")


def test_run_says_that_the_registry_is_away(
    tmp_path: Path, engine: str, base_image: str, folder: Path
) -> None:
    with local_registry(folder) as registry:
        site = site_with(tmp_path / "site", engine, base_image, registry)
        publish(site.author("text/upper"), {**PROJECT, "README.md": "an image of its own"})
        image = entry(site, "text/upper")["image"]
        docker(engine, "image", "rm", image["reference"])
    folders = ("--input", tmp_path, "--output", tmp_path / "out")
    done = site.command("run", "text/upper", *folders, expect=1)
    assert f"{registry}/mlreef/text/upper@{image['digest']} cannot be fetched" in done.stderr
    assert "connection refused" in done.stderr

"""The docker builder by real pushes: what is shared, what is in an image, what is never in it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from tests.support.docker_cli import docker, image_names, inspect_image, leftovers
from tests.support.git import Author, remote_lines
from tests.support.package_index import (
    PASSWORD,
    USER,
    PackageIndex,
    make_sdist,
    make_wheel,
    package_index,
)
from tests.support.site import PROJECT, GitSite

pytestmark = pytest.mark.engine
MakeSite = Callable[..., GitSite]
AT_ONCE = 8


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index that everybody may read."""
    with package_index() as found:
        yield found


@pytest.fixture(scope="module")
def closed_index() -> Iterator[PackageIndex]:
    """A package index that wants a password."""
    with package_index(PASSWORD) as found:
        found.add(make_wheel("tiny", "1.0", {"tiny.py": ""}), make_sdist("plain", "1.0"))
        yield found


@pytest.fixture
def make_site(tmp_path: Path, engine: str, base_image: str, index: PackageIndex) -> MakeSite:
    """Makes a site with the engine and the package index of the tests."""

    def make(name: str = "site", **settings: Any) -> GitSite:
        settings = {"pip": {"index_url": index.url}, **settings}
        return GitSite(tmp_path / name, engine, base_image, settings)

    return make


def project(requirements: str, **files: str) -> dict[str, str]:
    """A code project with these requirements."""
    return {**PROJECT, "requirements.txt": requirements, **files}


def publish(author: Author, files: Mapping[str, str], version: str = "1.0.0") -> str:
    """What the author sees of a push that asks for publishing."""
    author.commit(files)
    author.tag(f"publish/{version}")
    return "\n".join(remote_lines(author.push("master", f"publish/{version}")))


def logs(site: GitSite) -> str:
    """All output of all builds of a site."""
    return "\n".join(path.read_text() for path in sorted(site.state.glob("logs/job-*.log")))


def entry(site: GitSite, module: str) -> dict[str, Any]:
    """The only version of a module."""
    document = site.document(module)
    assert document is not None
    (version,) = document["versions"]
    assert isinstance(version, dict)
    return version


def validate_index(site: GitSite) -> None:
    """Check every file of the index against the schema that it names."""
    schemas = resources.files("mlreef_hooks").joinpath("schemas")
    for kind, pattern in (("module", "modules/**/*.json"), ("listing", "listing/*.json")):
        schema = json.loads(schemas.joinpath(f"{kind}.json").read_text())
        files = list(site.index.rglob(pattern))
        assert files
        for path in files:
            jsonschema.validate(json.loads(path.read_text()), schema)


# what is shared


def test_eight_pushes_at_once_install_what_they_share_once(
    make_site: MakeSite, engine: str, index: PackageIndex
) -> None:
    index.add(make_wheel("shared", "1.0", {"shared.py": ""}))
    site = make_site()
    names = [f"text/module{place}" for place in range(AT_ONCE)]
    authors = [site.author(name) for name in names]
    before = image_names(engine, "mlreef-dependencies")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = list(pool.map(lambda author: publish(author, project("shared==1.0\n")), authors))
    assert [text.count("success: ") for text in said] == [1] * AT_ONCE
    assert [site.versions(name) for name in names] == [["1.0.0"]] * AT_ONCE
    assert logs(site).count("Successfully installed shared-1.0") == 1
    assert len(image_names(engine, "mlreef-dependencies") - before) == 1
    assert any("waiting for it" in text for text in said)
    validate_index(site)


def test_eight_hooks_for_one_tag_publish_once(make_site: MakeSite) -> None:
    site = make_site()
    author = site.author("text/upper")
    commit = author.commit(PROJECT)
    repository = site.repositories / "text" / "upper.git"
    (repository / "hooks" / "post-receive").unlink()
    author.tag("publish/1.0.0")
    author.push("master", "publish/1.0.0")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = list(pool.map(lambda _: call_hook(site, repository, commit), range(AT_ONCE)))
    assert sum("success: upper 1.0.0 is published" in text for text in said) == 1
    rest = [text for text in said if "success: " not in text]
    assert all("is being published already" in t or "already published" in t for t in rest)
    assert site.versions("text/upper") == ["1.0.0"]
    validate_index(site)


def call_hook(site: GitSite, repository: Path, commit: str) -> str:
    """What the hook says to a push of `publish/1.0.0`."""
    with start_hook(site, repository, commit) as process:
        return process.communicate()[0]


def start_hook(site: GitSite, repository: Path, commit: str) -> "subprocess.Popen[str]":
    """The hook, called as git calls it for a push of `publish/1.0.0`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mlreef_hooks", "--config", site.config, "post-receive"],
        cwd=repository,
        env={"GIT_DIR": ".", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"{'0' * 40} {commit} refs/tags/publish/1.0.0\n")
    process.stdin.close()
    process.stdin = None  # communicate() would flush it
    return process

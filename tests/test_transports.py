"""A publish through each way that git brings a push: a path, ssh, smart HTTP."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.git import Author, remote_lines
from tests.support.servers import HttpServer, SshServer
from tests.support.site import PROJECT, GitSite

pytestmark = pytest.mark.engine


@pytest.fixture
def site(tmp_path: Path, engine: str, base_image: str) -> GitSite:
    return GitSite(tmp_path / "site", engine, base_image)


def publish(site: GitSite, url: str, environment: Mapping[str, str]) -> str:
    """Who the index says published, after a push to `url` and a push of nothing to publish."""
    author = Author(site.folder / "clone", url, environment=environment)
    author.commit(PROJECT)
    assert remote_lines(author.push("master")) == []
    author.tag("publish/1.0.0", "notes")
    lines = remote_lines(author.push("publish/1.0.0"))
    assert any(line.startswith("success: upper 1.0.0 is published") for line in lines), lines
    document = site.document("text/upper")
    assert document is not None
    return str(document["versions"][0]["published_by"])


def test_over_a_path(site: GitSite) -> None:
    repository = site.repository("text/upper")
    assert publish(site, str(repository), {}) == "root"


def test_over_ssh(site: GitSite, sshd: SshServer) -> None:
    repository = site.repository("text/upper")
    assert publish(site, sshd.url(repository), sshd.environment) == "root"


def test_over_smart_http(site: GitSite, smart_http: HttpServer) -> None:
    repository = site.repository("text/upper")
    assert publish(site, smart_http.url(repository, "grace"), {}) == "grace"

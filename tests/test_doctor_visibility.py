"""What doctor says of those whom a site asks who may read its repositories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doctor import faults, look
from tests.support.forge import TOKEN, ForgeServer, forge_server
from tests.support.git import make_bare
from tests.support.site import GitSite


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    with forge_server() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, forge: ForgeServer) -> GitSite:
    """A site that asks Gitea, with two repositories."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    settings = {"visibility": {"ask": ["gitea"], "url": forge.url, "token": str(token)}}
    site = GitSite(tmp_path / "site", settings=settings)
    for name in ("a", "b"):
        make_bare(site.repositories / "team" / f"{name}.git")
    return site


def test_a_repository_that_the_token_does_not_see(site: GitSite, forge: ForgeServer) -> None:
    forge.gitea("team/a")
    (untold, told) = look(site, "visibility")
    assert (untold.id, told.id) == ("visibility-untold", "")
    assert "does not show the repository: HTTP 404" in untold.message
    assert told.message == "gitea tells it of 1 repository"
    forge.gitea("team/b", private=True)
    assert faults(site, "visibility") == {}


def test_a_server_that_is_away_is_asked_once(site: GitSite, forge: ForgeServer) -> None:
    forge.instead = (502, {}, b"")
    assert "HTTP 502" in faults(site, "visibility")["visibility-untold"]
    assert len(forge.asked) == 1


def test_a_token_that_everybody_can_read(site: GitSite, tmp_path: Path) -> None:
    (tmp_path / "token").chmod(0o644)
    assert "secret-open" in faults(site, "configuration")


def test_a_site_that_asks_nobody(tmp_path: Path) -> None:
    assert look(GitSite(tmp_path / "site"), "visibility") == []

"""Pushes from many authors at once, over ssh, beside pushes that publish nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.git import Author, remote_lines
from tests.support.killing import end_all
from tests.support.servers import SshServer
from tests.support.site import GitSite
from tests.support.storm import PUBLISHED, make_authors, outcomes, start_storm
from tests.support.tiny_site import make_site
from tests.support.wholeness import check_whole

TAGS = [f"publish/{number}" for number in range(3)]
REPOSITORIES = [f"team{number % 3}/upper{number}" for number in range(6)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[GitSite]:
    """A site without an engine."""
    site = make_site(
        tmp_path / "site", images={"path": ""}, builder={"layers": {"start": "never"}},
        worker={"stay": True},
    )  # fmt: skip
    yield site
    end_all(site)


def test_pushes_at_once_are_all_published(site: GitSite, sshd: SshServer) -> None:
    authors = make_authors(site, sshd, REPOSITORIES, TAGS)
    remote = sshd.url(site.repository("plain/ordinary"))
    ordinary = Author(site.folder / "clones/ordinary", remote, environment=sshd.environment)
    pushes = start_storm(authors, TAGS)
    for number in range(3):
        ordinary.commit({"README.md": str(number)})
        assert remote_lines(ordinary.push()) == []
    found = outcomes(pushes)
    assert {kind: len(said) for kind, said in found.items() if said} == {
        PUBLISHED: len(REPOSITORIES) * len(TAGS)
    }
    check_whole(site)
    for name in REPOSITORIES:
        assert sorted(site.versions(name)) == [tag.partition("/")[2] for tag in TAGS]

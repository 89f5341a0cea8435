"""Who may read a module changes: by the git server, by a command, at a sweep, while it is built."""

import base64
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlreef_hooks.git_settings import set_own
from mlreef_hooks.index_audience import audience_of
from mlreef_hooks.registry import Registry
from tests.support.engine import PASSWORD, USER, local_registry
from tests.support.forge import TOKEN, ForgeServer, forge_server
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.processes import wait_until
from tests.support.publishing import jobs, project, publish, unwrapped
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import make_site

MODULE = "text/upper"
NARROWED = {**PROJECT, "mlreef.toml": PROJECT["mlreef.toml"] + 'visibility = "internal"\n'}


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    with forge_server() as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, forge: ForgeServer) -> GitSite:
    """A site that asks Gitea, and writes statements beside the index."""
    (tmp_path / "token").write_text(TOKEN)
    return make_site(
        tmp_path / "site", builder={"layers": {"start": "never"}},
        visibility={"ask": ["gitea"], "url": forge.url, "token": str(tmp_path / "token")},
    )  # fmt: skip


def places(site: GitSite, word: str = "upper") -> set[str]:
    """The audiences whose folders hold anything of a module, in a file's name or in a file."""
    found = set()
    for path in site.index.rglob("*"):
        if path.is_file() and (word in path.name or word.encode() in path.read_bytes()):
            parts = path.relative_to(site.index).parts
            found.add("/".join(parts[: 2 if parts[0] == "private" else 1]))
    return found


def audience(visibility: str) -> set[str]:
    return {audience_of(visibility, "text")}


def test_a_flip_at_the_server_moves_a_module_at_the_next_sweep(
    site: GitSite, forge: ForgeServer
) -> None:
    forge.gitea(MODULE)
    author = site.author(MODULE)
    publish(author, PROJECT)
    assert places(site) == audience("public")
    assert [*(site.index / "public" / "provenance" / "text" / "upper").iterdir()]
    for owner, private, word in (
        ("public", True, "private"), ("public", False, "public"), ("limited", False, "internal"),
        ("private", False, "private"), ("public", False, "public"),
    ):  # fmt: skip
        forge.gitea(MODULE, private=private, owner=owner)
        said = site.command("sweep").stdout
        assert f"and is {word}" in said, said
        assert places(site) == audience(word)
        assert "text/upper was" not in site.command("sweep").stdout


def test_what_its_author_narrowed_no_sweep_widens(site: GitSite, forge: ForgeServer) -> None:
    forge.gitea(MODULE)
    author = site.author(MODULE)
    publish(author, NARROWED)
    assert places(site) == audience("internal")
    for private, word in ((True, "private"), (False, "internal")):
        forge.gitea(MODULE, private=private)
        site.command("sweep")
        assert places(site) == audience(word)
    publish(author, PROJECT, "2.0")  # its author thinks better of it
    assert places(site) == audience("public")


def test_a_module_of_before_is_not_widened(site: GitSite, forge: ForgeServer) -> None:
    """What an index of an older program does not say of its author."""
    publish(site.author(MODULE), PROJECT)
    (path,) = site.index.rglob("modules/text/upper.json")
    document = json.loads(path.read_bytes())
    del document["visibility_limit"]
    path.write_text(json.dumps(document))
    forge.gitea(MODULE)
    site.command("sweep")
    assert places(site) == audience("private")


def test_a_server_that_is_away_changes_nothing_and_it_is_said(
    site: GitSite, forge: ForgeServer
) -> None:
    forge.gitea(MODULE)
    author = site.author(MODULE)
    publish(author, PROJECT)
    forge.instead = (503, {}, b"")
    said = unwrapped(publish(author, {"README.md": "2"}, "2.0"))
    assert "success: upper 2.0 is published" in said
    assert "warning: the module stays public: 127.0.0.1" in said, said
    other = site.author("text/lower")
    assert "warning: the module stays private" in unwrapped(publish(other, PROJECT))
    assert places(site, "lower") == audience("private")
    asked = len(forge.asked)
    swept = site.command("sweep", expect=1).stdout
    assert "its modules stay where they are" in swept
    assert len(forge.asked) == asked + 1  # and the others are not waited for
    assert (site.index / "public/modules/text/upper.json").exists()
    # a refusal is no absence: no time will mend it
    forge.instead = (403, {}, b"")
    assert "it counts as private" in site.command("sweep", expect=1).stdout
    assert not [*site.index.glob("public/modules/**/*.json")]
    assert TOKEN not in said + swept


def test_what_a_repository_closes_itself_waits_for_no_server(
    site: GitSite, forge: ForgeServer
) -> None:
    for name in (MODULE, "text/zebra"):
        forge.gitea(name)
        publish(site.author(name), PROJECT)
    forge.instead = (503, {}, b"")
    set_own(site.repositories / "text/zebra.git", "mlreef.visibility", "private")
    asked = len(forge.asked)
    said = site.command("sweep", expect=1).stdout
    assert "text/zebra was public and is private" in said
    assert len(forge.asked) == asked + 1
    assert places(site, "zebra") == audience("private")
    assert (site.index / "public/modules/text/upper.json").exists()


def test_the_command_flips_at_once(site: GitSite, forge: ForgeServer) -> None:
    forge.gitea(MODULE)
    publish(site.author(MODULE), PROJECT)
    repository = site.repositories / f"{MODULE}.git"
    shown = site.command("visibility", repository).stdout
    assert shown == "the repository text/upper is public\nthe module text/upper is public\n"
    said = site.command("visibility", repository, "private").stdout
    assert "text/upper was public and is private" in said
    assert places(site) == audience("private")
    site.command("visibility", repository, "public")
    assert places(site) == audience("public")
    forge.gitea(MODULE, private=True)
    # the setting may narrow what the server says, and never widen it
    assert "text/upper is private" in site.command("visibility", repository, "public").stdout
    assert places(site) == audience("private")
    forge.gitea(MODULE)
    assert "was private and is public" in site.command("visibility", repository, "apply").stdout
    assert places(site) == audience("public")


def test_files_for_programs_hold_no_names_or_are_closed(site: GitSite) -> None:
    publish(site.author(MODULE), PROJECT)
    assert not re.search("upper|text", (site.state / "metrics.prom").read_text())
    naming = [*site.state.glob("logs/*"), *site.state.glob("jobs.sqlite*")]
    assert {path.name for path in naming} >= {"events.jsonl", "job-1-1.log", "jobs.sqlite"}
    assert {path.stat().st_mode & 0o777 for path in naming} == {0o600}
    for path in site.state.rglob("*"):
        open_ = path.is_file() and path.stat().st_mode & 0o004
        ways = [folder for folder in path.parents if folder.is_relative_to(site.state)]
        if open_ and all(folder.stat().st_mode & 0o001 for folder in ways):
            assert b"text/upper" not in path.read_bytes(), path


@pytest.fixture
def packages() -> Iterator[PackageIndex]:
    """A package index that keeps all who ask waiting while it is not `awake`."""
    with package_index() as found:
        found.add(make_wheel("six", "1.0", {"six.py": ""}))
        yield found
        found.awake.set()


@pytest.mark.parametrize(("before", "after"), [("public", "private"), ("private", "public")])
def test_a_flip_while_a_build_runs(
    tmp_path: Path, packages: PackageIndex, before: str, after: str
) -> None:
    site = make_site(
        tmp_path / "site", pip={"index_url": packages.url}, builder={"layers": {"start": "never"}}
    )
    author, repository = site.author(MODULE), site.repositories / f"{MODULE}.git"
    set_own(repository, "mlreef.visibility", before)
    packages.awake.clear()
    author.commit(project("six==1.0"))
    author.tag("publish/1.0")
    author.push("master", "publish/1.0", "-o", "mlreef.async")
    wait_until(lambda: [state for _, state in jobs(site)] == ["building"])
    site.command("visibility", repository, after)
    assert places(site) == set()
    packages.awake.set()
    wait_until(lambda: [state for _, state in jobs(site)] == ["published"])
    assert places(site) == audience(after)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that lets nobody in without a password."""
    with local_registry(tmp_path_factory.mktemp("closed"), closed=True) as address:
        yield address


def registry_site(folder: Path, **settings: str) -> GitSite:
    registry = {"private_images": "closed", **settings}
    return make_site(folder, builder={"layers": {"start": "never"}}, registry=registry)


def test_a_private_image_goes_nowhere_where_everybody_may_fetch_it(
    tmp_path: Path, registry: str
) -> None:
    site = registry_site(tmp_path / "site", prefix=f"{registry}/open")
    author, repository = site.author(MODULE), site.repositories / f"{MODULE}.git"
    said = unwrapped(publish(author, PROJECT))
    assert f"everybody may fetch images from {registry}/open/text/upper" in said, said
    assert "[image-open]" in said
    assert places(site) == set()
    set_own(repository, "mlreef.visibility", "internal")
    assert "success:" in publish(author, {"README.md": "2"}, "2.0")


def test_an_image_that_became_private_is_not_sent(
    tmp_path: Path, packages: PackageIndex, registry: str
) -> None:
    site = make_site(
        tmp_path / "site", builder={"layers": {"start": "never"}}, pip={"index_url": packages.url},
        registry={"private_images": "closed", "prefix": f"{registry}/flipped"},
    )  # fmt: skip
    author, repository = site.author(MODULE), site.repositories / f"{MODULE}.git"
    set_own(repository, "mlreef.visibility", "public")
    packages.awake.clear()
    author.commit(project("six==1.0"))
    author.tag("publish/1.0")
    author.push("master", "publish/1.0", "-o", "mlreef.async")
    wait_until(lambda: [state for _, state in jobs(site)] == ["building"])
    site.command("visibility", repository, "private")
    packages.awake.set()
    wait_until(lambda: [state for _, state in jobs(site)] == ["queued"])
    assert "became private while the image was made" in site.command("status").stdout
    assert places(site) == set()
    with Registry(registry) as client:
        assert client.get_manifest("flipped/text/upper", "1.0") is None
    # tried again, it meets a registry that answers everybody
    assert "everybody may fetch images" in site.command("retry", "1", expect=1).stdout


def test_a_private_image_goes_where_a_password_is_wanted(tmp_path: Path, closed: str) -> None:
    credentials = tmp_path / "docker.json"
    password = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    credentials.write_text(json.dumps({"auths": {closed: {"auth": password}}}))
    site = registry_site(
        tmp_path / "site", prefix=f"{closed}/all", private_prefix=f"{closed}/own",
        docker_config=str(credentials),
    )  # fmt: skip
    author, repository = site.author(MODULE), site.repositories / f"{MODULE}.git"
    assert f"{closed}/own/text/upper@" in publish(author, PROJECT)
    set_own(repository, "mlreef.visibility", "public")
    assert f"{closed}/all/text/upper@" in publish(author, {"README.md": "2"}, "2.0")
    said = site.command("visibility", repository, "private").stdout
    assert "warning: images of text/upper that were published before stay" in said
    site.index.rename(site.folder / "lost")
    done = site.command("reindex").stdout
    assert "added" in done, done
    references = {
        each["version"]: each["image"]["reference"].rpartition("/text")[0]
        for each in (site.document(MODULE) or {"versions": []})["versions"]
    }
    assert references == {"1.0.0": f"{closed}/own", "2.0": f"{closed}/all"}


_LATE = """\
import subprocess, sys
from mlreef_hooks import publish
from mlreef_hooks.cli.main import main

def attest(*words, before=publish.attest, repository=sys.argv[1]):
    set_own = ["git", "-C", repository, "config", "mlreef.visibility", "private"]
    subprocess.run(set_own, check=True)
    return before(*words)

publish.attest = attest
sys.argv = ["mlreef-hooks", "--config", sys.argv[2], "sweep"]
main()
"""


def flip_late(site: GitSite) -> str:
    """What a sweep says that publishes a module whose repository becomes private meanwhile."""
    author, repository = site.author(MODULE), site.repositories / f"{MODULE}.git"
    set_own(repository, "mlreef.visibility", "public")
    (repository / "hooks" / "post-receive").unlink()
    author.commit(PROJECT)
    author.tag("publish/1.0")
    author.push("master", "publish/1.0")
    words = [sys.executable, "-c", _LATE, str(repository), str(site.config)]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    assert places(site) == set()
    return unwrapped(said)


def test_an_image_that_was_sent_before_a_flip_is_taken_back(tmp_path: Path, registry: str) -> None:
    """With what refers to it: its bill of materials is as private."""
    settings = {"private_images": "closed", "prefix": f"{registry}/late"}
    site = make_site(
        tmp_path / "site", builder={"layers": {"start": "never"}}, registry=settings,
        provenance={"attach": True},
    )  # fmt: skip
    said = flip_late(site)
    assert "became private while the image was made" in said
    assert "was sent by then" not in said
    tags = f"http://{registry}/v2/late/text/upper/tags/list"
    with urllib.request.urlopen(tags, timeout=60) as answer:
        assert json.load(answer)["tags"] in (None, [])


def test_an_image_that_the_registry_keeps_is_named(tmp_path: Path) -> None:
    """Nothing else would tell the administrator that everybody may fetch it."""
    with local_registry(tmp_path, deletes=False) as registry:
        said = flip_late(registry_site(tmp_path / "site", prefix=f"{registry}/late"))
    assert f"{registry}/late/text/upper:1.0 was sent by then" in said, said

"""The docker builder by real pushes: what modules share, what an image is, and is not."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from mlreef_hooks.job_log import MARK
from mlreef_hooks.process import holder
from tests.support.docker_cli import docker, image_names, inspect_image, leftovers
from tests.support.package_index import (
    PASSWORD,
    USER,
    PackageIndex,
    make_sdist,
    make_wheel,
    package_index,
)
from tests.support.processes import find_program
from tests.support.publishing import (
    entry,
    jobs,
    logs,
    project,
    publish,
    push_without_hook,
    start_hook,
    unwrapped,
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
    """Makes a site with the engine and the open package index of the tests."""

    def make(name: str = "site", **settings: Any) -> GitSite:
        settings = {"pip": {"index_url": index.url}, **settings}
        return GitSite(tmp_path / name, engine, base_image, settings)

    return make


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
    assert any("another push installs the same requirements; waiting" in text for text in said)
    validate_index(site)


def validate_index(site: GitSite) -> None:
    """Check the documents and listings of the index against their schemas."""
    schemas = resources.files("mlreef_hooks").joinpath("schemas")
    for kind, pattern in (("module", "modules/**/*.json"), ("listing", "listing/*.json")):
        schema = json.loads(schemas.joinpath(f"{kind}.json").read_text())
        files = list(site.index.rglob(pattern))
        assert files
        for path in files:
            jsonschema.validate(json.loads(path.read_text()), schema)


def test_eight_hooks_for_one_tag_publish_once(make_site: MakeSite) -> None:
    site = make_site()
    repository, commit = push_without_hook(site, "text/upper", PROJECT)
    hooks = [start_hook(site, repository, commit) for _ in range(AT_ONCE)]
    said = [hook.communicate()[0] for hook in hooks]
    assert all("is published (" in text or "is already published" in text for text in said)
    (log,) = (site.state / "logs").glob("job-*.log")
    assert log.read_text().count("success: upper 1.0.0 is published") == 1
    assert site.versions("text/upper") == ["1.0.0"]
    validate_index(site)


def test_a_change_of_code_alone_installs_nothing(make_site: MakeSite, engine: str) -> None:
    site = make_site()
    author = site.author("text/upper")
    publish(author, PROJECT)
    before = image_names(engine, "mlreef-dependencies")
    said = publish(author, {"README.md": "more"}, "1.0.1")
    assert "dependencies reused" in said
    assert MARK not in (site.state / "logs" / "job-2-1.log").read_text()
    assert image_names(engine, "mlreef-dependencies") == before
    first, second = (
        inspect_image(engine, f"mlreef/text/upper:{version}")["RootFS"]["Layers"]
        for version in ("1.0.0", "1.0.1")
    )
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]


def test_the_same_commit_is_the_same_image_in_another_site(make_site: MakeSite) -> None:
    digests = []
    for name in ("one", "two"):
        site = make_site(name)
        publish(site.author("text/upper"), PROJECT)
        digests.append(entry(site, "text/upper")["image"]["digest"])
    assert digests[0] == digests[1]


def test_a_site_does_not_take_the_name_of_another_sites_image(
    make_site: MakeSite, engine: str
) -> None:
    first, second = make_site("first"), make_site("second")
    assert "success: " in publish(first.author("mine/upper"), PROJECT, "7.0")
    before = entry(first, "mine/upper")["image"]
    said = publish(second.author("Mine/upper"), PROJECT, "7.0")
    assert "the engine has another image of the name mlreef/mine/upper:7.0" in unwrapped(said)
    assert "[registry] prefix of its own" in unwrapped(said)
    assert jobs(second) == [(1, "queued")]
    facts = inspect_image(engine, before["reference"])
    assert facts["Id"] == before["digest"]


def test_what_a_killed_publish_left_is_removed(make_site: MakeSite, engine: str) -> None:
    site = make_site()
    author = site.author("text/upper")
    publish(author, PROJECT)
    image = entry(site, "text/upper")["image"]["digest"]
    gone = holder().replace(f"/{os.getpid()}/", "/1/").replace("/", "_")
    held = holder().replace("/", "_")
    for left in (gone, held):
        docker(engine, "tag", image, f"mlreef-candidate:{left}_0123456789ab")
    publish(author, {"README.md": "more"}, "1.0.1")
    assert image_names(engine, "mlreef-candidate") == {f"mlreef-candidate:{held}_0123456789ab"}
    docker(engine, "rmi", f"mlreef-candidate:{held}_0123456789ab")


# what an image is


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, engine: str, base_image: str) -> GitSite:
    """A site with one published module, `text/upper`, with a description and variables."""
    settings = {"base": {"default": {"image": base_image, "environment": {"LEVEL": "site"}}}}
    site = GitSite(tmp_path_factory.mktemp("published"), engine, base_image, settings)
    table = PROJECT["mlreef.toml"] + 'description = "Loud letters"\nlicenses = "MIT"\n'
    variables = "[module.environment]\nGREETING = \"hello = 'you'\"\n"
    said = publish(site.author("text/upper"), {**PROJECT, "mlreef.toml": table + variables})
    assert "success: " in said, said
    return site


def test_docker_run_starts_the_module_anywhere_as_anybody(
    published: GitSite, engine: str, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("quiet")
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    closed = ["--read-only", "--network=none", "--user=1234:1234", "--workdir=/usr"]
    folders = [f"--volume={tmp_path}/in:/in:ro", f"--volume={tmp_path}/out:/out"]
    image = entry(published, "text/upper")["image"]["reference"]
    paths = ["--input-path", "/in", "--output-path", "/out", "--times", "2"]
    docker(engine, "run", "--rm", *closed, *folders, image, *paths)
    result = tmp_path / "out" / "a.txt"
    assert (result.read_text(), result.stat().st_uid) == ("QUIETQUIET", 1234)
    scratch = "import pathlib, tempfile; pathlib.Path(tempfile.mkdtemp(), 'x').write_text('x')"
    docker(engine, "run", "--rm", *closed, "--entrypoint=python", image, "-c", scratch)


def test_labels_say_what_the_index_says(published: GitSite, engine: str, base_image: str) -> None:
    version = entry(published, "text/upper")
    config = inspect_image(engine, version["image"]["digest"])["Config"]
    labels = config["Labels"]
    oci = "org.opencontainers.image."
    assert {name.removeprefix(oci): text for name, text in labels.items() if oci in name} == {
        "title": "upper",
        "description": "Loud letters",
        "version": "1.0.0",
        "revision": version["commit"],
        "created": inspect_image(engine, version["image"]["digest"])["Created"],
        "licenses": "MIT",
        "base.name": base_image,
        "base.digest": inspect_image(engine, base_image)["Id"],
    }
    unknown_then = dict.fromkeys(("image", "published_at", "published_by"))
    document = published.document("text/upper") or {}
    del document["visibility_limit"]  # of the author's, which the image does not say
    assert json.loads(labels["io.mlreef.module"]) == {
        **document,
        "visibility": None,
        "versions": [{key: version[key] for key in version if key != "provenance"} | unknown_then],
    }


def test_the_environment_is_that_of_base_site_and_module(published: GitSite, engine: str) -> None:
    version = entry(published, "text/upper")
    config = inspect_image(engine, version["image"]["digest"])["Config"]
    variables = dict(pair.split("=", 1) for pair in config["Env"])
    assert variables.pop("PATH").startswith("/usr/local/sbin:")
    assert variables == {
        "GREETING": "hello = 'you'",
        "HOME": "/tmp",
        "LEVEL": "site",
        "PYTHONUNBUFFERED": "1",
    }
    assert version["environment"] == {"GREETING": "hello = 'you'", "LEVEL": "site"}


# what is never in it


def credentials(kind: str, closed_index: PackageIndex, folder: Path) -> dict[str, Any]:
    """The settings `[pip]` of a site whose index wants a password."""
    if kind == "url":
        secret = quote(PASSWORD, safe="")
        return {"index_url": f"http://{USER}:{secret}@{closed_index.address}/simple/"}
    netrc = folder / "netrc"
    netrc.write_text(f"machine 127.0.0.1\n  login {USER}\n  password {PASSWORD}\n")
    return {"index_url": closed_index.url, "netrc": str(netrc)}


@pytest.mark.parametrize("kind", ["url", "netrc"])
def test_credentials_are_seen_nowhere(
    kind: str, make_site: MakeSite, engine: str, closed_index: PackageIndex, tmp_path: Path
) -> None:
    site = make_site(pip=credentials(kind, closed_index, tmp_path))
    before = leftovers(engine)
    said = publish(site.author("text/upper"), project("tiny==1.0\n"))
    assert "success: " in said
    version = entry(site, "text/upper")
    assert version["locked"] == ["tiny==1.0"]
    image = version["image"]["digest"]
    below = image_of_dependencies(engine, image)
    places = {
        "pusher": said,
        "facts": json.dumps([inspect_image(engine, each) for each in (image, below)]),
        "history": docker(engine, "history", "--no-trunc", image),
        "history below": docker(engine, "history", "--no-trunc", below),
        **{str(path): path.read_bytes().decode("latin-1") for path in files_below(site.state)},
    }
    secrets = (PASSWORD, quote(PASSWORD, safe=""))
    assert [place for place, text in places.items() if any(map(text.__contains__, secrets))] == []
    assert not file_system_holds(engine, image, [secret.encode() for secret in secrets])
    assert leftovers(engine) <= before


def files_below(folder: Path) -> list[Path]:
    """All files of the state folder: job table, logs, locks, index."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    return files


def image_of_dependencies(engine: str, image: str) -> str:
    """The image that holds all layers but the last of a module's image."""
    layers = inspect_image(engine, image)["RootFS"]["Layers"][:-1]
    names = image_names(engine, "mlreef-dependencies")
    found = (name for name in names if inspect_image(engine, name)["RootFS"]["Layers"] == layers)
    return next(found)


def file_system_holds(engine: str, image: str, texts: list[bytes]) -> bool:
    """True where a text, or a file that pip was given, is in the image's root file system."""
    container = docker(engine, "create", image).strip()
    command = [find_program("docker"), "--host", engine, "export", container]
    try:
        content = subprocess.check_output(command)
    finally:
        docker(engine, "rm", "--volumes", container)
    assert b"module/upper.py" in content
    given = [b"run/mlreef/pip.conf", b"run/mlreef/netrc", b"run/mlreef/requirements.txt"]
    return any(each in content for each in (*texts, *given))


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ("plain==1.0", "the package index has no wheel of plain==1.0"),
        ("plain @ {url}", "is built from source"),
        ("{url}&egg=plain", "is built from source"),
    ],
)
def test_with_credentials_nothing_is_built_from_source(
    make_site: MakeSite,
    closed_index: PackageIndex,
    tmp_path: Path,
    requirement: str,
    message: str,
) -> None:
    site = make_site(pip=credentials("url", closed_index, tmp_path))
    closed_index.requests.clear()
    url = closed_index.file_url("plain-1.0.tar.gz")
    said = publish(site.author("text/upper"), project(requirement.format(url=url) + "\n"))
    assert message in unwrapped(said)
    assert "where the package index needs a password, only wheels are installed" in unwrapped(said)
    assert "/files/plain-1.0.tar.gz" not in closed_index.requests
    assert jobs(site) == [(1, "failed")]


def test_without_credentials_a_source_distribution_is_built(
    make_site: MakeSite, index: PackageIndex
) -> None:
    index.add(make_sdist("source", "1.0"))
    site = make_site()
    script = "import source\n" + PROJECT["upper.py"]
    said = publish(site.author("text/upper"), {**project("source==1.0\n"), "upper.py": script})
    assert "success: " in said
    assert entry(site, "text/upper")["locked"] == ["source==1.0"]

"""A registry with a password and a certificate of the site's own authority, from push to pull."""

import json
import shlex
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.certificates import Certificate, make_certificate
from tests.support.docker_cli import docker
from tests.support.engine import BASE_IMAGE, PASSWORD, USER, local_registry, private_engine
from tests.support.git import Author
from tests.support.machine import ADDRESS, Machine
from tests.support.package_index import make_wheel, package_index
from tests.support.publishing import entry, jobs, project, publish, unwrapped
from tests.support.site import PROJECT, GitSite

pytestmark = pytest.mark.engine
HOST = "registry.test"
LICENSE = Path(__file__).resolve().parent.parent / "LICENSE"
WRONG = "horse, correct"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The site's own authority."""
    return make_certificate(tmp_path_factory.mktemp("authority"), "authority.test")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, authority: Certificate) -> Iterator[str]:
    """`HOST:PORT` of a registry that the authority vouches for."""
    folder = tmp_path_factory.mktemp("secured")
    certificate = make_certificate(folder, HOST, authority)
    with local_registry(
        folder, closed=True, certificate=certificate, host=HOST, address=ADDRESS
    ) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The machine of the git server, which has no engine."""
    return Machine(tmp_path_factory.mktemp("server"), HOST)


@dataclass(frozen=True)
class Reader:
    """A machine with an engine that never saw the site, and its user's `docker` command."""

    machine: Machine
    engine: str
    config: Path

    def docker(self, *words: str, expect: int = 0) -> str:
        """What the command says."""
        return docker(self.engine, "--config", str(self.config), *words, expect=expect)

    def refused(self, *words: str) -> str:
        """Why the command fails."""
        with pytest.raises(AssertionError) as caught:
            self.docker(*words)
        return str(caught.value)

    def login(self, registry: str, password: str = PASSWORD) -> Sequence[str]:
        """The words that log in."""
        return ("login", f"--username={USER}", f"--password={password}", registry)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A machine that knows nothing of the authority."""
    folder = tmp_path_factory.mktemp("reader")
    machine = Machine(folder / "machine", HOST)
    with private_engine(folder / "engine", machine) as url:
        yield Reader(machine, url, folder / "docker")


@pytest.fixture
def site(
    tmp_path: Path, registry: str, authority: Certificate, stored_base: Path
) -> Iterator[GitSite]:
    """A site without an engine that publishes into the registry; it has no `docker.json` yet."""
    with package_index() as index:
        index.add(make_wheel("tiny", "1.0", {"tiny.py": "WORD = 'tiny'\n"}))
        secured = {
            "prefix": f"{registry}/site",
            "docker_config": str(tmp_path / "docker.json"),
            "ca_bundle": str(authority.path),
        }
        images = {"path": str(stored_base)}
        tables = {"pip": {"index_url": index.url}, "images": images, "registry": secured}
        yield GitSite(tmp_path / "site", "unix:///nowhere", BASE_IMAGE, tables, "layers")


@pytest.fixture
def author(site: GitSite, server: Machine) -> Author:
    """An author whose pushes arrive on the server."""
    author = site.author("text/upper")
    author.git(
        "config", "remote.origin.receivepack", shlex.join(server.command("git-receive-pack"))
    )
    return author


def write_login(path: Path, registry: str, password: str) -> None:
    """What `docker login` writes."""
    auth = b64encode(f"{USER}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {registry: {"auth": auth}}}))


def test_an_image_gets_through_a_closed_registry_into_another_engine(
    site: GitSite, author: Author, registry: str, authority: Certificate, reader: Reader,
    tmp_path: Path,
) -> None:  # fmt: skip
    assert "certificate signed by unknown authority" in reader.refused(*reader.login(registry))
    reader.machine.trust(registry, authority.path)
    assert "401 Unauthorized" in reader.refused(*reader.login(registry, WRONG))
    reader.docker(*reader.login(registry))
    (tmp_path / "docker.json").write_bytes((reader.config / "config.json").read_bytes())

    script = "import tiny\n" + PROJECT["upper.py"].replace(".upper()", ".upper() + tiny.WORD")
    said = publish(author, {**project("tiny==1.0\n"), "upper.py": script})
    assert "success: upper 1.0.0 is published" in said, said
    image = entry(site, "text/upper")["image"]
    assert image["reference"] == f"{registry}/site/text/upper:1.0.0"
    exactly = f"{registry}/site/text/upper@{image['digest']}"
    assert "no basic auth credentials" in replace(reader, config=tmp_path).refused("pull", exactly)
    reader.docker("pull", "--quiet", exactly)
    assert upper_case(reader, exactly, tmp_path) == LICENSE.read_text().upper() + "tiny"
    assert not files_with(site.folder.rglob("*"), spellings(PASSWORD))


def upper_case(reader: Reader, image: str, tmp_path: Path) -> str:
    """What the module makes of the license, run as a stranger."""
    folders = tmp_path / "in", tmp_path / "out"
    for folder in folders:
        folder.mkdir()
        folder.chmod(0o777)
    (folders[0] / "license.txt").write_bytes(LICENSE.read_bytes())
    options = ("--rm", "--read-only", "--network=none", "--user=1234:1234")
    binds = [f"--volume={folder}:/{folder.name}" for folder in folders]
    reader.docker("run", *options, *binds, image, "--input-path=/in", "--output-path=/out")
    return (folders[1] / "license.txt").read_text()


def test_a_wrong_password_keeps_the_job_and_is_shown_nowhere(
    site: GitSite, author: Author, server: Machine, registry: str, tmp_path: Path
) -> None:
    write_login(tmp_path / "docker.json", registry, WRONG)
    said = unwrapped(publish(author, project("")))
    assert f"error: {registry} refuses" in said
    assert "registry.docker_config" in said
    assert "job 1 is kept" in said
    assert jobs(site) == [(1, "queued")]
    assert not [secret for secret in spellings(WRONG) if secret in said]
    assert files_with(tmp_path.glob("docker.json"), spellings(WRONG))
    assert not files_with(site.folder.rglob("*"), spellings(WRONG))

    write_login(tmp_path / "docker.json", registry, PASSWORD)
    command = [sys.executable, "-m", "mlreef_hooks", "--config", str(site.config), "retry", "1"]
    done = subprocess.run(server.command(*command), capture_output=True, text=True, check=True)
    assert "success: upper 1.0.0" in done.stdout


def spellings(password: str) -> Sequence[str]:
    """What a password looks like in a text, a URL and a header."""
    return (password, quote(password), b64encode(f"{USER}:{password}".encode()).decode())


def files_with(paths: Iterable[Path], texts: Sequence[str]) -> list[Path]:
    """The files that hold one of the texts."""
    contents = {path: path.read_bytes() for path in paths if path.is_file()}
    return [path for path, found in contents.items() if any(t.encode() in found for t in texts)]

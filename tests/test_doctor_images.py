"""`mlreef-hooks doctor` on the engine, bases, the registry and the package index."""

import json
import os
import socket
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import make_certificate
from tests.support.doctor import NOBODY, faults, give_to, look, root_only
from tests.support.engine import BASE_IMAGE, PASSWORD, USER, local_registry
from tests.support.package_index import PASSWORD as INDEX_PASSWORD
from tests.support.package_index import package_index
from tests.support.processes import free_port
from tests.support.scripted_engine import relay, scripted_engine
from tests.support.site import GitSite

AWAY = "unix:///nowhere/docker.sock"


def site_of(tmp_path: Path, use: str = "docker", **settings: Any) -> GitSite:
    """A site whose engine is away, with settings of its own."""
    return GitSite(tmp_path / "site", builder=use, settings=settings)


# the engine


@pytest.mark.parametrize(
    ("builder", "state"), [("docker", "error"), ("auto", "warning"), ("layers", "warning")]
)
def test_an_engine_that_is_away(tmp_path: Path, builder: str, state: str) -> None:
    (found,) = look(site_of(tmp_path, builder), "engine")
    assert (found.id, found.state, found.about) == ("engine-away", state, AWAY)
    assert "No such file or directory" in found.message


def test_an_engine_that_is_silent_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "e.sock"))
        silent.listen()
        site = GitSite(tmp_path / "site", f"unix://{tmp_path}/e.sock")
        assert "engine-away" in faults(site, "engine")


def test_of_several_engines_the_others_do_the_work(tmp_path: Path) -> None:
    with scripted_engine(tmp_path / "e.sock", "28.0", {}) as url:
        docker = {"engines": [AWAY, url], "network": "host"}
        registry = {"prefix": "registry.example/x"}
        site = site_of(tmp_path, builder={"use": "docker", "docker": docker}, registry=registry)
        found = {each.about: each for each in look(site, "engine")}
    assert (found[AWAY].id, found[AWAY].state) == ("engine-away", "warning")
    assert found[AWAY].hint.endswith("the others do its work")
    assert found[url].state == "ok"


@pytest.mark.engine
def test_an_engine_in_order(tmp_path: Path, engine: str, base_image: str) -> None:
    site = GitSite(tmp_path / "site", engine, base_image)
    assert [each.state for each in look(site, "engine", "bases")] == ["ok", "ok"]
    GitSite(tmp_path / "site", engine, "not-there:1")
    assert faults(site, "bases") == {"base-missing": "not-there:1 is not here yet"}


@root_only
@pytest.mark.engine
def test_an_engine_that_the_account_can_or_cannot_reach(
    tmp_path: Path, engine: str, base_image: str
) -> None:
    site = GitSite(tmp_path / "site", engine, base_image)
    site.state.mkdir()
    give_to(NOBODY, site.state)
    path = Path(engine.removeprefix("unix://"))
    for folder in path.parents[:-2]:
        folder.chmod(folder.stat().st_mode | 0o011)
    found = path.stat()
    said = f"uid {NOBODY} cannot use the engine's socket because of {path}"
    assert faults(site, "engine") == {"engine-closed": said}
    os.chown(path, 0, NOBODY)
    path.chmod(0o660)  # as by the group docker
    try:
        said = f"uid {NOBODY} can use it, and is root on this machine by it"
        assert faults(site, "engine") == {"engine-root": said}
    finally:
        os.chown(path, found.st_uid, found.st_gid)
        path.chmod(found.st_mode)


@pytest.mark.parametrize(
    ("version", "info", "fault"),
    [
        ("19.03.15", {}, "engine-old"),
        ("28.5.1", {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]},
         "engine-store"),
        ("20.10.24+dfsg1", {"DriverStatus": [["Backing Filesystem", "extfs"]]}, ""),
        ("29.0.0", {}, ""),
    ],
)  # fmt: skip
def test_an_engine_that_tells_of_itself(
    tmp_path: Path, version: str, info: dict[str, Any], fault: str
) -> None:
    with scripted_engine(tmp_path / "e.sock", version, info) as url:
        (found,) = look(GitSite(tmp_path / "site", url), "engine")
    assert found.id == fault
    assert found.message.startswith(f"Docker engine {version}")


@root_only
@pytest.mark.parametrize(
    ("options", "fault"),
    [(["name=seccomp,profile=default"], "engine-root"), (["name=seccomp", "name=rootless"], "")],
)
def test_a_rootless_engine_makes_nobody_root(
    tmp_path: Path, options: list[str], fault: str
) -> None:
    with scripted_engine(tmp_path / "e.sock", "28.0", {"SecurityOptions": options}) as url:
        site = GitSite(tmp_path / "site", url)
        site.state.mkdir()
        give_to(NOBODY, site.state, tmp_path / "e.sock")
        assert [*faults(site, "engine")] == ([fault] if fault else [])


def test_an_engine_without_a_password_is_told_of(tmp_path: Path) -> None:
    with scripted_engine(tmp_path / "e.sock", "28.0", {}) as url, relay(url) as address:
        site = GitSite(tmp_path / "site", address)
        said = "whoever reaches its address is root on its machine"
        assert faults(site, "engine") == {"engine-open": said}


# bases


def test_a_base_without_a_compiler_of_its_python(tmp_path: Path) -> None:
    base = {"default": {"image": BASE_IMAGE, "python": "3.99"}}
    site = site_of(tmp_path, "layers", base=base)
    assert faults(site, "bases") == {
        "bytecode-missing": "this server has no python3.99, so that images have no bytecode",
        "base-missing": f"{BASE_IMAGE} is not here yet",
    }


def test_a_base_that_is_stored(tmp_path: Path, stored_base: Path) -> None:
    base = {"default": {"image": BASE_IMAGE, "python": "3.11"}}
    site = site_of(tmp_path, "layers", base=base, images={"path": str(stored_base)})
    assert [each.message for each in look(site, "bases")] == [f"{BASE_IMAGE} is stored"]


# the registry


def registry_fault(tmp_path: Path, **registry: str) -> str:
    """The message of the only fault of the registry, empty where there is none."""
    found = faults(site_of(tmp_path, registry=registry), "registry")
    assert [*found] in ([], ["registry-away"])
    return found.get("registry-away", "")


def test_a_site_without_a_registry_asks_for_none(tmp_path: Path) -> None:
    assert look(site_of(tmp_path), "registry") == []


@pytest.mark.parametrize("folder", ["", "/mlreef", "/a/b"])
def test_a_registry_that_lets_us_in(tmp_path: Path, registry: str, folder: str) -> None:
    site = site_of(tmp_path, registry={"prefix": f"{registry}{folder}"})
    (found,) = look(site, "registry")
    assert (found.state, found.about) == ("ok", registry)


def test_a_registry_that_is_away(tmp_path: Path) -> None:
    port = free_port()
    said = registry_fault(tmp_path, prefix=f"localhost:{port}/x")
    assert said.startswith(f"localhost:{port} cannot be reached: connection refused")


def test_a_registry_with_a_password_and_a_certificate(tmp_path: Path) -> None:
    certificate, login = make_certificate(tmp_path), tmp_path / "docker.json"
    with local_registry(tmp_path, closed=True, certificate=certificate) as host:
        known = {"prefix": f"{host}/x", "ca_bundle": str(certificate.path)}
        assert "is not trusted" in registry_fault(tmp_path, prefix=f"{host}/x")
        assert "HTTP 401" in registry_fault(tmp_path, **known)
        for password, expected in (("wrong", "HTTP 401"), (PASSWORD, "")):
            auth = b64encode(f"{USER}:{password}".encode()).decode()
            login.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
            said = registry_fault(tmp_path, **known, docker_config=str(login))
            assert expected in said
            assert bool(said) == bool(expected)
        login.write_text("{")
        said = registry_fault(tmp_path, **known, docker_config=str(login))
        assert said == f"{login} is not JSON"


def test_a_registry_that_answers_everybody(tmp_path: Path, registry: str) -> None:
    settings = {"prefix": f"{registry}/x", "private_images": "closed"}
    site = site_of(tmp_path, registry=settings)
    assert [each.id for each in look(site, "registry")] == ["registry-open", ""]
    with local_registry(tmp_path, closed=True) as host:
        login = tmp_path / "docker.json"
        auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        login.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        known = {**settings, "prefix": f"{host}/x", "docker_config": str(login)}
        site = site_of(tmp_path, registry=known)
        assert [each.id for each in look(site, "registry")] == [""]


@root_only
def test_credentials_that_the_account_cannot_read(tmp_path: Path) -> None:
    login = tmp_path / "docker.json"
    login.write_text("{}")
    login.chmod(0o600)
    with local_registry(tmp_path, closed=True) as host:
        settings = {"prefix": host, "docker_config": str(login)}
        site = site_of(tmp_path, registry=settings)
        site.state.mkdir()
        give_to(NOBODY, site.state)
        assert registry_fault(tmp_path, **settings) == f"{login} cannot be read: Permission denied"
        assert [*faults(site, "configuration")] == ["file-closed"]


# the package index


def test_a_package_index(tmp_path: Path) -> None:
    with package_index(password=INDEX_PASSWORD) as index:
        good = site_of(tmp_path, "layers", pip={"index_url": index.secret_url})
        assert [(each.state, each.about) for each in look(good, "packages")] == [("ok", index.url)]
        bad = site_of(tmp_path, "layers", pip={"index_url": index.url})
        said = "the package index refuses pip without a password that it knows"
        assert faults(bad, "packages") == {"packages-away": said}
    assert faults(good, "packages") == {"packages-away": "the package index cannot be reached"}
    assert look(site_of(tmp_path, "docker"), "packages") == []


def test_no_password_is_shown(tmp_path: Path) -> None:
    url = f"http://ada:s3cret@localhost:{free_port()}/simple"
    (found,) = look(site_of(tmp_path, "layers", pip={"index_url": url}), "packages")
    assert "s3cret" not in str(found)

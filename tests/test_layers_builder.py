"""Images without an engine, by real pushes: what they hold, what is reused, and where they go."""

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.docker_cli import docker
from tests.support.package_index import PackageIndex, make_sdist, make_wheel, package_index
from tests.support.publishing import (
    entry,
    jobs,
    logs,
    project,
    publish,
    push_without_hook,
    unwrapped,
)
from tests.support.site import PROJECT, GitSite

MakeSite = Callable[..., GitSite]
IMPORTING = "import tiny\n" + PROJECT["upper.py"]


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index with a few packages."""
    with package_index() as found:
        found.add(
            make_wheel(
                "tiny", "1.0", {"tiny/__init__.py": "WORD = 'tiny'\n", "tiny/data.txt": "x"}
            ),
            make_wheel("tiny", "2.0", {"tiny/__init__.py": "WORD = 'tiny two'\n"}),
            make_wheel("other", "1.0", {"other.py": ""}),
            make_sdist("source", "1.0"),
        )
        yield found


@pytest.fixture
def make_site(tmp_path: Path, stored_base: Path, index: PackageIndex) -> MakeSite:
    """Makes a site that builds without an engine, of the packages of the index."""

    def make(name: str = "site", *, use: str = "layers", **settings: Any) -> GitSite:
        tables = {"pip": {"index_url": index.url}, "images": {"path": str(stored_base)}, **settings}
        return GitSite(tmp_path / name, "unix:///nowhere", "mlreef-base:bookworm", tables, use)

    return make


def blob(images: Path, digest: str) -> bytes:
    """The content of a blob."""
    return (images / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def layers(images: Path, image: dict[str, Any]) -> list[str]:
    """The digests of an image's layers."""
    return [each["digest"] for each in json.loads(blob(images, image["digest"]))["layers"]]


def members(images: Path, digest: str) -> dict[str, tarfile.TarInfo]:
    """What is in a layer."""
    with tarfile.open(images / "blobs" / "sha256" / digest.removeprefix("sha256:")) as tar:
        return {member.name: member for member in tar}


def check_images(images: Path) -> None:
    """Every blob is what its name says, and every image that is named is there."""
    blobs = images / "blobs" / "sha256"
    for path in blobs.iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    for path in images.rglob("index.json"):
        for named in json.loads(path.read_bytes())["manifests"]:
            manifest = json.loads(blob(images, named["digest"]))
            for each in (manifest["config"], *manifest["layers"]):
                assert (blobs / each["digest"][7:]).stat().st_size == each["size"]


# what is in an image


def test_a_module_is_published_without_an_engine(make_site: MakeSite, stored_base: Path) -> None:
    site = make_site()
    said = publish(site.author("text/upper"), {**project("tiny==1.0\n"), "upper.py": IMPORTING})
    assert "success: upper 1.0.0 is published" in said
    assert "  build   dependencies installed: 1 package on base default" in said
    version = entry(site, "text/upper")
    image = version["image"]
    assert image["reference"] == "mlreef/text/upper:1.0.0"
    wheel, code = layers(stored_base, image)[-2:]
    site_packages = "usr/local/lib/python3.11/dist-packages"
    assert {
        f"{site_packages}/tiny/__init__.py",
        f"{site_packages}/tiny/__pycache__/__init__.cpython-311.pyc",
        f"{site_packages}/tiny-1.0.dist-info/RECORD",
    } <= {*members(stored_base, wheel)}
    assert {"module/upper.py", "module/requirements.txt"} <= {*members(stored_base, code)}
    config = json.loads(blob(stored_base, image["id"]))
    assert config["config"]["Entrypoint"] == ["python", "/module/upper.py"]
    assert config["rootfs"]["diff_ids"] == layers(stored_base, image)
    assert version["locked"] == ["tiny==1.0"]
    assert [wheel["file"] for wheel in version["wheels"]] == ["tiny-1.0-py3-none-any.whl"]
    layout = json.loads((stored_base / "modules/text/upper/index.json").read_bytes())
    assert image["digest"] in {each["digest"] for each in layout["manifests"]}


def test_a_change_of_code_makes_one_layer(
    make_site: MakeSite, stored_base: Path, index: PackageIndex
) -> None:
    site = make_site()
    author = site.author("text/upper")
    publish(author, {**project("tiny==1.0\n"), "upper.py": IMPORTING})
    first = entry(site, "text/upper")["image"]
    index.requests.clear()
    said = publish(author, {"README.md": "more"}, "1.0.1")
    assert "dependencies reused: 1 package" in said
    document = site.document("text/upper") or {}
    second = document["versions"][0]["image"]
    assert layers(stored_base, first)[:-1] == layers(stored_base, second)[:-1]
    assert index.requests == []  # offline


def test_an_import_that_nothing_answers_is_a_finding(make_site: MakeSite) -> None:
    site = make_site()
    files = {
        **project("tiny==1.0\n"),
        "upper.py": "import json, tiny, local\nfrom package.inner import x\n" + PROJECT["upper.py"],
        "local.py": "import sklearn.svm\ntry:\n    import absent\nexcept ImportError: pass\n",
        "package/inner.py": "def f():\n    import later\nx = 1\n",
    }
    said = unwrapped(publish(site.author("text/upper"), files))
    assert "error: local.py:1: sklearn.svm is neither in the repository nor" in said
    assert "write scikit-learn==<version> into requirements.txt [import-missing]" in said
    assert said.count("[import-missing]") == 1
    assert jobs(site) == [(1, "failed")]


# what is no wheel


@pytest.mark.parametrize(
    ("requirement", "why"),
    [
        ("source==1.0", "source==1.0 has no wheel for Python 3.11 on x86_64"),
        (
            "x @ git+https://git.example/x.git@" + "0" * 40,
            "x is required by a URL that is no wheel",
        ),
    ],
)
def test_what_has_to_be_built_is_refused_by_this_builder(
    make_site: MakeSite, requirement: str, why: str
) -> None:
    site = make_site()
    said = unwrapped(publish(site.author("text/upper"), project(f"{requirement}\n")))
    assert f"error: {why}" in said.replace("\n", " ")
    assert jobs(site) == [(1, "failed")]


@pytest.mark.parametrize(
    ("requirement", "message", "state"),
    [
        ("tiny==9", "the package index does not have tiny==9", "failed"),
        ("nowhere==1", "the package index does not have nowhere==1", "failed"),
        (f"tiny==1.0 --hash=sha256:{'0' * 64}", "tiny==1.0 has another hash", "failed"),
    ],
)
def test_requirements_that_cannot_be_met(
    make_site: MakeSite, requirement: str, message: str, state: str
) -> None:
    site = make_site()
    said = unwrapped(publish(site.author("text/upper"), project(f"{requirement}\n")))
    assert f"error: {message}" in said
    assert jobs(site) == [(1, state)]


def test_an_index_that_is_away_keeps_the_job(make_site: MakeSite, index: PackageIndex) -> None:
    index.add(make_wheel("late", "1.0", {"late.py": ""}))
    site = make_site()
    index.refusal = 503
    try:
        said = publish(site.author("text/upper"), project("late==1.0\n"))
    finally:
        index.refusal = 0
    assert "error: the package index cannot be reached" in said
    assert jobs(site) == [(1, "queued")]
    assert "success: upper 1.0.0" in site.command("retry", "1").stdout


# killed


def test_publishes_that_are_killed_leave_what_the_next_one_completes(
    make_site: MakeSite, index: PackageIndex, tmp_path: Path
) -> None:
    from tests.support.engine import store_base

    names = [f"big{number}" for number in range(6)]
    for name in names:
        text = {f"{name}/m{x}.py": f"X = {x}\n" * 200 for x in range(60)}
        index.add(make_wheel(name, "1.0", {f"{name}/__init__.py": "", **text}))
    site = make_site(images={"path": ""})
    store_base(site.state / "images")
    requirements = "".join(f"{name}==1.0\n" for name in names)
    repository, commit = push_without_hook(site, "text/upper", project(requirements))
    update = f"{'0' * 40} {commit} refs/tags/publish/1.0.0\n"
    config = str(site.config)
    command = [sys.executable, "-m", "mlreef_hooks", "--config", config, "post-receive"]
    moments = random.Random(11)
    for _ in range(12):
        process = subprocess.Popen(
            command, cwd=repository, env={"GIT_DIR": ".", "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(update.encode())
        process.stdin.close()
        time.sleep(moments.uniform(0.1, 1.2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if entry_or_none(site):
            break
    site.command("retry", "--all")
    done = subprocess.run(
        command, cwd=repository, env={"GIT_DIR": ".", "PATH": os.environ["PATH"]},
        input=update.encode(), capture_output=True, check=True,
    )  # fmt: skip
    assert b"is already published" in done.stdout
    images = site.state / "images"
    check_images(images)
    assert not [*images.rglob(".new-*"), *(site.state / "wheels").glob("*")]
    assert not [*images.rglob("*.new")]


def entry_or_none(site: GitSite) -> dict[str, Any] | None:
    """The version that is published by now."""
    document = site.document("text/upper")
    return document["versions"][0] if document else None


# where images go


@pytest.mark.engine
def test_an_engine_gets_the_image_and_starts_it_once(
    make_site: MakeSite, engine: str, base_image: str, tmp_path: Path
) -> None:
    docker_table = {"url": engine, "network": "host"}
    site = make_site(builder={"use": "layers", "docker": docker_table})
    author = site.author("text/layered")
    files = {**project("tiny==1.0\n"), "upper.py": IMPORTING.replace(".upper()", "+tiny.WORD")}
    said = publish(author, files)
    assert "upper.py starts in its image" in said, said
    assert "starts in its image" not in publish(author, {"README.md": "x"}, "1.0.1")
    assert "starts in its image" in publish(author, {"requirements.txt": "tiny==2.0\n"}, "1.1")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("so ")
    folders = ("--input", tmp_path / "in", "--output", tmp_path / "out")
    site.command("run", "text/layered", *folders)
    assert (tmp_path / "out" / "a.txt").read_text() == "so tiny two"
    image = (site.document("text/layered") or {})["versions"][0]["image"]
    assert image["id"] == docker(engine, "inspect", "--format={{.Id}}", image["reference"]).strip()


@pytest.mark.engine
def test_no_engine_is_asked_where_only_code_changed(
    make_site: MakeSite, engine: str, registry: str
) -> None:
    elsewhere = {"registry": {"prefix": f"{registry}/asked"}}
    author = make_site(builder={"use": "auto", "docker": {"url": engine}}, **elsewhere).author(
        "text/asked"
    )
    assert "starts in its image" in publish(author, PROJECT)
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        url = f"tcp://127.0.0.1:{door.getsockname()[1]}"
        make_site(builder={"use": "auto", "docker": {"url": url}}, **elsewhere)
        assert "success: asked 1.0.1" in publish(author, {"README.md": "x"}, "1.0.1")
        with pytest.raises(BlockingIOError):
            door.accept()


@pytest.mark.engine
def test_a_module_that_does_not_start_is_not_published(
    make_site: MakeSite, engine: str, base_image: str
) -> None:
    site = make_site(builder={"use": "layers", "docker": {"url": engine}})
    broken = PROJECT["upper.py"].replace("import argparse", "import argparse\nimport tiny.nothing")
    said = unwrapped(
        publish(site.author("text/upper"), {**project("tiny==1.0\n"), "upper.py": broken})
    )
    assert "upper.py does not start in its image: ModuleNotFoundError" in said
    assert site.document("text/upper") is None


@pytest.mark.engine
def test_a_registry_gets_what_it_lacks(
    make_site: MakeSite, registry: str, engine: str, tmp_path: Path
) -> None:
    site = make_site(registry={"prefix": f"{registry}/site"})
    author = site.author("text/upper")
    publish(author, {**project("tiny==1.0\n"), "upper.py": IMPORTING})
    publish(author, {"README.md": "x"}, "1.0.1")
    other = site.author("text/other")
    assert "success: " in publish(other, {**project("tiny==1.0\n"), "upper.py": IMPORTING})
    image = (site.document("text/upper") or {})["versions"][0]["image"]
    exactly = f"{registry}/site/text/upper@{image['digest']}"
    docker(engine, "pull", "--quiet", exactly)
    said = docker(
        engine, "run", "--rm", "--read-only", "--network=none", "--user=1:1", exactly, "--help"
    )
    assert "Upper case for text files" in said


@pytest.mark.engine
def test_auto_says_when_an_engine_has_to_build(
    make_site: MakeSite, engine: str, base_image: str
) -> None:
    site = make_site(builder={"use": "auto", "docker": {"url": engine, "network": "host"}})
    script = "import source\n" + PROJECT["upper.py"]
    said = publish(site.author("text/auto"), {**project("source==1.0\n"), "upper.py": script})
    assert "building source==1.0 in the engine" in said
    assert "success: " in said
    assert "Successfully built source" in logs(site)


def test_verify_makes_it_again_and_tells_what_differs(
    make_site: MakeSite, stored_base: Path, tmp_path: Path
) -> None:
    site = make_site(images={"path": ""})
    shutil.copytree(stored_base, site.state / "images", symlinks=True)
    author = site.author("text/upper")
    publish(author, {**project("tiny==1.0\nother==1.0\n"), "upper.py": IMPORTING})
    said = site.command("verify", "text/upper@1.0.0").stdout
    image = entry(site, "text/upper")["image"]
    assert f"the same: {image['digest']}" in said
    assert "the same: " in site.command("verify", "text/upper", "--repo", author.folder).stdout
    (document,) = site.index.rglob("modules/text/upper.json")
    other = author.commit({"upper.py": IMPORTING + "# changed\n"})
    document.write_text(document.read_text().replace(entry(site, "text/upper")["commit"], other))
    done = site.command("verify", "text/upper", "--repo", author.folder, expect=1)
    assert "not the same: " in done.stdout
    assert f"layer {len(layers(site.state / 'images', image))} is sha256:" in done.stdout

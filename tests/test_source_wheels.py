"""Wheels of what has none, by real pushes: what an engine builds, what is kept, what is refused."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.docker_cli import docker, leftovers
from tests.support.engine import store_base
from tests.support.killing import kill_publish
from tests.support.package_index import (
    PASSWORD,
    PackageIndex,
    make_sdist,
    make_wheel,
    package_index,
)
from tests.support.processes import wait_until
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
from tests.support.site import GitSite

pytestmark = pytest.mark.engine
MakeSite = Callable[..., GitSite]

NEEDS = 'open("setup.cfg", "w").write("[options]\\ninstall_requires =\\n    {}\\n")'
NATIVE_TAG = """\
import setuptools
setuptools.Distribution.has_ext_modules = lambda self: True
"""
NATIVE = """\
import setuptools
open("native.c", "w").write("int x;")
setuptools.setup(
    name="native", version="1.0", ext_modules=[setuptools.Extension("native", ["native.c"])]
)
raise SystemExit
"""
# What a build leaves instead of its wheel: a file by this name, which `write` writes.
LEAVES = """\
import os, sys, zipfile
def write_wheel(path, name, more):
    with zipfile.ZipFile(path, "w") as wheel:
        stem = name + "-1.0.dist-info/"
        wheel.writestr(stem + "METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        wheel.writestr(stem + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
        wheel.writestr(stem + "RECORD", "")
        for each in more:
            wheel.writestr(each, "x = 1")
if "bdist_wheel" in sys.argv:
    folder = sys.argv[sys.argv.index("-d") + 1]
    """
SECOND = """\
import os
os.makedirs("/run/mlreef/wheels", exist_ok=True)
open("/run/mlreef/wheels/numpy-9.0-py3-none-any.whl", "w").write("x")
"""
# A process that outlives the build, and changes the wheel once pip has put it into its place.
AFTERWARDS = """\
import os, sys, time
if "bdist_wheel" in sys.argv and os.fork() == 0:
    os.closerange(0, 20)
    path = "/run/mlreef/wheels/{name}-1.0-py3-none-any.whl"
    while not (os.path.exists(path) and os.path.getsize(path)):
        time.sleep(0.001)
    {do}
    os._exit(0)
"""
GIANT = AFTERWARDS.format(name="giant", do="os.truncate(path, (1 << 30) + 1)")
LINK = AFTERWARDS.format(
    name="link", do='os.unlink(path); os.symlink("/etc/passwd", path); time.sleep(9)'
)


def leaves(name: str, file: str, *more: str) -> tuple[str, bytes]:
    """A source distribution whose build leaves `file`, which holds `more`."""
    path = f'os.path.join(folder, "{file}")'
    script = f"{LEAVES}write_wheel({path}, {name!r}, {more!r})\n    raise SystemExit\n"
    return make_sdist(name, "1.0", script)


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index with packages that have no wheel."""
    with package_index() as found:
        found.add(
            make_wheel("tiny", "1.0", {"tiny.py": ""}),
            make_wheel("front", "1.0", {"front.py": ""}, requires=["source>=1.0"]),
            make_sdist("source", "0.9"),
            make_sdist("source", "1.0"),
            make_sdist("source", "1.1"),
            make_sdist("source", "2.0rc1"),
            make_sdist("chain", "1.0", NEEDS.format("source<1.1")),
            make_sdist("tagged", "1.0", NATIVE_TAG),
            make_sdist("native", "1.0", NATIVE),
            make_sdist("hangs", "1.0", "import time\ntime.sleep(1000)"),
            make_sdist("fills", "1.0", "x = []\nwhile True:\n    x.append(bytearray(1 << 20))"),
            make_sdist("second", "1.0", SECOND),
            make_sdist("giant", "1.0", GIANT),
            make_sdist("link", "1.0", LINK),
            leaves("paths", "paths-1.0-py3-none-any.whl", "../../etc/cron.d/evil"),
            leaves("absolute", "absolute-1.0-py3-none-any.whl", "/etc/cron.d/evil"),
            leaves("foreign", "foreign-1.0-cp312-cp312-win_amd64.whl"),
            leaves("renamed", "numpy-1.0-py3-none-any.whl"),
        )
        yield found


@pytest.fixture
def make_site(tmp_path: Path, engine: str, stored_base: Path, index: PackageIndex) -> MakeSite:
    """Makes a site that builds without an engine what it can, of the packages of the index."""

    def make(name: str = "site", bounds: dict[str, Any] | None = None, **tables: Any) -> GitSite:
        bounds = {"url": engine, "network": "host", **(bounds or {})}
        builder = {"use": "auto", "docker": bounds, "layers": {"start": "never"}}
        settings = {
            "pip": {"index_url": index.url},
            "images": {"path": str(stored_base)},
            "builder": builder,
            **tables,
        }
        return GitSite(tmp_path / name, engine, "mlreef-base:bookworm", settings, "auto")

    return make


def layers(images: Path, version: dict[str, Any]) -> list[str]:
    """The digests of the layers of an image."""
    blobs = images / "blobs" / "sha256"
    manifest = json.loads((blobs / version["image"]["digest"].removeprefix("sha256:")).read_bytes())
    return [layer["digest"] for layer in manifest["layers"]]


def built(site: GitSite) -> list[str]:
    """The wheels that a site keeps, and whatever else is there of builds."""
    kept = [path for path in (site.state / "built").rglob("*") if path.is_file()]
    return sorted(path.name for path in kept if path.suffix != ".json")


def containers_since(engine: str, moment: float) -> str:
    """The containers that were made in an engine since then."""
    until = f"{time.time() + 1:.3f}"
    words = ("--filter", "type=container", "--filter", "event=create")
    return docker(engine, "events", f"--since={moment:.3f}", f"--until={until}", *words)


# what is built


def test_of_pypi_only_what_has_no_wheel_is_built(
    make_site: MakeSite, engine: str, stored_base: Path
) -> None:
    site = make_site(pip={})
    before = leftovers(engine)
    said = publish(site.author("text/mixed"), project("docopt==0.6.2\nsix==1.16.0\n"))
    assert "docopt==0.6.2 has no wheel for Python 3.11" in said
    assert "  build   building docopt==0.6.2 in the engine" in said
    assert "success: mixed 1.0.0 is published" in said
    mixed = entry(site, "text/mixed")
    assert mixed["locked"] == ["docopt==0.6.2", "six==1.16.0"]
    assert [wheel["file"] for wheel in mixed["wheels"]] == [
        "docopt-0.6.2-py2.py3-none-any.whl",
        "six-1.16.0-py2.py3-none-any.whl",
    ]
    assert built(site) == ["docopt-0.6.2-py2.py3-none-any.whl"]
    assert leftovers(engine) <= before

    publish(site.author("text/wheels"), project("six==1.16.0\n"))
    docopt, six, _ = layers(stored_base, mixed)[-3:]
    assert six == layers(stored_base, entry(site, "text/wheels"))[-2]

    moment = time.time()
    said = publish(site.author("text/again"), project("docopt==0.6.2\nidna==3.7\n"))
    assert "docopt==0.6.2 was built in the engine before" in said
    assert containers_since(engine, moment) == ""
    assert layers(stored_base, entry(site, "text/again"))[-3] == docopt


def test_a_wheel_that_is_kept_gives_the_same_image(make_site: MakeSite) -> None:
    bounds: dict[str, Any] = {}
    digests, locks = [], []
    files = project("source==1.0\ntiny==1.0\n")
    for name in ("one", "two"):
        site = make_site(name, bounds, images={"path": ""})
        store_base(site.state / "images")
        if name == "two":
            shutil.copytree(make_site("one").state / "built", site.state / "built")
        repository, commit = push_without_hook(site, "text/upper", files)
        assert "success: " in start_hook(site, repository, commit).communicate()[0]
        digests.append(entry(site, "text/upper")["image"]["digest"])
        locks.append([path.read_bytes() for path in (site.state / "locked").iterdir()])
        assert f"the same: {digests[0]}" in site.command("verify", "text/upper").stdout
        bounds = {"url": "unix:///nowhere/docker.sock"}  # from now on there is no engine
    assert digests[0] == digests[1]
    assert locks[0] == locks[1]


@pytest.mark.parametrize(
    ("requirements", "locked"),
    [
        ("front==1.0", ["front==1.0", "source==1.1"]),
        ("chain==1.0", ["chain==1.0", "source==1.0"]),
        ("tagged==1.0", ["tagged==1.0"]),
        ("source @ {source}", ["source==1.0"]),
        ("{source}", ["source==1.0"]),
        ("front==1.0\nsource @ {source}", ["front==1.0", "source==1.0"]),
        ("source==1.0 --hash=sha256:{hash}", ["source==1.0"]),
        ("front==1.0\n-c older.txt", ["front==1.0", "source==1.0"]),
    ],
)
def test_what_has_no_wheel_is_built(
    make_site: MakeSite, index: PackageIndex, requirements: str, locked: list[str]
) -> None:
    site = make_site()
    name = "source-1.0.tar.gz"
    text = requirements.format(source=index.file_url(name), hash=index.sha256(name))
    files = {**project(f"{text}\n"), "older.txt": "source<1.1\n"}
    said = publish(site.author("text/upper"), files)
    assert "success: " in said, said
    assert entry(site, "text/upper")["locked"] == locked


def test_a_wheel_that_is_gone_is_built_again(make_site: MakeSite) -> None:
    site = make_site()
    publish(site.author("text/upper"), project("source==1.0\n"))
    shutil.rmtree(site.state / "built")
    done = site.command("verify", "text/upper", expect=1)
    assert "the wheel that was built is not kept any more" in done.stdout + done.stderr
    said = publish(site.author("text/other"), project("source==1.0\n"))
    assert "building source==1.0 in the engine" in said
    assert "success: " in said


def test_what_another_index_built_is_not_shared(make_site: MakeSite, index: PackageIndex) -> None:
    with package_index() as theirs:
        theirs.add(("source-1.0.tar.gz", index.files["source-1.0.tar.gz"]))
        site = make_site(pip={"index_url": index.url, "allow_index_options": True})
        own = f"--index-url {theirs.url}\nsource==1.0\n"
        assert "success: " in publish(site.author("text/theirs"), project(own))
        said = publish(site.author("text/upper"), project("source==1.0\n"))
    assert "building source==1.0 in the engine" in said
    assert "success: " in said
    assert built(site) == ["source-1.0-py3-none-any.whl"]  # here, both are the same bytes


# what is refused


@pytest.mark.parametrize(
    ("package", "bounds", "message"),
    [
        ("hangs", {"build_seconds": 4}, "hangs==1.0 was not built within 4 s"),
        ("fills", {"memory": "256m"}, "building fills==1.0 took more than 256m of memory"),
        ("native", {}, "native==1.0 cannot be built: error: command"),
        ("second", {}, "wheel built of second==1.0 is refused: it left something else than"),
        ("link", {}, "wheel built of link==1.0 is refused: it left something else than one"),
        ("giant", {}, "the wheel built of giant==1.0 is refused: it is larger than 1024 MiB"),
        ("paths", {}, "paths-1.0-py3-none-any.whl cannot be installed: '../../etc/cron.d/evil'"),
        ("absolute", {}, "absolute-1.0-py3-none-any.whl cannot be installed: '/etc/cron.d/evil'"),
        ("foreign", {}, "foreign-1.0-cp312-cp312-win_amd64.whl does not fit Python 3.11"),
        ("renamed", {}, "renamed==1.0 cannot be built: "),
    ],
)
def test_a_hostile_source_is_bounded_and_leaves_nothing(
    make_site: MakeSite, engine: str, package: str, bounds: dict[str, Any], message: str
) -> None:
    site = make_site(bounds=bounds)
    before = leftovers(engine)
    said = unwrapped(publish(site.author("text/upper"), project(f"{package}==1.0\ntiny==1.0\n")))
    assert message in said
    assert jobs(site) == [(1, "failed")]
    assert [*(site.state / "built").iterdir()] == []
    assert leftovers(engine) <= before


def test_what_a_killed_build_left_is_removed_by_the_next(
    make_site: MakeSite, engine: str, index: PackageIndex
) -> None:
    site = make_site(bounds={"build_seconds": 20})
    before = leftovers(engine)
    index.add(make_sdist("later", "1.0", "import time\ntime.sleep(1000)"))
    repository, commit = push_without_hook(site, "text/upper", project("later==1.0\n"))
    process = start_hook(site, repository, commit)
    wait_until(lambda: "Collecting later" in logs(site))
    kill_publish(site, process)
    assert len([*(site.state / "built").iterdir()]) == 1
    index.add(make_sdist("later", "1.0"))
    said = start_hook(site, repository, commit).communicate()[0]
    assert "success: upper 1.0.0 is published" in said
    assert built(site) == ["later-1.0-py3-none-any.whl"]
    assert [*(site.state / "built").glob("*.part")] == []
    assert leftovers(engine) <= before


def test_with_a_password_nothing_is_built(make_site: MakeSite, engine: str) -> None:
    with package_index(PASSWORD) as closed:
        closed.add(make_sdist("source", "1.0"))
        site = make_site(pip={"index_url": closed.secret_url})
        moment = time.time()
        said = unwrapped(publish(site.author("text/upper"), project("source==1.0\n")))
    assert "source==1.0 has no wheel" in said
    assert "where the package index needs a password, only wheels are installed" in said
    assert jobs(site) == [(1, "failed")]
    assert containers_since(engine, moment) == ""


def test_an_engine_that_is_away_keeps_the_job(make_site: MakeSite, engine: str) -> None:
    site = make_site(bounds={"url": "unix:///nowhere/docker.sock"})
    said = publish(site.author("text/upper"), project("source==1.0\n"))
    assert "error: the container engine at unix:///nowhere" in said
    assert jobs(site) == [(1, "queued")]
    config = site.config.read_text()
    site.config.write_text(config.replace("unix:///nowhere/docker.sock", engine))
    assert "success: upper 1.0.0" in site.command("retry", "1").stdout


def test_a_package_for_other_machines_alone_is_named(
    make_site: MakeSite, index: PackageIndex
) -> None:
    index.add(make_wheel("windows", "1.0", {}, tag="cp311-cp311-win_amd64"))
    said = unwrapped(publish(make_site().author("text/upper"), project("windows==1.0\n")))
    assert "error: windows==1.0 has neither a wheel for Python 3.11 on x86_64" in said

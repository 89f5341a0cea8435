"""Packages with native code, published by a push without an engine, at work in their images.

Each folder of `tests/projects/scientific` is named after the package that it works with.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.docker_cli import docker
from tests.support.engine import BASE_IMAGE, import_base, store_base
from tests.support.package_index import package_index
from tests.support.publishing import entry, publish, unwrapped
from tests.support.site import GitSite

pytestmark = [pytest.mark.long, pytest.mark.engine]
ROOT = Path(__file__).resolve().parent.parent
PROJECTS = ROOT / "tests" / "projects" / "scientific"
OPENMP_BASE = "mlreef-base:openmp"  # Debian's runtime of OpenMP, which few wheels lack
AS_A_STRANGER = ("--rm", "--read-only", "--network=none", "--user=1234:1234")

# the least and the largest that a result may be
RESULTS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "numpy": {
        "rows": (150, 150),
        "first component": (0.924618, 0.924619),
        "error of the transform": (0, 1e-12),
    },
    "scipy": {
        "slope": (0.41575, 0.41576),
        "slope by descent": (0.41575, 0.41576),
        "correlation": (0.96286, 0.96287),
        "F of sepal lengths": (119.264, 119.265),
        "area of the density": (0.999999, 1.000001),
        "error of the root": (0, 1e-12),
    },
    "pandas": {
        "rows": (178, 178),
        "alcohol of class 0": (13.74474, 13.74475),
        "alcohol of class 1": (12.27873, 12.27874),
        "correlation": (0.64372, 0.64373),
        "hours of March from UTC": (2, 2),
    },
    "scikit-learn": {
        "digits": (1797, 1797),
        "accuracy on digits": (0.965, 0.972),
        "accuracy on wines": (0.92, 1),
    },
    "scikit-image": {
        "height": (303, 303),
        "threshold": (107, 107),
        "coins": (20, 24),
        "edges": (0.06, 0.075),
        "white points": (0.3, 0.33),
    },
    "opencv-python-headless": {
        "height": (427, 427),
        "width": (640, 640),
        "mean": (144, 145.5),
        "edges": (0.15, 0.165),
        "keypoints": (250, 300),
        "difference after PNG": (0, 0),
    },
    "pillow": {
        "width": (640, 640),
        "mean": (144, 145.5),
        "change by webp": (1, 4),
        "change by tiff": (0, 0),
        "change by jpeg": (1, 4),
        "height of words": (18, 24),
    },
    "matplotlib": {
        "height": (300, 300),
        "width": (400, 400),
        "not white": (0.08, 0.13),
        "colours": (500, 2000),
        "pdf": (1, 1),
    },
    "torch": {
        "first loss": (0.9, 1.6),
        "last loss": (0, 0.1),
        "accuracy": (0.93, 1),
        "gpu": (0, 0),
    },
    "lightgbm": {"held out": (60, 60), "trees": (150, 150), "accuracy": (0.9, 1)},
    "xgboost-cpu": {"held out": (60, 60), "rounds": (30, 30), "accuracy": (0.9, 1)},
    "pyarrow": {
        "rows": (178, 178),
        "same": (1, 1),
        "alcohol of class 0": (13.74474, 13.74475),
        "largest": (14.83, 14.83),
    },
}


class Publications:
    """A site that builds without an engine, and what was published there, each project once."""

    def __init__(self, site: GitSite) -> None:
        self.site = site
        self.version = cache(self._publish)

    def _publish(self, package: str) -> dict[str, Any]:
        """The version of the module that works with a package."""
        began = time.monotonic()
        said = publish(self.site.author(f"science/{package}"), project(package))
        assert f"success: {package} 1.0.0 is published" in said, said
        assert "work.py starts in its image" in said
        version = entry(self.site, f"science/{package}")
        size = version["image"]["size"] / 1e6
        print(f"{package}: published in {time.monotonic() - began:.1f} s, {size:.0f} MB")
        return version

    def layers(self, package: str) -> list[str]:
        """The digests of the layers of that module's image."""
        blobs = self.site.state / "images" / "blobs" / "sha256"
        digest = self.version(package)["image"]["digest"]
        manifest = json.loads((blobs / digest.removeprefix("sha256:")).read_bytes())
        return [layer["digest"] for layer in manifest["layers"]]


def project(package: str) -> dict[str, str]:
    """The files of the code project that works with a package."""
    return {path.name: path.read_text() for path in (PROJECTS / package).iterdir()}


@pytest.fixture(scope="module")
def torch_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an index that has PyTorch for processors; PyPI's needs gigabytes for GPUs."""
    folder = tmp_path_factory.mktemp("torch")
    options = ["--no-deps", "--only-binary=:all:", "--python-version=3.11", f"--dest={folder}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "torch==2.13.0+cpu"]
    subprocess.run(command, check=True)
    (wheel,) = folder.iterdir()
    with package_index() as index:
        index.add((wheel.name, wheel.read_bytes()))
        yield index.url


@pytest.fixture(scope="module")
def publications(
    tmp_path_factory: pytest.TempPathFactory, engine: str, torch_index: str
) -> Publications:
    """A site with PyPI and PyTorch's index, and a second base."""
    base = {"openmp": {"image": OPENMP_BASE, "python": "3.11"}}
    tables = {"base": base, "pip": {"extra_index_urls": [torch_index]}}
    folder = tmp_path_factory.mktemp("science")
    site = GitSite(folder, engine, BASE_IMAGE, tables, builder="layers")
    store_base(site.state / "images")
    site.command("base", "--image", OPENMP_BASE, "--package", "libgomp1")
    return Publications(site)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photographs and tables, for everybody to read."""
    folder = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, ROOT / "examples" / "fetch-data", folder], check=True)
    folder.chmod(0o755)
    return folder


def work(engine: str, image: str, data: Path, output: Path) -> dict[str, float]:
    """What a module writes that is run as a stranger."""
    output.mkdir()
    os.chown(output, 1234, 1234)
    binds = (f"--volume={data}:/in:ro", f"--volume={output}:/out")
    words = ("--input-path=/in", "--output-path=/out")
    docker(engine, "run", *AS_A_STRANGER, *binds, image, *words)
    results = json.loads((output / "results.json").read_text())
    assert isinstance(results, dict)
    return results


def outliers(package: str, results: Mapping[str, float]) -> dict[str, float]:
    """The results that are not what they may be."""
    bounds = RESULTS[package]
    assert results.keys() == bounds.keys()
    return {
        name: value
        for name, value in results.items()
        if not bounds[name][0] <= value <= bounds[name][1]
    }


@pytest.mark.parametrize("package", RESULTS)
def test_a_package_does_its_work_in_its_image(
    publications: Publications, engine: str, data: Path, tmp_path: Path, package: str
) -> None:
    image = publications.version(package)["image"]["reference"]
    results = work(engine, image, data, tmp_path / "out")
    print(package, results)
    assert outliers(package, results) == {}


def test_wheels_that_are_the_same_are_the_same_layers(publications: Publications) -> None:
    on_default = [package for package in RESULTS if package != "lightgbm"]
    wheels = {
        package: {wheel["sha256"] for wheel in publications.version(package)["wheels"]}
        for package in on_default
    }
    layers = {package: publications.layers(package) for package in on_default}
    common = set.intersection(*map(set, layers.values()))
    assert len(common) == 1  # the base
    own = {package: {*found[1:-1]} for package, found in layers.items()}  # the last is the code
    assert {package: len(found) for package, found in own.items()} == {
        package: len(found) for package, found in wheels.items()
    }
    assert len(set.union(*own.values())) == len(set.union(*wheels.values()))


def test_a_library_that_the_base_lacks_is_named(publications: Publications) -> None:
    files = project("lightgbm")
    del files["mlreef.toml"]
    said = unwrapped(publish(publications.site.author("science/lightgbm-alone"), files))
    assert "work.py does not start in its image: OSError: libgomp.so.1: cannot open" in said
    assert "hint: libgomp.so.1 is a library of the system that the base lacks" in said
    assert publications.site.document("science/lightgbm-alone") is None


# beside the images that pip makes

# What is installed, and the exit statuses and complaints of two programs. Bytecode is compiled, and
# scripts for entry points are written, by whoever installs; so are the other names left out.
_INSPECT = """
import hashlib, json, subprocess, sys
from pathlib import Path
site, scripts = Path("/usr/local/lib/python3.11/dist-packages"), Path("/usr/local/bin")
by_installers = {"RECORD", "INSTALLER", "REQUESTED"}
def run(*words):
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    return [done.returncode, sorted((done.stdout + done.stderr).splitlines())]
def content(path):
    return [path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest()]
files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
print(json.dumps({
    "files": {str(path): content(path) for path in files if path.name not in by_installers},
    "scripts": sorted([path.name, path.stat().st_mode] for path in scripts.iterdir()),
    "check": run("pip", "check"),
    "compile": run("compileall", "-q", "-f", str(site)),
}))
"""


@pytest.mark.parametrize("package", ["pandas", "scikit-image", "pyarrow"])
def test_an_image_is_that_which_pip_would_have_made(
    publications: Publications, engine: str, data: Path, tmp_path: Path, package: str
) -> None:
    import_base(engine)
    site = GitSite(tmp_path / "site", engine, BASE_IMAGE, {"registry": {"prefix": "by-pip"}})
    said = publish(site.author(f"science/{package}"), project(package))
    assert "success: " in said, said
    by_pip = entry(site, f"science/{package}")["image"]["reference"]
    by_layers = publications.version(package)["image"]["reference"]
    assert outliers(package, work(engine, by_pip, data, tmp_path / "out")) == {}
    ours, theirs = inspect(engine, by_layers), inspect(engine, by_pip)
    assert ours["check"] == [0, ["No broken requirements found."]]
    for fact in ("check", "compile", "scripts", "files"):
        assert ours[fact] == theirs[fact]
    assert len(ours["files"]) > 500


def inspect(engine: str, image: str) -> dict[str, Any]:
    """What `_INSPECT` says in a container of the image that may be written."""
    options = ("--rm", "--network=none", "--user=0", "--entrypoint=python")
    found = json.loads(docker(engine, "run", *options, image, "-c", _INSPECT))
    assert isinstance(found, dict)
    return found

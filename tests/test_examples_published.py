"""The example projects, as an author would push them and a pipeline user would run them."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mlreef_hooks.problems import RULES
from tests.support.git import Author, remote_lines
from tests.support.processes import end_processes_of
from tests.support.site import GitSite

pytestmark = pytest.mark.engine
ROOT = Path(__file__).resolve().parent.parent
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photographs and tables, from a package."""
    folder = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, ROOT / "examples" / "fetch-data", folder], check=True)
    return folder


@pytest.fixture(scope="module", params=["layers"])
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    engine: str,
    base_image: str,
    stored_base: Path,
) -> Iterator[GitSite]:
    """A site that builds without an engine, or with one: by pip, as `add-noise` alone shows here.

    What one project downloads the next ones find there.
    """  # fmt: skip
    folder = tmp_path_factory.mktemp("examples")
    settings = {"images": {"path": str(stored_base)}, "registry": {"prefix": request.param}}
    yield GitSite(folder / "site", engine, base_image, settings, builder=request.param)
    end_processes_of(folder)


def publish(site: GitSite, project: Path) -> list[str]:
    """What the server says when the project is pushed with a publish tag."""
    remote = site.repository(f"examples/{project.name}")
    clone = site.folder / "clones" / project.name
    shutil.copytree(project, clone)
    author = Author(clone, remote)
    author.commit({})
    author.tag("publish/1.0.0", "First release")
    lines = remote_lines(author.push("master", "publish/1.0.0"))
    assert any(line.startswith(f"success: {project.name} 1.0.0") for line in lines), lines
    return lines


def run(site: GitSite, module: str, data: Path, *words: str | Path) -> dict[str, bytes]:
    """The files that a run of the module wrote, by name."""
    output = site.folder / "output" / module
    site.command("run", f"examples/{module}", "--input", data, "--output", output, *words)
    return {path.name: path.read_bytes() for path in sorted(output.iterdir())}


def findings(lines: Sequence[str]) -> list[str]:
    """The rules of the findings that the pusher saw."""
    words = re.findall(r"\[([a-z-]+)\]", " ".join(lines))
    return sorted(word for word in words if word in RULES)


@pytest.mark.parametrize("site", ["docker", "layers"], indirect=True)
def test_add_noise(site: GitSite, data: Path) -> None:
    assert findings(publish(site, ROOT / "examples" / "add-noise")) == []
    written = run(site, "add-noise", data / "photos", "-p", "amount=0.2", "-p", "seed=7")
    assert sorted(written) == ["china.jpg", "flower.jpg"]
    assert all(content.startswith(JPEG) for content in written.values())
    assert written["china.jpg"] != (data / "photos" / "china.jpg").read_bytes()
    document = site.document("examples/add-noise")
    assert document is not None
    assert (document["kind"], document["versions"][0]["inputs"]) == ("data-operation", ["IMAGE"])


def test_wine_classifier(site: GitSite, data: Path, tmp_path: Path) -> None:
    assert findings(publish(site, ROOT / "examples" / "wine-classifier")) == []
    written = run(site, "wine-classifier", data / "wine", "--runs", tmp_path)
    assert sorted(written) == ["metrics.json", "model.joblib"]
    accuracy = json.loads(written["metrics.json"])["accuracy"]
    assert accuracy > 0.9
    run(site, "wine-classifier", data / "wine", "--runs", tmp_path, "-p", "trees=2")
    runs = ("runs", "--runs", tmp_path, "--metric", "accuracy")
    few, many = sorted(
        json.loads(site.command(*runs, "--format", "json").stdout),
        key=lambda record: record["parameters"]["trees"],
    )
    assert many["metrics"]["accuracy"] == accuracy != few["metrics"]["accuracy"]
    assert [each["path"] for each in many["output"]["entries"]] == sorted(written)
    assert many["input"] == few["input"]
    head, *rows = site.command(*runs, "--compare").stdout.splitlines()
    assert head.split() == ["run", "module", "state", "trees", "samples", "accuracy", "macro_f1"]
    assert [row.split()[3] for row in rows] == ["200", "2"]
    site.command(*runs, "--plot", tmp_path / "a.svg", "--over", "trees")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")


def test_iris_plots(site: GitSite, data: Path) -> None:
    assert findings(publish(site, ROOT / "examples" / "iris-plots")) == []
    written = run(site, "iris-plots", data / "iris")
    assert len(written) >= 2
    assert all(content.startswith(PNG) for content in written.values())
    document = site.document("examples/iris-plots")
    assert document is not None
    assert document["versions"][0]["environment"]["MPLBACKEND"] == "Agg"


def test_a_script_by_one_who_read_only_the_readme(site: GitSite, data: Path) -> None:
    lines = publish(site, ROOT / "tests" / "projects" / "photo-edges")
    assert findings(lines) == ["data-types-assumed", "data-types-assumed", "kind-assumed"]
    written = run(site, "photo-edges", data / "photos", "-p", "invert=true")
    assert sorted(path.rpartition(".")[0] for path in written) == ["china", "flower"]

"""One pipeline of three modules on real photographs: by us, by cwltool, by Toil on a Slurm cluster;
the registry of tools that is served for cwltool; and what GitLab would run.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.git import Author, remote_lines
from tests.support.processes import PATH, accepts, daemon, find_program, free_port
from tests.support.site import GitSite
from tests.support.slurm import NODES, slurm_cluster

pytestmark = pytest.mark.engine
ROOT = Path(__file__).resolve().parent.parent
RUNNERS = ROOT / ".cache" / "cwl-runners" / "bin"  # tests/cwl-runners brings them
PIPELINE = ROOT / "examples" / "pipeline.toml"
PROJECTS = (
    ROOT / "examples" / "add-noise",
    ROOT / "tests" / "projects" / "photo-edges",
    ROOT / "examples" / "side-by-side",
)
SECONDS = 300
Hashes = Mapping[str, str]


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    engine: str,
    base_image: str,
    stored_base: Path,
    registry: str,
) -> GitSite:
    """A site with the three modules, whose images are in a registry."""
    folder = tmp_path_factory.mktemp("pipelines")
    settings = {
        "images": {"path": str(stored_base)},
        "registry": {"prefix": f"{registry}/pipelines"},
    }
    site = GitSite(folder / "site", engine, base_image, settings, builder="layers")
    for project in PROJECTS:
        remote = site.repository(f"examples/{project.name}")
        clone = folder / "clones" / project.name
        shutil.copytree(project, clone)
        author = Author(clone, remote)
        author.commit({})
        author.tag("publish/1.0.0", "First release")
        lines = remote_lines(author.push("master", "publish/1.0.0"))
        assert any(line.startswith("success: ") for line in lines), lines
    return site


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two real photographs."""
    folder = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, ROOT / "examples" / "fetch-data", folder], check=True)
    return folder / "photos"


@pytest.fixture(scope="module")
def ours(
    site: GitSite, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Hashes]:
    """The files of each output when we run the pipeline."""
    output = tmp_path_factory.mktemp("ours") / "out"
    run_pipeline(site, photos, output)
    return {name: hashes(output / name) for name in ("sheets", "edges")}


@pytest.fixture(scope="module")
def workflow(site: GitSite, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The CWL file of the pipeline, and a job of it."""
    folder = tmp_path_factory.mktemp("cwl")
    file, job = folder / "pipeline.cwl", folder / "job.json"
    site.command("export", "--pipeline", PIPELINE, "--to", "cwl", "--output", file)
    job.write_text(json.dumps({"photos": {"class": "Directory", "path": str(photos)}}))
    return [str(file), str(job)]


def run_pipeline(site: GitSite, photos: Path, output: Path, file: Path = PIPELINE) -> list[str]:
    """What `run --pipeline` says of its steps."""
    done = site.command(
        "run", "--pipeline", file, "--input", f"photos={photos}", "--output", output,
        "--cache", site.folder / "steps", "--quiet",
    )  # fmt: skip
    return [line for line in done.stderr.splitlines() if line.startswith("step ")]


def hashes(folder: Path) -> Hashes:
    """The hash of each file of a folder, by its name."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def runner(
    engine: str, *words: str | Path, more: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """What a runner of CWL did, which must have gone well."""
    environment = {
        "PATH": f"{RUNNERS}:{PATH}", "DOCKER_HOST": engine, "LC_ALL": "C.UTF-8",
        "HOME": os.environ.get("HOME", "/"), **(more or {}),
    }  # fmt: skip
    command = [str(RUNNERS / str(words[0])), *map(str, words[1:])]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done


def outputs_of(done: "subprocess.CompletedProcess[str]") -> Mapping[str, Hashes]:
    """The files of each output that a runner names."""
    return {name: hashes(Path(each["path"])) for name, each in json.loads(done.stdout).items()}


# the three


def test_three_modules_are_chained_on_photographs(ours: Mapping[str, Hashes]) -> None:
    assert {name: sorted(files) for name, files in ours.items()} == {
        "sheets": ["china.png", "flower.png"],
        "edges": ["china.png", "flower.png"],
    }


def test_cwltool_makes_the_same(
    engine: str, workflow: list[str], ours: Mapping[str, Hashes], tmp_path: Path
) -> None:
    runner(engine, "cwltool", "--validate", workflow[0])
    assert outputs_of(runner(engine, "cwltool", "--outdir", tmp_path / "out", *workflow)) == ours


def test_toil_on_a_slurm_cluster_makes_the_same(
    engine: str,
    workflow: list[str],
    ours: Mapping[str, Hashes],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("toil")
    (folder / "cluster").mkdir()
    (folder / "work").mkdir()
    with slurm_cluster(folder / "cluster") as cluster:
        done = runner(
            engine, "toil-cwl-runner", "--batchSystem", "slurm", "--no-prepull",
            "--statePollingWait", "1", "--jobStore", folder / "jobs", "--workDir", folder / "work",
            "--outdir", folder / "out", *workflow, more=cluster,
        )  # fmt: skip
        logs = [(folder / "cluster" / f"{node}.log").read_text() for node in NODES]
    assert outputs_of(done) == ours
    assert any("Launching batch job" in log or "task_p_slurmd_batch_request" in log for log in logs)

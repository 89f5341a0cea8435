"""One pipeline of three modules on real photographs: by us, by cwltool, by Toil on a Slurm cluster;
the registry of tools that is served for cwltool; and what GitLab would run.
"""

import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import toml

from mlreef_hooks.exports.yaml_text import write_yaml
from tests.support.git import Author, remote_lines
from tests.support.pages import TEXTS, blocks
from tests.support.processes import PATH, accepts, daemon, find_program, free_port
from tests.support.publishing import publish
from tests.support.site import GitSite
from tests.support.slurm import NODES, nodes_of_jobs, slurm_cluster

pytestmark = pytest.mark.engine
ROOT = Path(__file__).resolve().parent.parent
RUNNERS = ROOT / ".cache" / "cwl-runners" / "bin"  # tests/cwl-runners brings them
PIPELINE = ROOT / "examples" / "pipeline.toml"
PROJECTS = (
    ROOT / "examples" / "add-noise",
    ROOT / "tests" / "projects" / "photo-edges",
    ROOT / "examples" / "side-by-side",
)
SAY = """\
import argparse, json
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="$(inputs) ${return 1} %s {{ x }} $[[ y ]]")
    parser.add_argument("--input-path", required=True, help="$(exit) 100%%")
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--text", default="$(default)", help="${ x }")
    parser.add_argument("--number", type=int)
    parser.add_argument("--share", type=float)
    parser.add_argument("-d", "--deep", type=int, nargs=2)
    parser.add_argument("--word", action="append")
    parser.add_argument("--mode", choices=["a", "b/c", "$(d)"])
    parser.add_argument("--loud", action="store_true")
    parser.add_argument("--cold", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("names", nargs="*")
    args = vars(parser.parse_args())
    if args["number"] == 113:
        raise SystemExit(3)
    target = Path(args.pop("output_path"), "seen.json")
    del args["input_path"]
    target.write_text(json.dumps(args, default=str))
"""
WILD = """$(inputs.data) ${return 1} \\$(x) `id` $HOME "q" 'p' $[[ x ]] {{ y }} %s ; \u2603\n# e"""
GIVEN: Mapping[str, Any] = {
    "text": WILD,
    "number": -3,
    "share": 0.000001,
    "deep": [4, 5],
    "word": ["--not-an-option", WILD, ""],
    "mode": "$(d)",
    "loud": True,
    "cold": False,
    "names": ["-x", "$include", WILD],
}
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
    assert outputs_of(done) == ours
    jobs = nodes_of_jobs(folder / "cluster").items()
    nodes = {name.partition(".step.")[2].partition(".")[0]: node for name, node in jobs}
    assert sorted(nodes) == ["compare", "edges", "noise"]
    # the memory that photo-edges asks for is free on the second node only
    assert (nodes["noise"], nodes["edges"]) == NODES


# what is run again


def test_a_step_runs_again_where_something_changed(
    site: GitSite, photos: Path, ours: Mapping[str, Hashes], tmp_path: Path
) -> None:
    output, file = tmp_path / "out", tmp_path / "pipeline.toml"
    again = run_pipeline(site, photos, output)
    assert [line.partition(") ")[2][:7] for line in again] == ["not run"] * 3
    assert hashes(output / "sheets") == ours["sheets"]
    record = json.loads((output / "pipeline.json").read_bytes())
    digests = [site.document(f"examples/{each.name}") for each in PROJECTS]
    assert [step["digest"] for step in record["steps"]] == [
        each and each["versions"][0]["image"]["digest"] for each in digests
    ]
    assert all(step["reused"] and step["output"]["files"] == 2 for step in record["steps"])
    file.write_text(PIPELINE.read_text().replace("invert = true", "invert = false"))
    changed = run_pipeline(site, photos, output, file)
    assert [line.partition(") ")[2][:7] for line in changed] == ["not run", "runs", "runs"]
    assert hashes(output / "edges") != ours["edges"]


# every kind of parameter, with everything that a program could take for its own


@pytest.fixture(scope="module")
def hostile(site: GitSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of a module that writes down what it was given."""
    said = publish(site.author("demo/say"), {"say.py": SAY, "requirements.txt": ""})
    assert "success: " in said
    file = tmp_path_factory.mktemp("hostile") / "pipeline.toml"
    file.write_text(toml.dumps({
        "inputs": {"data": "ANY"},
        "step": [{"name": "say", "module": "demo/say@1.0.0", "input": "data", "parameters": GIVEN}],
    }))  # fmt: skip
    return file


def test_values_are_words_to_every_runner(
    site: GitSite, engine: str, hostile: Path, photos: Path, tmp_path: Path
) -> None:
    run = ("run", "--pipeline", hostile, "--input", photos, "--output", tmp_path / "ours")
    site.command(*run, "--cache", tmp_path / "steps")
    seen = json.loads((tmp_path / "ours" / "say" / "seen.json").read_bytes())
    assert {name: seen[name] for name in GIVEN} == GIVEN
    assert cwltool_seen(site, engine, hostile, photos, tmp_path) == seen
    assert gitlab_seen(site, hostile, photos, tmp_path / "gitlab") == seen


def test_a_step_that_fails_ends_the_pipeline(
    site: GitSite, hostile: Path, photos: Path, tmp_path: Path
) -> None:
    file, output = tmp_path / "pipeline.toml", tmp_path / "out"
    step = {"module": "demo/say@1.0.0", "parameters": {"number": 113}}
    steps = [{**step, "name": "one", "input": "data"}, {**step, "name": "two", "input": "one"}]
    file.write_text(toml.dumps({"inputs": {"data": "ANY"}, "step": steps}))
    run = ("run", "--pipeline", file, "--input", photos, "--output", output)
    for _ in range(2):  # what failed is not kept
        done = site.command(*run, "--cache", tmp_path / "steps", expect=3)
        assert "error: the step one ended with status 3" in done.stderr
    record = json.loads((output / "pipeline.json").read_bytes())
    assert (record["state"], [step["status"] for step in record["steps"]]) == ("failed", [3])
    assert [path.name for path in output.iterdir()] == ["pipeline.json"]


def cwltool_seen(site: GitSite, engine: str, file: Path, photos: Path, folder: Path) -> Any:
    """What the module was given by cwltool."""
    workflow, job = folder / "hostile.cwl", folder / "job.json"
    site.command("export", "--pipeline", file, "--to", "cwl", "--output", workflow)
    job.write_text(json.dumps({"data": {"class": "Directory", "path": str(photos)}}))
    done = runner(engine, "cwltool", "--outdir", folder / "cwl", workflow, job)
    return json.loads((Path(json.loads(done.stdout)["say"]["path"]) / "seen.json").read_bytes())


def gitlab_seen(site: GitSite, file: Path, photos: Path, folder: Path) -> Any:
    """What the module would be given by GitLab: its lines in a shell, with our Python."""
    folder.mkdir()
    exported = folder / ".gitlab-ci.yml"
    site.command("export", "--pipeline", file, "--to", "gitlab-ci", "--output", exported)
    (job,) = [each for name, each in read_yaml(exported).items() if name.startswith("mlreef-")]
    (folder / "data").symlink_to(photos)
    (folder / "say.py").write_text(SAY)
    start = f'python() {{ shift; "{sys.executable}" say.py "$@"; }}'
    script = "\n".join(["set -eu", start, *job["script"]])
    subprocess.run(["/bin/sh", "-c", script], cwd=folder, check=True)
    return json.loads((folder / "mlreef" / "say" / "seen.json").read_bytes())


def read_yaml(path: Path) -> Any:
    """A file as PyYAML reads it, which knows YAML 1.1."""
    code = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
    command = [str(RUNNERS / "python"), "-c", code]
    done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True)
    return json.loads(done.stdout)


def test_the_file_for_gitlab_fits_its_schema(site: GitSite, tmp_path: Path) -> None:
    file, broken = tmp_path / ".gitlab-ci.yml", tmp_path / "broken.yml"
    site.command("export", "--pipeline", PIPELINE, "--to", "gitlab-ci", "--output", file)
    broken.write_text(file.read_text().replace("script:", "scrpt:"))
    check = [str(RUNNERS / "check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci"]
    check += ["--data-transform", "gitlab-ci"]
    assert subprocess.run([*check, file], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*check, broken], capture_output=True, check=False).returncode == 1
    jobs = read_yaml(file)
    assert [each["job"] for each in jobs["mlreef-compare"]["needs"]] == [
        "mlreef-noise",
        "mlreef-edges",
    ]
    assert jobs["mlreef-noise"]["image"]["entrypoint"] == [""]
    assert "@sha256:" in jobs["mlreef-noise"]["image"]["name"]


# the registry of tools


@contextmanager
def web_server(folder: Path, served: Path, port: int) -> Iterator[None]:
    """The web server of the docs, which serves a folder."""
    (lines,) = [
        each.text for each in blocks(TEXTS["docs/pipelines.md"]) if each.language == "nginx"
    ]
    lines = lines.replace("/srv/tools/public", str(served))
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; events {{}} http {{ access_log off;"
        f" {temporary} server {{ listen 127.0.0.1:{port}; {lines} }} }}"
    )
    command = [find_program("nginx"), "-e", "stderr", "-c", str(config)]
    with daemon(command, log=folder / "nginx.log", ready=lambda: accepts(port)):
        yield


def test_cwltool_runs_a_module_by_its_name_and_version(
    site: GitSite, engine: str, photos: Path, tmp_path: Path
) -> None:
    served, port, job = tmp_path / "served", free_port(), tmp_path / "job.json"
    site.command("export", "--to", "trs", "--output", served)
    values = {"input-path": {"class": "Directory", "path": str(photos)}, "amount": 0.2, "seed": 7}
    job.write_text(json.dumps(values))
    audience = served / "private" / "examples"
    assert audience.stat().st_mode & 0o777 == 0o750
    with web_server(tmp_path, audience, port):
        url = f"http://127.0.0.1:{port}/ga4gh/trs/v2/tools"
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            listed = json.load(answer)
        assert "examples~add-noise" in [each["id"] for each in listed]
        place = f"{url}/examples~add-noise/versions/1.0.0/CWL/descriptor"
        with urllib.request.urlopen(place, timeout=SECONDS) as answer:
            assert "CommandLineTool" in json.load(answer)["content"]
        done = runner(
            engine, "cwltool", "--add-ga4gh-tool-registry", f"http://127.0.0.1:{port}",
            "--outdir", tmp_path / "out", "examples~add-noise:1.0.0", job,
        )  # fmt: skip
    made = outputs_of(done)["output"]
    output = tmp_path / "ours"
    site.command(
        "run", "examples/add-noise@1.0.0", "--input", photos, "--output", output,
        "-p", "amount=0.2", "-p", "seed=7",
    )  # fmt: skip
    assert made == hashes(output)


def test_a_text_is_the_same_text_to_a_reader_of_yaml(tmp_path: Path) -> None:
    texts = [WILD, "", "yes", "1e3", "- a", "&a *a", "\x00\x07\x7f\x85\u2028\ufeff\U0001f600", "é"]
    document = {
        "texts": texts,
        "no": {"on": [], "1": {}},
        "nested": [[1, [None, True]], {"a": "b"}],
    }
    (tmp_path / "a.yml").write_text(write_yaml(document), encoding="utf-8")
    assert read_yaml(tmp_path / "a.yml") == document

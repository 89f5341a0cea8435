"""Scripts of published projects made modules: `init --yes`, `check`, a push, `--help` in the image.

    .cache/test-venv/bin/python -m benchmarks.real_scripts [--only PROJECT]... [--write PAGE]

Each source distribution is fetched from the package index and checked by its hash; nothing of it
is kept. One file of it becomes a repository of its own, with the environment that its project has.
The push builds images of wheels, without a Docker engine; a private one makes the wheels that there
are none of, and starts the images: the module and the script itself have to answer `--help` there.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from benchmarks.published_scripts import SCRIPTS, Published
from tests.support.docker_cli import docker
from tests.support.engine import BASE_IMAGE, private_engine, store_base
from tests.support.git import Author, GitError, remote_lines
from tests.support.processes import end_processes_of
from tests.support.site import GitSite

_INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
_JSON = "application/vnd.pypi.simple.v1+json"
_STRANGER = ("--rm", "--read-only", "--network=none", "--user=1234:1234")
_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a script; `findings` are those of `check`, None where `init` refused it.

    `module` and `script` are whether the module and the script itself answer `--help` in the image;
    `said` is why, where one did not.
    """

    findings: Sequence[str] | None
    published: bool = False
    module: bool = False
    script: bool = False
    seconds: float = 0
    said: str = ""


def main() -> int:
    """Print a line for each script; exit status 1 where fewer than three of four answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", help="a project; may be given again")
    parser.add_argument("--write", type=Path, help="put the table into this page")
    options = parser.parse_args()
    chosen = [each for each in SCRIPTS if not options.only or each.project in options.only]
    outcomes: dict[Published, Outcome] = {}
    with tempfile.TemporaryDirectory() as folder, private_engine(Path(folder, "engine")) as engine:
        site = GitSite(Path(folder, "site"), engine, BASE_IMAGE, builder="auto")
        store_base(site.state / "images")
        try:
            for each in chosen:
                outcomes[each] = try_script(each, site, engine)
                print(row(each, outcomes[each]), outcomes[each].said, sep="\n", flush=True)
        finally:
            end_processes_of(Path(folder))
    if options.write:
        write_table(options.write, outcomes)
    good = sum(each.published and each.module and each.script for each in outcomes.values())
    print(f"{good} of {len(outcomes)} are published, and module and script answer --help")
    return 0 if 4 * good >= 3 * len(outcomes) else 1


def try_script(script: Published, site: GitSite, engine: str) -> Outcome:
    """What becomes of a script from an empty repository to its image."""
    author = site.author(f"scripts/{script.project.replace('.', '-')}")
    (author.folder / script.name).write_bytes(fetch(script))
    environment = install(script, site.folder / "environments" / script.project)
    began = time.monotonic()
    done = run_ours(site, author, environment, "init", "--yes")
    if done.returncode:
        return Outcome(findings=None, said=f"init: {done.stdout}{done.stderr}")
    found = json.loads(run_ours(site, author, environment, "check", "--format", "json").stdout)
    problems = [f"{each['severity']} `{each['rule']}`" for each in found["problems"]]
    findings = [*dict.fromkeys(problems)]
    if not found["ok"]:
        return Outcome(findings=findings, said=json.dumps(found["problems"]))
    author.commit({})
    author.tag("publish/1.0.0")
    try:
        said = "\n".join(remote_lines(author.push("master", "publish/1.0.0")))
    except GitError as error:
        said = str(error)
    seconds = time.monotonic() - began
    if " is published" not in said:
        return Outcome(findings=findings, seconds=seconds, said=said)
    return answers(
        script, site, engine, Outcome(findings=findings, published=True, seconds=seconds)
    )


def answers(script: Published, site: GitSite, engine: str, outcome: Outcome) -> Outcome:
    """The outcome with what the image answers, run as a stranger without a network."""
    document = site.document(f"scripts/{script.project.replace('.', '-')}")
    assert document is not None
    image = document["versions"][0]["image"]["reference"]
    own = ("--entrypoint=python3", image, f"/module/{script.name}", "--help")
    answered = [
        docker(engine, "run", *_STRANGER, *words, expect=None) for words in ((image, "--help"), own)
    ]
    module, itself = (each.lower().startswith("usage:") or "usage:" in each for each in answered)
    return Outcome(
        findings=outcome.findings,
        published=True,
        module=module,
        script=itself,
        seconds=outcome.seconds,
        said="" if module and itself else "the image does not answer --help",
    )


def fetch(script: Published) -> bytes:
    """The file out of its source distribution; ValueError where the archive is another one."""
    page = _ask(f"{_INDEX}/{script.project}/", _JSON)
    for file in json.loads(page)["files"]:
        if file["hashes"].get("sha256") != script.sha256:
            continue
        archive = _ask(urljoin(f"{_INDEX}/{script.project}/", file["url"]))
        if hashlib.sha256(archive).hexdigest() != script.sha256:
            break
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                if member.name.partition("/")[2] == script.path:
                    content = tar.extractfile(member)
                    assert content is not None
                    return content.read()
    raise ValueError(f"{script.project} {script.version} is not what it was")


def _ask(url: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def install(script: Published, place: Path) -> Path:
    """A virtual environment that has the project, as its author's has."""
    uv = [sys.executable, "-m", "uv"]
    system = {"UV_SYSTEM_CERTS": "1", **os.environ}
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    wanted = f"{script.project}=={script.version}"
    python = str(place / "bin" / "python")
    command = [*uv, "pip", "install", "--quiet", "--python", python, wanted]
    subprocess.run(command, check=True, env=system, timeout=_SECONDS)
    return place


def run_ours(
    site: GitSite, author: Author, environment: Path, *words: str
) -> "subprocess.CompletedProcess[str]":
    """What a command of the author did, in the clone and with the environment active."""
    command = [sys.executable, "-m", "mlreef_hooks", "--config", str(site.config), *words]
    return subprocess.run(
        command,
        cwd=author.folder,
        env={**author.environment, "VIRTUAL_ENV": str(environment), "PYTHONPATH": os.getcwd()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def found(outcome: Outcome) -> str:
    """What `check` found."""
    if outcome.findings is None:
        return "not asked: `init` refuses it"
    return ", ".join(outcome.findings) or "nothing"


def row(script: Published, outcome: Outcome) -> str:
    """A row of the table."""
    yes = {True: "yes", False: "no"}
    cells = [
        script.project, script.version, f"`{script.path}`",
        found(outcome), yes[outcome.published],
        yes[outcome.module], yes[outcome.script],
        f"{outcome.seconds:.1f}" if outcome.published else "",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def table_lines(outcomes: Mapping[Published, Outcome]) -> Iterator[str]:
    """The table with its head."""
    answers = "module answers | script answers"
    yield f"| project | version | file | `check` finds | published | {answers} | seconds |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from (row(script, outcome) for script, outcome in outcomes.items())


def write_table(page: Path, outcomes: Mapping[Published, Outcome]) -> None:
    """Put the table into a page, in the place of the one that is there."""
    lines = page.read_text().splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith("| ")]
    places += [number for number, line in enumerate(lines) if line.startswith("|---")]
    first, last = min(places), max(places)  # the page has one table
    lines[first : last + 1] = table_lines(outcomes)
    page.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())

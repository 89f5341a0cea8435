"""Hostile pushes, each by a real `git push` to a real site: refused, or contained.

The pusher sees plain and narrow lines, nothing of the server is touched or told, memory and time
are bounded, nothing fails by a mistake of ours, and who pushes next is served.
"""

import json
import resource
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import toml

from mlreef_hooks.job_log import FILE_BYTES
from tests.redteam.attack import PROJECTS, SECRET, Attack, Pushed, files, push
from tests.redteam.refs import REFS, REPLACED
from tests.redteam.requirements import (
    BOUNDS,
    ENDLESS_ATTACKS,
    ESCAPED,
    SOURCE_ATTACKS,
    WHEEL_ATTACKS,
    hostile_sources,
    hostile_wheels,
)
from tests.redteam.texts import TEXTS
from tests.redteam.trees import LIMITS, TREES
from tests.support.docker_cli import leftovers
from tests.support.git import Author
from tests.support.package_index import PackageIndex, package_index
from tests.support.publishing import entry, unwrapped
from tests.support.site import PROJECT, GitSite

BASE = "mlreef-base:bookworm"
PEAK_BYTES = 300 << 20
SECONDS = 90  # on a busy machine
LINES = 1500
ATTACKS = (*TREES, *TEXTS, *REFS, *WHEEL_ATTACKS)


class Target:
    """A site under attack, and somebody who only wants to publish there."""

    def __init__(self, folder: Path, images: Path, use: str, **settings: Any) -> None:
        self.images = images
        tables = {"images": {"path": str(images)}, **settings}
        self.site = GitSite(folder / "site", base_image=BASE, settings=tables, builder=use)
        self._good = self.site.author("good/upper")
        self._empty = self.site.repository("evil/empty")
        self._attacks = self._versions = 0
        self._bystander = subprocess.Popen(["sleep", "1000"])
        self._settings = self.site.config.read_text()
        self._outside = self._around()
        self._seen = {*images.rglob("*")}

    def attack(self, *attacks: Attack) -> list[tuple[str, Pushed]]:
        """The module's name and what the push did of each attack; all are pushed at once."""
        prepared = [(attack, self._author()) for attack in attacks]
        refs = [attack.prepare(author) for attack, author in prepared]
        with ThreadPoolExecutor() as pool:
            pushed = pool.map(push, (author for _, author in prepared), refs)
            names = (f"evil/{author.folder.name}" for _, author in prepared)
            return [*zip(names, pushed, strict=True)]

    def _author(self) -> Author:
        """Somebody with an empty clone of a new repository."""
        self._attacks += 1
        name = f"evil/a{self._attacks}"
        repository = self.site.repositories / f"{name}.git"
        shutil.copytree(self._empty, repository)
        return Author(self.site.folder / "clones" / name, repository)

    def bound(self, bounds: Mapping[str, Any]) -> None:
        """Let builds have these bounds from now on."""
        settings = toml.loads(self._settings)
        settings["builder"]["docker"] |= bounds
        self.site.config.write_text(toml.dumps(settings))

    def check_unharmed(self) -> None:
        """Nothing beside the site's own files is changed, and another author can publish."""
        assert self._bystander.poll() is None
        assert self._around() == self._outside
        assert not (self.site.state / "logs" / "errors.log").exists()
        self._versions += 1
        version = f"1.{self._versions}.0"
        self._good.commit({**PROJECT, "README.md": version})
        self._good.tag(f"publish/{version}")
        said = self._good.push("master", f"publish/{version}")
        assert f"success: upper {version} is published" in said

    def new_files_with(self, text: str) -> list[Path]:
        """The files of state, images and index that hold a text and were not looked at before."""
        folders = (self.site.state, self.images)
        found = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
        new, self._seen = found - self._seen, found
        return [path for path in new if text.encode() in path.read_bytes()]

    def end(self) -> None:
        """End what was started."""
        self._bystander.kill()
        self._bystander.wait()

    def _around(self) -> dict[str, object]:
        """What no push may change."""
        return {
            "folders": sorted(path.name for path in self.site.folder.parent.iterdir()),
            "site": sorted(path.name for path in self.site.folder.iterdir()),
            "pwned": [*Path.cwd().glob("pwned"), *self.site.repositories.rglob("pwned")],
            "passwd": Path("/etc/passwd").stat().st_mtime,
        }


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index of hostile packages."""
    with package_index() as found:
        found.add(*hostile_wheels(), *hostile_sources())
        yield found


@pytest.fixture(scope="module")
def target(
    tmp_path_factory: pytest.TempPathFactory, stored_base: Path, index: PackageIndex
) -> Iterator[Target]:
    """A site that builds without an engine."""
    settings = {"limits": LIMITS, "pip": {"index_url": index.url}}
    target = Target(tmp_path_factory.mktemp("redteam"), stored_base, "layers", **settings)
    yield target
    target.end()


@pytest.fixture(scope="module")
def engine_target(
    tmp_path_factory: pytest.TempPathFactory, stored_base: Path, index: PackageIndex, engine: str
) -> Iterator[Target]:
    """A site that builds what has no wheel in an engine, and starts every module there."""
    docker = {"url": engine, "network": "host", "build_seconds": 60, "start_seconds": 20}
    builder = {"use": "auto", "docker": docker, "layers": {"start": "always"}}
    settings = {"builder": builder, "pip": {"index_url": index.url}}
    target = Target(tmp_path_factory.mktemp("redteam"), stored_base, "auto", **settings)
    yield target
    target.end()


def check_said(pushed: Pushed, attack: Attack) -> None:
    """The pusher is told what has to be said, in plain lines, and within bounds."""
    said = unwrapped("\n".join(pushed.lines))
    for part in attack.said:
        assert part in said, said
    published = any(line.startswith("success: ") for line in pushed.lines)
    assert published == attack.published, said
    assert attack.published or "the push itself is stored" in said
    assert len(pushed.lines) < LINES
    for line in pushed.lines:
        assert len(line) <= 72, line
        assert line.isprintable(), ascii(line)
    assert SECRET not in said
    assert pushed.seconds < SECONDS
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10  # counts until git is started
    assert pushed.peak_bytes <= max(PEAK_BYTES, own)


def check_contained(target: Target, *attacks: Attack) -> None:
    """The attacks do nothing but what they may."""
    for attack, (module, pushed) in zip(attacks, target.attack(*attacks), strict=True):
        check_said(pushed, attack)
        assert target.site.versions(module) == (["1.0.0"] if attack.published else [])
        if attack.published:
            shown = target.site.command("show", module).stdout
            assert all(line.isprintable() for line in shown.splitlines()), ascii(shown)
    assert target.new_files_with(SECRET) == []
    target.check_unharmed()


def named(attack: Attack) -> str:
    return attack.name


@pytest.mark.parametrize("attack", ATTACKS, ids=named)
def test_a_hostile_project_is_refused_or_harmless(target: Target, attack: Attack) -> None:
    check_contained(target, attack)


def test_what_replaces_an_object_is_not_published(target: Target) -> None:
    ((module, _),) = target.attack(REPLACED)
    version = entry(target.site, module)
    blobs = target.images / "blobs" / "sha256"
    manifest = json.loads((blobs / version["image"]["digest"].removeprefix("sha256:")).read_bytes())
    layer = blobs / manifest["layers"][-1]["digest"].removeprefix("sha256:")
    with tarfile.open(layer) as tar:
        content = tar.extractfile("module/upper.py")
        assert content is not None
        assert content.read().decode() == PROJECT["upper.py"]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("attacks", "seconds"), [(SOURCE_ATTACKS, 120), (ENDLESS_ATTACKS, 4)], ids=["", "endless"]
)
def test_hostile_builds_are_contained(
    engine_target: Target, attacks: Sequence[Attack], seconds: int, engine: str
) -> None:
    before = leftovers(engine)
    engine_target.bound({**BOUNDS, "build_seconds": seconds})
    check_contained(engine_target, *attacks)
    assert leftovers(engine) <= before
    assert not ESCAPED.exists()
    for path in engine_target.site.state.glob("logs/job-*.log"):
        assert path.stat().st_size <= FILE_BYTES + (64 << 10)
        assert all(line.isprintable() for line in path.read_text().split("\n"))


@pytest.mark.engine
def test_a_module_is_started_without_a_network(engine_target: Target, index: PackageIndex) -> None:
    source = (PROJECTS / "reads-network" / "upper.py").read_text()
    attack = Attack(
        name="reads the network",
        prepare=files({"upper.py": source.replace("PORT", str(index.port))}),
        said=("success: ",),
        published=True,
    )
    index.requests.clear()
    check_contained(engine_target, attack)
    assert index.requests == []

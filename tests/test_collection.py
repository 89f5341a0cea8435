"""`mlreef-hooks gc`: what it deletes and never does, beside publishes and killed at any moment."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from mlreef_hooks.job_log import log_path
from mlreef_hooks.oci_layout import OciLayouts
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.publishing import project, publish
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site
from tests.support.wholeness import blobs_of, check_whole, digests, garbage

OLD = 10 * 86_400  # seconds, beyond every grace
WHEELS = 12


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    """A package index."""
    with package_index() as found:
        for number in range(WHEELS):
            files = {f"w{number}/__init__.py": f"N = {number}\n" * 2000}
            found.add(make_wheel(f"w{number}", "1.0", files))
        yield found


def make(folder: Path, index: PackageIndex, **gc: Any) -> GitSite:
    """A site whose package index is `index`, with these keys of `[gc]`."""
    pip, builder = {"index_url": index.url}, {"layers": {"start": "never"}}
    return make_site(folder / "site", pip=pip, builder=builder, gc=gc)


def collect(site: GitSite, *words: str) -> list[dict[str, Any]]:
    """What `gc` tells."""
    found: list[dict[str, Any]] = json.loads(site.command("gc", "--format", "json", *words).stdout)
    return found


def names(found: list[dict[str, Any]], kind: str) -> list[str]:
    return [each["name"] for each in found if each["kind"] == kind]


def make_old(site: GitSite) -> None:
    """Let all files of a site be old."""
    moment = time.time() - OLD
    for path in site.state.rglob("*"):
        if path.is_file() and not path.is_symlink() and ".sqlite" not in path.name:
            os.utime(path, (moment, moment))


def files_of(site: GitSite) -> dict[str, bytes]:
    """The files of a site, but tables and locks."""
    files = (path for path in site.state.rglob("*") if path.is_file())
    return {
        str(path.relative_to(site.state)): path.read_bytes()
        for path in files
        if not re.search(r"\.(sqlite|lock|collecting)", path.name)
    }


def test_by_default_every_version_stays(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index)
    author = site.author(MODULE)
    for number in range(3):
        publish(author, project(f"w{number}==1.0\n"), f"1.{number}")
    author.push(":publish/1.1")
    make_old(site)
    before = files_of(site)

    assert collect(site) == []
    assert collect(site, "--delete") == []

    after = files_of(site)
    assert {name: after[name] for name in before} == before
    check_whole(site)
    for version in ("1.0", "1.1", "1.2"):
        assert "the same" in site.command("verify", f"{MODULE}@{version}").stdout


def test_versions_beyond_those_kept_go_with_what_only_they_need(
    tmp_path: Path, index: PackageIndex
) -> None:
    site = make(tmp_path, index, keep_versions=2)
    author = site.author(MODULE)
    for number in range(4):
        publish(author, project(f"w{number}==1.0\n", **{"note.txt": str(number)}), f"1.{number}")
    make_old(site)
    before, blobs = files_of(site), len([*blobs_of(site).iterdir()])

    planned = collect(site)
    assert files_of(site) == before
    assert "nothing was deleted: --delete does it" in site.command("gc").stdout
    done = collect(site, "--delete")

    assert planned == done
    assert names(done, "versions") == [f"{MODULE}@1.1", f"{MODULE}@1.0"]
    assert sorted(names(done, "images")) == [f"{MODULE}:1.0", f"{MODULE}:1.1"]
    # Of each version its wheel, its code, its configuration and its manifest.
    assert len(names(done, "layers")) == 8 == blobs - len([*blobs_of(site).iterdir()])
    assert len(names(done, "locks")) == 2
    assert all(each["bytes"] > 0 for each in done if each["kind"] in ("layers", "locks"))
    assert site.versions(MODULE) == ["1.3", "1.2"]
    assert garbage(site) == set()
    check_whole(site)
    assert "the same" in site.command("verify", f"{MODULE}@1.2").stdout
    assert collect(site, "--delete") == []


def test_the_next_publishes_miss_nothing(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index, keep_versions=1)
    author = site.author(MODULE)
    publish(author, project("w0==1.0\n"), "1.0")
    publish(author, project("w1==1.0\n"), "1.1")
    make_old(site)
    assert names(collect(site, "--delete"), "images") == [f"{MODULE}:1.0"]
    for number, requirements in enumerate(("w1", "w0", "w0"), start=2):  # kept, gone, made again
        files = project(f"{requirements}==1.0\n", **{"note.txt": str(number // 4)})
        assert "is published (" in publish(author, files, f"1.{number}")
        check_whole(site)
    author.tag("publish/2.0")  # nothing changed
    assert "is published (" in author.push("publish/2.0")
    assert "the same" in site.command("verify", f"{MODULE}@2.0").stdout


def test_a_version_that_was_taken_out_can_be_published_from_its_commit_alone(
    tmp_path: Path, index: PackageIndex
) -> None:
    site = make(tmp_path, index, keep_versions=1)
    author = site.author(MODULE)
    publish(author, PROJECT, "1.0")
    before = digests(site, MODULE)["1.0"]
    publish(author, {"note.txt": "2"}, "2.0")
    make_old(site)
    collect(site, "--delete")
    author.git("tag", "-f", "publish/1.0", "HEAD")
    assert "tag-moved" in author.push("+publish/1.0")
    assert site.versions(MODULE) == ["2.0"]
    author.git("tag", "-f", "publish/1.0", before[0])
    assert "is published (" in author.push("+publish/1.0")
    assert digests(site, MODULE)["1.0"] == before


def test_what_is_new_stays(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index, keep_versions=1)
    layouts = OciLayouts(site.state / "images")
    fresh, old = layouts.put(b"fresh"), layouts.put(b"old")
    moment = time.time() - OLD
    os.utime(layouts.blob_path(old), (moment, moment))
    assert names(collect(site), "layers") == [old]
    assert names(collect(site, "--delete"), "layers") == [old]
    assert layouts.size_of(fresh) == 5


def test_what_a_publish_uses_counts_as_new(tmp_path: Path, index: PackageIndex) -> None:
    """A publish finds a layer; then it is suspended, and gc comes."""
    site = make(tmp_path, index)
    author = site.author(MODULE)
    publish(author, project("w0==1.0\n"), "1.0")
    make_old(site)
    publish(author, {"note.txt": "1"}, "1.1")
    layouts = OciLayouts(site.state / "images")
    for layout in layouts.names():
        for tag, manifest in layouts.tags(layout).items():
            layouts.untag(layout, tag, manifest)
    site.index.rename(site.folder / "away")
    found = names(collect(site), "layers")
    document = json.loads(next((site.folder / "away").rglob(f"modules/{MODULE}.json")).read_text())
    digest = document["versions"][0]["image"]["digest"]
    used = json.loads(layouts.read(digest))
    assert not {digest, *(each["digest"] for each in used["layers"])} & {*found}
    assert document["versions"][1]["image"]["digest"] in found


def test_a_yanked_version_goes_once_it_was_seen_so_for_days(
    tmp_path: Path, index: PackageIndex
) -> None:
    site = make(tmp_path, index, yanked_days=5)
    author = site.author(MODULE)
    publish(author, PROJECT, "1.0")
    publish(author, {"note.txt": "2"}, "1.1")
    site.command("yank", f"{MODULE}@1.0", "--reason", "broken")
    assert names(collect(site, "--delete"), "versions") == []
    memory = site.state / "gc.json"
    document = json.loads(memory.read_text())
    document["yanked"][f"{MODULE}@1.0"] -= 6 * 86_400
    memory.write_text(json.dumps(document))
    site.command("unyank", f"{MODULE}@1.0")
    assert names(collect(site, "--delete"), "versions") == []  # forgotten, too
    site.command("yank", f"{MODULE}@1.0", "--reason", "broken")
    assert names(collect(site, "--delete"), "versions") == []
    document["yanked"][f"{MODULE}@1.1"] = 0
    memory.write_text(json.dumps(document))
    assert names(collect(site, "--delete"), "versions") == [f"{MODULE}@1.0"]
    assert site.versions(MODULE) == ["1.1"]


def test_images_that_the_index_lost_stay(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index, keep_versions=1)
    author = site.author(MODULE)
    publish(author, project("w0==1.0\n"), "1.0")
    make_old(site)
    document = next(site.index.rglob(f"modules/{MODULE}.json"))
    before = files_of(site)
    for lost in (document, site.index):
        lost.rename(site.folder / lost.name)
        found = collect(site, "--delete")
        assert [each["kind"] for each in found] == ["kept"], found
        assert "run mlreef-hooks reindex" in found[0]["note"]
        (site.folder / lost.name).rename(lost)
    after = files_of(site)
    assert {name: after[name] for name in before} == before


def test_a_broken_index_lets_nothing_go(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index, keep_versions=1)
    author = site.author(MODULE)
    publish(author, PROJECT, "1.0")
    publish(author, {"note.txt": "2"}, "1.1")
    make_old(site)
    document = next(site.index.rglob(f"modules/{MODULE}.json"))
    for content in (b"{", b"{}", b'{"v": 1}'):
        document.write_bytes(content)
        blobs = {*blobs_of(site).iterdir()}
        assert str(document) in site.command("gc", "--delete", expect=1).stderr
        assert {*blobs_of(site).iterdir()} == blobs


def test_old_logs_caches_and_halves_go(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index, log_days=5, package_bytes=1)
    author = site.author(MODULE)
    publish(author, project("w0==1.0\n"), "1.0")
    logs, built = site.state / "logs", site.state / "built"
    log_path(site.state, 77, 3).write_text("built")
    (logs / "errors.log").write_text("trouble")
    (built / ("0" * 64)).mkdir(parents=True)
    (built / ("0" * 64) / "x-1-py3-none-any.whl").write_bytes(b"wheel")
    (site.state / "bases" / f"{'0' * 32}-3.11-True-2.json").write_text("{}")
    (site.state / "locked" / f"{'0' * 32}.json").write_text("no lock")
    first = collect(site, "--delete")
    assert (names(first, "logs"), names(first, "packages")) == ([], ["uv"])
    assert [*(site.state / "packages").glob("uv*/*")] == []
    make_old(site)
    for folder in (built / ("0" * 64),):
        os.utime(folder, (0, 0))
    found = collect(site, "--delete")
    assert sorted(names(found, "logs")) == ["job-1-1.log", "job-77-3.log"]
    assert (names(found, "wheels"), names(found, "packages")) == (["0" * 64], [])
    assert (len(names(found, "facts")), len(names(found, "locks"))) == (1, 1)
    assert (logs / "errors.log").exists()
    assert not (built / ("0" * 64)).exists()
    assert "is published (" in publish(author, project("w1==1.0\n"), "1.1")


def test_what_a_publish_left_that_never_came_to_its_end(
    tmp_path: Path, index: PackageIndex
) -> None:
    """The image is delivered, the index cannot be written; then the tag is deleted."""
    site = make(tmp_path, index)
    author = site.author(MODULE)
    publish(author, project("w0==1.0\n"), "1.0")
    site.index.rename(site.folder / "away")
    site.index.write_text("a file in the place of the folder")
    assert "is kept" in publish(author, project("w1==1.0\n"), "1.1")
    site.index.unlink()
    (site.folder / "away").rename(site.index)
    make_old(site)
    (waits,) = collect(site, "--delete")
    assert (waits["kind"], waits["name"]) == ("kept", f"{MODULE}:1.1")
    assert "will not be published" in author.push(":publish/1.1")
    found = collect(site, "--delete")
    assert (names(found, "images"), len(names(found, "layers"))) == ([f"{MODULE}:1.1"], 4)
    assert len(names(found, "locks")) == 1
    check_whole(site)
    assert garbage(site) == set()
    assert "the same" in site.command("verify", f"{MODULE}@1.0").stdout


# -- beside publishes, and killed ----------------------------------------------------------------


def test_publishes_beside_gc_leave_everything_whole(tmp_path: Path, index: PackageIndex) -> None:
    """Eight authors publish without an end, each time on what the last gc may have deleted."""
    site = make(tmp_path, index, keep_versions=1, grace_seconds=1)
    authors = [site.author(f"text/m{number}") for number in range(8)]
    enough = Event()

    def publish_on(place: int) -> list[str]:
        chance, failed, number = random.Random(place), [], 0
        while not enough.is_set():
            wanted = f"w{chance.randrange(4)}==1.0\n"
            files = project(wanted, **{"note.txt": str(chance.randrange(3))})
            said = publish(authors[place], files, f"1.{number}")
            failed += [] if "is published (" in said else [said]
            number += 1
        return failed

    def collect_on() -> list[int]:
        found: list[int] = []
        end = time.monotonic() + 300
        while (len(found) < 4 or sum(found) < 30) and time.monotonic() < end:
            found.append(len(collect(site, "--delete")))
        enough.set()
        return found

    with ThreadPoolExecutor(9) as pool:
        runs = [pool.submit(publish_on, place) for place in range(8)]
        collected = pool.submit(collect_on).result()
        failed = [said for run in runs for said in run.result()]
    print(f"gc ran {len(collected)} times, collected {sum(collected)}; refused: {failed}")
    assert sum(collected) >= 30
    assert failed == []
    check_whole(site)
    for place, author in enumerate(authors):
        version = max(site.versions(f"text/m{place}"), key=lambda each: int(each.split(".")[1]))
        assert "the same" in site.command("verify", f"text/m{place}@{version}").stdout
        assert "is published (" in publish(author, {"note.txt": "last"}, "9.0")


def test_a_killed_gc_leaves_everything_whole(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index, keep_versions=1)
    author = site.author(MODULE)
    chance, number, killed = random.Random(7), 0, 0
    seconds = 0.5
    for _ in range(8):
        for _ in range(2):
            files = project(f"w{number % WHEELS}==1.0\n", **{"note.txt": str(number)})
            assert "is published (" in publish(author, files, f"1.{number}")
            number += 1
        make_old(site)
        process = subprocess.Popen(
            [sys.executable, "-m", "mlreef_hooks", "--config", site.config, "gc", "--delete"],
            stdout=subprocess.DEVNULL,
        )
        began = time.monotonic()
        time.sleep(chance.uniform(seconds / 3, seconds))
        process.send_signal(signal.SIGKILL)
        was_killed = process.wait() == -signal.SIGKILL
        killed += was_killed
        seconds = seconds * 1.1 if was_killed else time.monotonic() - began
        check_whole(site)
        assert "the same" in site.command("verify", f"{MODULE}@1.{number - 1}").stdout
    assert killed > 2
    make_old(site)
    collect(site, "--delete")
    assert site.versions(MODULE) == [f"1.{number - 1}"]
    assert garbage(site) == set()
    assert collect(site, "--delete") == []

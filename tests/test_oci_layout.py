"""Images on disk: content by digest, names, several writers, writers that are killed."""

import json
import os
import random
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import MANIFEST, Descriptor, sha256
from mlreef_hooks.oci_layout import COLLECTING, OciLayouts
from tests.forks import child, run_all

CONTENT = b"some content"


@pytest.fixture
def layouts(tmp_path: Path) -> OciLayouts:
    """Layouts without anything in them."""
    return OciLayouts(tmp_path / "images")


def files(root: Path) -> set[str]:
    """Everything below a folder that is no folder, and no lock."""
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
    return found - {COLLECTING}


def test_a_blob_is_found_by_its_digest(layouts: OciLayouts) -> None:
    digest = layouts.put(CONTENT)
    assert digest == sha256(CONTENT)
    assert layouts.read(digest) == CONTENT
    assert layouts.size_of(digest) == len(CONTENT)
    assert layouts.has(Descriptor.of(MANIFEST, CONTENT))
    assert files(layouts.root) == {f"blobs/sha256/{digest.removeprefix('sha256:')}"}


def test_a_blob_that_lost_its_end_is_not_there(layouts: OciLayouts) -> None:
    digest = layouts.put(CONTENT)
    os.truncate(layouts.blob_path(digest), 3)
    assert not layouts.has(Descriptor.of(MANIFEST, CONTENT))


@pytest.mark.parametrize("digest", ["", "sha256:../../x", "sha256:" + "A" * 64, "md5:" + "1" * 32])
def test_what_is_no_digest_names_no_file(layouts: OciLayouts, digest: str) -> None:
    with pytest.raises(ValueError, match="no digest"):
        layouts.blob_path(digest)


def test_a_failed_writer_leaves_nothing(layouts: OciLayouts) -> None:
    def fail(out: IO[bytes]) -> None:
        out.write(CONTENT)
        raise PublishError("no", "never")

    with pytest.raises(PublishError):
        layouts.write(fail)
    assert files(layouts.root) == set()


def test_the_folder_is_closed_to_other_accounts(layouts: OciLayouts) -> None:
    layouts.put(CONTENT)
    assert layouts.root.stat().st_mode & 0o777 == 0o750


def test_a_layout_has_manifests_by_tag(layouts: OciLayouts) -> None:
    first, second = (Descriptor.of(MANIFEST, content) for content in (b"{}", b"{} "))
    layouts.tag("modules/vision/upper", "1.0", first)
    layouts.tag("modules/vision/upper", "1.1", second)
    layouts.tag("modules/vision/upper", "1.0", second)
    assert layouts.find("modules/vision/upper", "1.0") == second
    assert layouts.find("modules/vision/upper", "2.0") is None
    assert layouts.find("modules/vision/other", "1.0") is None
    folder = layouts.root / "modules/vision/upper"
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert len(json.loads((folder / "index.json").read_bytes())["manifests"]) == 2


def test_a_tag_can_be_taken_away_unless_it_was_given_anew(layouts: OciLayouts) -> None:
    first, second = (Descriptor.of(MANIFEST, content) for content in (b"{}", b"{} "))
    for tag, manifest in (("1.0", first), ("1.1", second)):
        layouts.tag("modules/vision/upper", tag, manifest)
    layouts.untag("modules/vision/upper", "1.0", second)
    assert layouts.tags("modules/vision/upper") == {"1.0": first, "1.1": second}
    layouts.untag("modules/vision/upper", "1.0", first)
    assert layouts.tags("modules/vision/upper") == {"1.1": second}
    assert (layouts.names(), layouts.tags("modules/other")) == (["modules/vision/upper"], {})


def test_an_image_whose_blobs_were_collected_gets_no_tag(layouts: OciLayouts) -> None:
    blobs = [Descriptor.of(MANIFEST, content) for content in (b"{}", CONTENT)]
    for content in (b"{}", CONTENT):
        layouts.put(content)
    layouts.tag("modules/vision/upper", "1.0", blobs[0], blobs)
    layouts.blob_path(blobs[1].digest).unlink()
    with pytest.raises(PublishError, match="was collected") as error:
        layouts.tag("modules/vision/upper", "1.1", blobs[0], blobs)
    assert error.value.passing
    assert layouts.find("modules/vision/upper", "1.1") is None


def test_what_is_asked_for_counts_as_new(layouts: OciLayouts) -> None:
    there = [Descriptor.of(MANIFEST, content) for content in (b"{}", CONTENT)]
    for content in (b"{}", CONTENT):
        os.utime(layouts.blob_path(layouts.put(content)), (0, 0))
    gone, cut = Descriptor.of(MANIFEST, b"gone"), replace(there[1], size=len(CONTENT) + 1)
    assert layouts.keep([there[0], gone, cut]) == {there[0].digest}
    ages = [layouts.blob_path(each.digest).stat().st_mtime for each in there]
    assert (ages[0] > time.time() - 60, ages[1]) == (True, 0)


def test_every_layout_has_the_blobs_of_all(layouts: OciLayouts) -> None:
    digest = layouts.put(CONTENT)
    layouts.tag("modules/vision/upper", "1.0", Descriptor.of(MANIFEST, CONTENT))
    shared = layouts.root / "modules/vision/upper/blobs/sha256" / digest.removeprefix("sha256:")
    assert shared.read_bytes() == CONTENT


def test_writers_at_the_same_time_do_not_lose_each_others_tags(layouts: OciLayouts) -> None:
    manifest = Descriptor.of(MANIFEST, CONTENT)

    def work(number: int) -> None:
        for place in range(20):
            layouts.put(CONTENT)
            layouts.tag("bases", f"{number}-{place}", manifest)

    assert run_all(*(partial(work, number) for number in range(4))) == [0] * 4
    index = json.loads((layouts.root / "bases/index.json").read_bytes())
    assert len(index["manifests"]) == 80


def test_killed_writers_leave_nothing_that_stays(layouts: OciLayouts) -> None:
    def work() -> None:
        for number in range(10_000):
            content = os.urandom(200_000)
            layouts.put(content)
            layouts.tag("bases", str(number % 7), Descriptor.of(MANIFEST, content))

    moments = random.Random(7)
    for _ in range(15):
        with child(work) as pid:
            time.sleep(moments.uniform(0.01, 0.06))
            os.kill(pid, signal.SIGKILL)
    layouts.sweep()
    for path in (layouts.root / "blobs/sha256").iterdir():
        assert sha256(path.read_bytes()) == f"sha256:{path.name}"
    layouts.tag("bases", "after", Descriptor.of(MANIFEST, b""))
    for entry in json.loads((layouts.root / "bases/index.json").read_bytes())["manifests"]:
        assert layouts.size_of(entry["digest"]) == entry["size"] or entry["size"] == 0


def test_a_writer_that_lives_is_not_swept_away(layouts: OciLayouts) -> None:
    def write(out: IO[bytes]) -> None:
        out.write(CONTENT)
        layouts.sweep()

    assert layouts.write(write).digest == sha256(CONTENT)
    assert layouts.read(sha256(CONTENT)) == CONTENT

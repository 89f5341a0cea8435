"""The same commit on the same base is the same image, whoever makes it where, bit for bit."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import BASE_IMAGE, store_base
from tests.support.package_index import make_wheel, package_index
from tests.support.publishing import entry, project, push_without_hook
from tests.support.site import PROJECT, GitSite

NOBODY = 65534
UPDATE = "0" * 40 + " {commit} refs/tags/publish/1.0.0\n"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Who makes an image, and in which surroundings; `repack` are options of git's."""

    user: int
    environment: Mapping[str, str]
    umask: int
    repack: tuple[str, ...] = ()

    def command(self, *words: str) -> list[str]:
        """The command as the user, who may read everything: this source may be in a closed folder.

        What is written is the user's.
        """
        if self.user == os.getuid():
            return [*words]
        reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        account = (f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups")
        return ["setpriv", *account, *reading, *words]


PLACES = {
    "here": Place(user=os.getuid(), environment={"TZ": "Asia/Tokyo", "LC_ALL": "C"}, umask=0o077),
    "there": Place(
        user=NOBODY if os.getuid() == 0 else os.getuid(),
        environment={"TZ": "America/New_York", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "5"},
        umask=0o002,
        repack=("-a", "-d", "-f", "--window=0"),
    ),
}


def image_made(place: Place, site: GitSite, files: Mapping[str, str]) -> dict[str, Any]:
    """The version that the hook publishes at a place, as its user."""
    store_base(site.state / "images")
    repository, commit = push_without_hook(site, "text/upper", files)
    if place.repack:
        subprocess.run(["git", "-C", repository, "repack", "-q", *place.repack], check=True)
    for path in (site.folder, *site.folder.rglob("*")):
        os.chown(path, place.user, place.user, follow_symlinks=False)
    words = ("-m", "mlreef_hooks", "--config", str(site.config), "post-receive")
    subprocess.run(
        place.command(sys.executable, *words),
        cwd=repository, env={**place.environment, "GIT_DIR": ".", "PATH": os.environ["PATH"]},
        input=UPDATE.format(commit=commit).encode(), check=True, umask=place.umask,
    )  # fmt: skip
    version = entry(site, "text/upper")
    blob = site.state / "images/blobs/sha256" / version["image"]["digest"].removeprefix("sha256:")
    assert blob.stat().st_uid == place.user
    return version


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="mlreef-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def assert_same(folder: Path, settings: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Make an image of the files at each place; they must be one."""
    versions = []
    for name, place in PLACES.items():
        site = GitSite(folder / name, base_image=BASE_IMAGE, settings=settings, builder="layers")
        versions.append(image_made(place, site, files))
    here, there = versions
    assert here["commit"] == there["commit"]
    assert here["wheels"] == there["wheels"] != []
    assert here["image"]["digest"] == there["image"]["digest"]


def test_small_wheels_and_code(open_folder: Path) -> None:
    files = {
        **project("tiny==1.0\nother==1.0\n"),
        "upper.py": "import tiny\n" + PROJECT["upper.py"],
    }
    files |= {f"folder{number}/file.txt": "text" * number for number in range(40)}
    with package_index() as index:
        index.add(
            make_wheel("tiny", "1.0", {"tiny.py": "WORDS = {'a', 'b', 'c'}\n"}),
            make_wheel("other", "1.0", {"other/__init__.py": "def f(x): return x in {'y', 'z'}\n"}),
        )
        assert_same(open_folder, {"pip": {"index_url": index.url}}, files)


@pytest.mark.long
@pytest.mark.engine
def test_wheels_with_thousands_of_files(open_folder: Path) -> None:
    files = project("numpy==2.4.6\nscipy==1.17.1\npandas==3.1.1\nscikit-image==0.26.0\n")
    assert_same(open_folder, {}, files)

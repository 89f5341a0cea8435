"""The examples fit together: their list, their pins, and a fetcher that fails in plain words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
FETCH_DATA = EXAMPLES / "fetch-data"
REQUIREMENTS = sorted(EXAMPLES.glob("*/**/requirements.txt"))


def pins(path: Path) -> dict[str, str]:
    """The version of each package that a requirements file pins."""
    return dict(line.split("==") for line in path.read_text().splitlines())


def test_the_readme_lists_every_example() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if (path / "README.md").is_file()}
    listed = re.findall(r"^\| \[([a-z0-9-]+)\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.M)
    assert len(folders) >= 3
    assert sorted(listed) == sorted(folders)


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.relative_to(EXAMPLES).parts[0])
def test_the_same_package_has_the_same_version_in_every_example(path: Path) -> None:
    """Modules that pin the same wheel share its layer."""
    everywhere = {name: each for other in REQUIREMENTS for name, each in pins(other).items()}
    assert pins(path).items() <= everywhere.items()


def test_the_data_come_from_the_scikit_learn_that_the_classifier_uses() -> None:
    version = pins(EXAMPLES / "wine-classifier" / "requirements.txt")["scikit-learn"]
    assert f'WHEEL = "scikit-learn=={version}"' in FETCH_DATA.read_text()


def test_fetch_data_says_why_nothing_could_be_fetched(tmp_path: Path) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, FETCH_DATA, tmp_path / "data"],
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("fetch-data: pip could not download scikit-learn==")
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "data").rglob("*")) == []
